"""The first process of a node: makes the node's world, starts kernel and agent, takes orders.

Run as ``python -m hafailover.lab.supervisor NODE.JSON`` with namespaces of its own (network,
mounts, processes, host name). It says its process id outside on standard output, waits for a line
on standard input (the cables are in), and says ``up`` when the node runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyroute2 import AsyncIPRoute

from hafailover.lab import mounts, orders, rc_service
from hafailover.lab.children import Children
from hafailover.lab.ifconfig import service
from hafailover.lab.ifconfig.links import Links
from hafailover.lab.node_files import NodeFiles

RESTART_SECONDS: Final = 1.0
"""How long daemon(8) -r waits before it starts its child again."""

_DEADLINE_STATUS: Final = 124


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSheet:
    """What the lab tells a node about itself, as a JSON file."""

    name: str
    home: str
    """The node's directory, in the lab's view."""
    own: str
    """The same, in the node's own view."""
    ports: list[tuple[str, list[str]]]
    """Interfaces with their addresses."""
    gateway: str
    """Address of the default route; empty for none."""
    kernel: list[str]
    """Command line of the emulated kernel; empty for none."""
    agent: list[str]
    """Command line of the agent; empty for none."""
    agent_waits: bool
    """Whether the agent is started only on order."""
    environment: dict[str, str]
    """Of all its processes; each boot adds HAFAILOVER_BOOT_ID."""


class Supervisor:
    """The life of one node, from power to power failure."""

    def __init__(self, sheet: NodeSheet) -> None:
        """Run the node that ``sheet`` describes."""
        self._sheet = sheet
        self._files = NodeFiles(root=Path(sheet.own))
        self._children = Children()
        self._agent: int | None = None
        self._kernel: int | None = None
        self._agent_starts = 0
        self._agent_wanted = asyncio.Event()
        if not sheet.agent_waits or rc_service.enabled(self._files).exists():
            self._agent_wanted.set()
        # Not the sheet's alone: each boot has an id of its own, which comes with the power.
        self._environment = dict(os.environ)
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Bring the node up and serve until it is killed."""
        self._mount()
        async with AsyncIPRoute() as netlink:
            await _configure(netlink, self._sheet)
            service.install(self._files.programs / "ifconfig", self._files.ifconfig_door)
            doors = [
                await service.serve(Links(netlink), self._files.ifconfig_door),
                await asyncio.start_unix_server(self._take, self._files.order_door),
            ]
            if self._sheet.kernel:
                await self._start_kernel()
            if self._sheet.agent:
                self._tasks.append(asyncio.create_task(self._keep_agent()))
            print("up", flush=True)  # noqa: T201 -- the lab waits for this word
            await asyncio.gather(*(door.serve_forever() for door in doors))

    def _mount(self) -> None:
        mounts.mount("none", "/", "", mounts.MS_REC | mounts.MS_PRIVATE)
        mounts.mount("proc", "/proc", "proc")
        mounts.mount(self._sheet.home, self._sheet.own, "", mounts.MS_BIND | mounts.MS_REC)

    async def _start_kernel(self) -> None:
        """Start the emulated kernel and wait for its door."""
        with (self._files.log / "kernel.log").open("ab") as log:
            self._kernel, end = self._children.start(
                self._sheet.kernel, environment=self._environment, output=log
            )
        while not self._files.kernel_door.exists() and not end.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self._tasks.append(asyncio.create_task(self._watch_kernel(end)))

    async def _watch_kernel(self, end: asyncio.Future[int]) -> None:
        """End with the kernel: without it the host is down, and so is everything on it."""
        status = await end
        print(f"the kernel ended with status {status}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(0)

    async def _keep_agent(self) -> None:
        """Start the agent, and start it again whenever it ends."""
        while True:
            await self._agent_wanted.wait()
            with (self._files.log / "agent.log").open("ab") as log:
                self._agent, end = self._children.start(
                    self._sheet.agent, environment=self._environment, output=log
                )
            self._agent_starts += 1
            status = await end
            self._agent = None
            with (self._files.log / "agent.log").open("a") as log:
                log.write(f"daemon: the agent ended with status {status}\n")
            await asyncio.sleep(RESTART_SECONDS)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one order out."""
        order = orders.decode_order(await reader.readline())
        answer: orders.Ended | orders.Answer
        match order:
            case orders.Run():
                answer = await self._run(order)
            case orders.SignalAgent():
                if not order.restart:
                    self._agent_wanted.clear()
                if self._agent is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self._agent, order.number)
                answer = self._answer()
            case orders.StartAgent():
                self._agent_wanted.set()
                answer = self._answer()
            case orders.Ask():
                answer = self._answer()
        writer.write(orders.encode(answer))
        await writer.drain()
        writer.close()

    def _answer(self) -> orders.Answer:
        return orders.Answer(
            agent=self._agent, kernel=self._kernel, agent_starts=self._agent_starts
        )

    async def _run(self, order: orders.Run) -> orders.Ended:
        """Run a command, and end its process group when it takes too long."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
            try:
                pid, end = self._children.start(
                    order.arguments,
                    environment=self._environment,
                    output=output,
                    error=error,
                )
            except OSError as problem:
                return orders.Ended(status=127, output="", error=f"{problem}\n")
            try:
                status = await asyncio.wait_for(asyncio.shield(end), order.deadline_s)
            except TimeoutError:
                status = _DEADLINE_STATUS
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
            return orders.Ended(
                status=status,
                output=_text(output.fileno()),
                error=_text(error.fileno()),
            )


def _text(descriptor: int) -> str:
    """Return what was written to a temporary file."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")


async def _configure(netlink: Any, sheet: NodeSheet) -> None:
    """Give the interfaces their addresses and switch them on."""
    for interface, addresses in [("lo", []), *sheet.ports]:
        (index,) = await netlink.link_lookup(ifname=interface)
        await netlink.link("set", index=index, state="up")
        for text in addresses:
            address, _, length = text.partition("/")
            await netlink.addr("add", index=index, address=address, prefixlen=int(length))
    if sheet.gateway:
        await netlink.route("add", dst="default", gateway=sheet.gateway)


def main() -> None:
    """Be the first process of the node described in the file named on the command line."""
    # Until the node has a /proc of its own, this is the process id as the lab sees it.
    print(Path("/proc/self").readlink(), flush=True)  # noqa: T201 -- the lab waits for it
    sys.stdin.readline()
    sheet = NodeSheet(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    socket.sethostname(sheet.name)

    async def live() -> None:
        await Supervisor(sheet).run()

    asyncio.run(live())


if __name__ == "__main__":
    main()
