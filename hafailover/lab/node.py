"""How does the lab hold a node: its power, its cables, its processes?"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import uuid
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafailover.lab import orders
from hafailover.lab.node_files import NodeFiles
from hafailover.lab.plan import Cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.plan import Machine
    from hafailover.lab.supervisor import NodeSheet
    from hafailover.lab.switch import Switch

_SPACES: Final = ("--net", "--mount", "--pid", "--uts", "--fork", "--kill-child")
BOOT_SECONDS: Final = 3.0
"""How long a host takes to come back after it has reset itself."""

_FROZEN: Final = "frozen"
"""Reason of the cuts that a freeze makes."""

_POWERLESS: Final = "powerless"
"""Reason of the cuts that a power failure makes."""


class NodeFailedError(Exception):
    """A node did not come up; the text says what its processes said."""


class Node:
    """One node, from outside."""

    def __init__(
        self,
        machine: Machine,
        sheet: NodeSheet,
        switch: Switch,
        after_power_off: Callable[[Path], None],
    ) -> None:
        """Prepare a node that is off; ``after_power_off`` gets its directory at each power cut."""
        self.resets = 0
        """How often the host reset itself: then it starts again by itself too."""
        self._watching: asyncio.Task[None] | None = None
        self._button = asyncio.Lock()
        """Power that is cut while the node starts is cut once there is something to be killed."""
        self.machine = machine
        self.files = NodeFiles(root=Path(sheet.home))
        self._sheet = sheet
        self._switch = switch
        self._after_power_off = after_power_off
        self._process: asyncio.subprocess.Process | None = None
        self.pid: int | None = None
        """The first process, as the lab numbers it; None while the node is off."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.machine.name

    async def power_on(self) -> None:
        """Start the node and wait until its kernel and agent are started.

        Raises:
            NodeFailedError: it ended on the way.
        """
        async with self._button:
            if self._process is None:
                await self._start()

    async def _start(self) -> None:
        self.files.make()
        sheet_path = self.files.root / "node.json"
        sheet_path.write_text(json.dumps(asdict(self._sheet)), encoding="utf-8")
        with (self.files.log / "supervisor.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                "unshare",
                *_SPACES,
                "--",
                sys.executable,
                "-m",
                "hafailover.lab.supervisor",
                str(sheet_path),
                env={**self._sheet.environment, "HAFAILOVER_BOOT_ID": str(uuid.uuid4())},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._process = process
        self.pid = int(await self._hear())
        for port in self.machine.ports:
            await self._switch.plug(self.name, port, self.pid)
        if process.stdin is not None:
            process.stdin.write(b"cabled\n")
        await self._hear()
        self._watching = asyncio.create_task(self._watch(process))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Start the node again when it has ended by itself: its host was reset."""
        await process.wait()
        if self._process is not process:
            return
        self.resets += 1
        await self._fall()
        await asyncio.sleep(BOOT_SECONDS)
        await self.power_on()

    async def _hear(self) -> str:
        """Return the next line that the node's first process says."""
        line = b""
        if self._process is not None and self._process.stdout is not None:
            line = await self._process.stdout.readline()
        if not line:
            log = (self.files.log / "supervisor.log").read_text(errors="replace")
            raise NodeFailedError(f"node {self.name} did not come up:\n{log}")
        return line.decode().strip()

    async def power_off(self) -> None:
        """Cut the power: no packet leaves any more, then every process is gone at once."""
        async with self._button:
            if self._watching is not None:
                self._watching.cancel()
            if self._process is not None:
                await self._end(self._process)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        # Silence first, unseen by the node: a power failure sends no FIN and no RST, and nobody in
        # the dying node gets to see a link go down.
        for port in self.machine.ports:
            await self._switch.cut(self.name, port.network, Cut.SILENT, _POWERLESS)
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        await process.wait()
        await self._fall()

    async def _fall(self) -> None:
        """Do what follows the end of the node's processes, whoever ended them."""
        await self._switch.unplug(self.name)
        self._process = None
        self.pid = None
        for port in self.machine.ports:
            for reason in (_FROZEN, _POWERLESS):
                await self._switch.heal(self.name, port.network, reason)
        await asyncio.to_thread(self._after_power_off, self.files.root)

    async def freeze(self) -> None:
        """Stop every process of the node, the emulated kernel too, and let its cables fall silent.

        The cables, because the namespace's TCP and ARP would go on answering for a host that stands
        still.
        """
        for port in self.machine.ports:
            await self._switch.cut(self.name, port.network, Cut.SILENT, _FROZEN)
        stopped: set[int] = set()
        while fresh := self.processes() - stopped:
            for pid in fresh:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            stopped |= fresh

    async def thaw(self) -> None:
        """Let the node go on where it stood."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for port in self.machine.ports:
            await self._switch.heal(self.name, port.network, _FROZEN)

    def processes(self) -> set[int]:
        """Return the process ids of everything in the node, as the lab numbers them."""
        if self.pid is None:
            return set()
        found = set()
        with contextlib.suppress(OSError):
            own = Path(f"/proc/{self.pid}/ns/pid").readlink()
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    with contextlib.suppress(OSError):
                        if (entry / "ns" / "pid").readlink() == own:
                            found.add(int(entry.name))
        return found

    async def run(self, *arguments: str, deadline_s: float = 60.0) -> orders.Ended:
        """Run a command in the node.

        Raises:
            OSError: the node is off.
        """
        return await orders.run(self.files.order_door, *arguments, deadline_s=deadline_s)

    async def ask(self) -> orders.Answer:
        """Ask how the node's processes are.

        Raises:
            OSError: the node is off.
        """
        return await orders.ask(self.files.order_door)

    async def start_agent(self) -> None:
        """Let the agent run, now and after every power-on to come.

        Raises:
            OSError: the node is off.
        """
        self._sheet = replace(self._sheet, agent_waits=False)
        await orders.start_agent(self.files.order_door)

    async def signal_agent(self, number: int, *, restart: bool = True) -> orders.Answer:
        """Send the agent a signal.

        Raises:
            OSError: the node is off.
        """
        return await orders.signal_agent(self.files.order_door, number, restart=restart)
