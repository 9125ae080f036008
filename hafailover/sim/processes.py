"""Which ggated and ggatec processes run on a simulated host, and what do they hold open?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.emulation.files import Opener
from hafailover.sim.gate import Carrier, Server, connect

if TYPE_CHECKING:
    from hafailover.sim.host import Host


class Processes:
    """The user-land half of ggate on one host, gone with its power."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.servers: list[Server] = []
        self.carriers: list[Carrier] = []
        self.sessions: dict[str, tuple[str, str, str]] = {}
        """Export session -> (image, path, client address), as PREPARE_EXPORT made them."""
        self._pid = 100
        self._doomed: set[int] = set()
        self.lingers = False
        """Whether a ggated cannot be ended now: a child of it sleeps in the kernel and writes what it has fetched."""

    def lose_all(self) -> None:
        """The host lost its power: nothing runs, nobody holds anything."""
        for server in self.servers:
            server.is_alive = False
        self.servers, self.carriers = [], []
        self._doomed.clear()
        self.lingers = False
        holders = self.host.files.holders
        for path in holders:
            holders[path] = ()

    def start(self, ticket: int, argv: tuple[str, ...]) -> None:
        """Run what the kernel leaves to user land: ``ggatec create`` or ``ggated``."""
        if argv[0] == "ggatec":
            connect(self.host, ticket, argv)
            return
        kernel = self.host.kernel
        if kernel is None:
            return
        options = dict(zip(argv[1:-1:2], argv[2:-1:2], strict=False))
        session = argv[-1].rsplit("/", 2)[-2]
        prepared = self.sessions.get(session)
        port = int(options["-p"])
        # A ggated that finds its port taken or its exports file missing ends at once; it says so to nobody.
        if prepared is not None and not any(each.port == port for each in self.servers):
            image, path, client = prepared
            server = Server(
                host=self.host,
                pid=self.next_pid(),
                address=options["-a"],
                port=port,
                exports=argv[-1],
                session=session,
                path=path,
                image=image,
                client=client,
            )
            self.servers.append(server)
            opener = Opener(command="ggated", pid=server.pid, descriptor=5, writes=True)
            holders = self.host.files.holders
            holders[image] = (*holders.get(image, ()), opener)
        kernel.finish(ticket, 0 if prepared is not None else 1, self.host.now)

    def work(self, unit: int) -> None:
        """A ggate unit has something to be fetched."""
        for carrier in tuple(self.carriers):
            if carrier.unit == unit:
                carrier.work()

    def server_for(self, port: int, path: str, client: str) -> Server | None:
        """Return the ggated that would let ``client`` in to ``path``."""
        name_at = self.host.world.name_at
        for server in self.servers:
            if server.port == port and server.path == path and name_at(server.client) == client:
                return server
        return None

    def signal(self, pid: int) -> None:
        """End a process, with its group."""
        holders = self.host.files.holders
        for server in self.servers:
            if server.pid == pid and self.lingers:
                self._doomed.add(pid)
            elif server.pid == pid:
                server.is_alive = False
                held = holders.get(server.image, ())
                holders[server.image] = tuple(each for each in held if each.pid != pid)
        self.servers = [server for server in self.servers if server.is_alive]
        for carrier in self.carriers:
            if carrier.pid == pid:
                carrier.end()
        self.carriers = [carrier for carrier in self.carriers if carrier.is_alive]

    def linger(self, *, lingers: bool) -> None:
        """Let every ggated outlive its signals, or end those that did."""
        self.lingers = lingers
        doomed, self._doomed = self._doomed, set()
        for pid in doomed:
            self.signal(pid)

    def listing(self) -> str:
        """Return what ps(1) would print of them."""
        lines = [
            f"{each.pid} 1 {each.pid} Ss ggated -a {each.address} -p {each.port} {each.exports}"
            for each in self.servers
        ]
        lines += [
            f"{each.pid} 1 {each.pid} Ss {' '.join(each.argv)}"
            for each in self.carriers
            if each.is_usable
        ]
        return "\n".join(lines) + "\n"

    def pids(self, program: str) -> tuple[int, ...]:
        """Return the processes of a program, ``ggated`` or ``ggatec``."""
        found = self.servers if program == "ggated" else self.carriers
        return tuple(each.pid for each in found)

    def next_pid(self) -> int:
        """Return a fresh process id."""
        self._pid += 1
        return self._pid
