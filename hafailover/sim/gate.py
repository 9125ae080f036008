"""How do ggated and ggatec behave between simulated hosts? As processes with a TCP stream between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hafailover.emulation.errors import EIO
from hafailover.emulation.files import FileError
from hafailover.emulation.gate import GateRequest, GateSpec
from hafailover.emulation.geom import BioCommand
from hafailover.sim.network import REPLICATION
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.host import Host

CONNECT_LIMIT_NS = 76 * SECOND
"""A connection to where nobody answers gives up after this (observed on 14.0)."""
RECONNECT_NS = 2 * SECOND
_HANG_NS = SECOND // 20
"""How often a ggated that waits for its disk looks again."""


@dataclass(slots=True, eq=False)
class Server:
    """A ggated: its parent and children are one here, since they share their process group."""

    host: Host
    pid: int
    address: str
    port: int
    exports: str
    session: str
    path: str
    image: str
    client: str
    is_alive: bool = True
    carriers: list[Carrier] = field(default_factory=list)

    def serve(self, request: GateRequest) -> tuple[int, bytes]:
        """Carry out one request on the image file."""
        files = self.host.files
        try:
            if request.command is BioCommand.READ:
                return 0, files.pread(self.image, request.offset, request.length)
            if request.command is BioCommand.WRITE:
                files.pwrite(self.image, request.offset, request.data)
                self.host.wrote(self.image, f"ggated {self.session}")
            elif request.command is BioCommand.FLUSH:
                files.fsync(self.image)
        except FileError as error:
            return error.error or EIO, b""
        return 0, b""


@dataclass(slots=True, eq=False)
class Carrier:
    """A ggatec: carries one unit's requests to one server, reconnecting for ever."""

    host: Host
    pid: int
    unit: int
    target: Host
    port: int
    path: str
    argv: tuple[str, ...]
    life: int
    server: Server | None = None
    is_alive: bool = True

    def work(self) -> None:
        """Fetch what waits and send it on its way."""
        kernel = self.host.kernel
        while self.is_usable and self.server is not None and kernel is not None:
            error, request = kernel.gate_fetch(self.unit, self.host.now)
            if error:
                self.end()
                return
            if request is None:
                return
            self._send(request, self.server)

    def _send(self, request: GateRequest, server: Server) -> None:
        network = self.host.world.network
        target_life = self.target.life

        def arrive() -> None:
            if not server.is_alive or self.target.life != target_life:
                self._lost(server)
                return
            if self.target.is_frozen:
                self.target.when_thawed(arrive)
                return
            if self.target.hangs(server.image):
                self.target.world.timeline.after(_HANG_NS, arrive)
                return
            error, data = server.serve(request)
            network.segment(
                REPLICATION, self.target.name, self.host.name, lambda: answer(error, data)
            )

        def answer(error: int, data: bytes) -> None:
            kernel = self.host.kernel
            if self.is_usable and self.server is server and kernel is not None:
                kernel.gate_answer(self.unit, request.seq, error, data, self.host.now)
                self.host.drain()

        network.segment(REPLICATION, self.host.name, self.target.name, arrive)

    def _lost(self, server: Server) -> None:
        """The stream broke: requeue what was under way, and connect again for ever."""
        if self.server is server and self.is_usable:
            self.server = None
            self.host.world.timeline.after(RECONNECT_NS, self._reconnect)

    def _reconnect(self) -> None:
        kernel = self.host.kernel
        if not self.is_usable or kernel is None:
            return
        server = self.target.processes.server_for(self.port, self.path, self.host.name)
        reachable = self.host.world.network.is_open_both_ways(
            REPLICATION, self.host.name, self.target.name
        )
        if server is None or not reachable:
            self.host.world.timeline.after(RECONNECT_NS, self._reconnect)
            return
        self.server = server
        kernel.gate_cancel(self.unit, self.host.now)
        self.host.drain()

    @property
    def is_usable(self) -> bool:
        """Whether this process still lives on a host that was not reset."""
        return self.is_alive and self.host.life == self.life

    def end(self) -> None:
        """The process ends; its device does not."""
        self.is_alive = False
        if self.host.kernel is not None and self.host.life == self.life:
            self.host.kernel.gate_leave(self.unit, self.host.now)


def connect(host: Host, ticket: int, argv: tuple[str, ...]) -> None:
    """Run ``ggatec create``: connect, create the device, go into the background."""
    options = dict(zip(argv[2:-2:2], argv[3:-2:2], strict=False))
    address, path = argv[-2], argv[-1]
    unit, port = int(options["-u"]), int(options.get("-p", "3080"))
    world, life = host.world, host.life
    target = world.host_at(address)

    def finish(status: int) -> None:
        if host.life == life and host.kernel is not None:
            host.kernel.finish(ticket, status, host.now)
            host.drain()

    if (
        target is None
        or not target.answers
        or not world.network.is_open_both_ways(REPLICATION, host.name, target.name)
    ):
        world.timeline.after(CONNECT_LIMIT_NS, lambda: finish(1))
        return

    def connected() -> None:
        kernel = host.kernel
        server = target.processes.server_for(port, path, host.name)
        if host.life != life or kernel is None:
            return
        if server is None:
            finish(1)
            return
        spec = GateSpec(
            mediasize=target.files.stat(server.image).size,
            unit=unit,
            timeout=int(options.get("-t", "0")),
            queue_size=int(options.get("-q", "1024")),
            info=f"{address}:{port} {path}",
        )
        error, _ = kernel.gate_create(spec, host.now)
        if error:
            finish(1)
            return
        carrier = Carrier(
            host, host.processes.next_pid(), unit, target, port, path, argv, life, server
        )
        host.processes.carriers.append(carrier)
        server.carriers.append(carrier)
        host.drain()
        finish(0)

    world.timeline.after(SECOND // 1000, connected)
