"""A machine of the lab that is no node: a network namespace, and programs that run in it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyroute2 import AsyncIPRoute

if TYPE_CHECKING:
    from hafailover.lab.plan import Machine
    from hafailover.lab.switch import Switch


class Bystander:
    """The client, the gateway, or a part of the arbiter."""

    def __init__(self, machine: Machine, switch: Switch) -> None:
        """Prepare a machine that is off."""
        self.machine = machine
        self._switch = switch
        self._holder: asyncio.subprocess.Process | None = None
        self._programs: list[asyncio.subprocess.Process] = []

    @property
    def pid(self) -> int:
        """A process whose network namespace is the machine's; only while it is on."""
        if self._holder is None:
            raise ProcessLookupError(f"{self.machine.name} is off")
        return self._holder.pid

    async def power_on(self) -> None:
        """Make the namespace, held by a process that only waits, and plug the cables in."""
        here = _network_of("thread-self")
        self._holder = await asyncio.create_subprocess_exec(
            "unshare", "--net", "--", "cat", stdin=asyncio.subprocess.PIPE
        )
        while _network_of(self._holder.pid) == here:  # noqa: ASYNC110 -- nothing tells when
            await asyncio.sleep(0.005)
        for port in self.machine.ports:
            await self._switch.plug(self.machine.name, port, self._holder.pid)
        netlink: Any
        async with AsyncIPRoute(netns=f"/proc/{self._holder.pid}/ns/net") as netlink:
            for port in self.machine.ports:
                (index,) = await netlink.link_lookup(ifname=port.interface)
                for address in port.addresses:
                    await netlink.addr(
                        "add",
                        index=index,
                        address=str(address.ip),
                        prefixlen=address.network.prefixlen,
                    )
                await netlink.link("set", index=index, state="up")
            await netlink.link("set", index=1, state="up")

    async def start(
        self, *arguments: str, environment: dict[str, str], log: Path
    ) -> asyncio.subprocess.Process:
        """Start a program in the machine; it ends with it.

        Raises:
            ProcessLookupError: The machine is off.
        """
        with log.open("ab") as output:
            program = await asyncio.create_subprocess_exec(
                "nsenter",
                f"--net=/proc/{self.pid}/ns/net",
                "--",
                *arguments,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._programs.append(program)
        return program

    async def power_off(self) -> None:
        """End the programs and give the namespace up."""
        for process in (*self._programs, self._holder):
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        self._programs.clear()
        self._holder = None
        await self._switch.unplug(self.machine.name)


def _network_of(process: int | str) -> Path:
    """Return what names the network namespace of a process."""
    return Path(f"/proc/{process}/ns/net").readlink()
