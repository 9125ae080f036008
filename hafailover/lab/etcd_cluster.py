"""The lab's etcd: three real servers, each in a machine of its own on the LAN."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from typing import TYPE_CHECKING, Final

from hafailover.lab.plan import Machine, Network, lan_machine

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from hafailover.lab.bystander import Bystander

CLIENT_PORT: Final = 2379
PEER_PORT: Final = 2380
PREFIX: Final = "/lab"

MEMBERS: Final = tuple(
    lan_machine(f"etcd{number}", f"192.168.1.{10 + number}/24") for number in (1, 2, 3)
)
"""The machines; members are called after them."""


def address(machine: Machine) -> str:
    """Return a member's address on the LAN."""
    (port,) = machine.ports
    assert port.network is Network.LAN  # noqa: S101
    return str(port.addresses[0].ip)


def endpoints() -> list[str]:
    """Return the members' client URLs."""
    return [f"http://{address(machine)}:{CLIENT_PORT}" for machine in MEMBERS]


def missing() -> str | None:
    """Return one sentence that says what the lab lacks for it, or None."""
    if shutil.which("etcd") is None:
        return "The arbiter etcd needs the program etcd: apt install etcd-server."
    return None


class EtcdCluster:
    """The servers that run in the members' machines."""

    def __init__(self, machines: dict[str, Bystander], directory: Path) -> None:
        """Prepare servers whose data and logs lie in ``directory``."""
        self._machines = machines
        self._directory = directory
        self._servers: dict[str, asyncio.subprocess.Process] = {}

    async def start_all(self) -> None:
        """Start every member; a leader is elected within some seconds."""
        self._directory.mkdir()
        for machine in MEMBERS:
            await self.start(machine.name)

    async def start(self, name: str) -> None:
        """Start a member that is not running."""
        if name in self._servers:
            return
        own = next(machine for machine in MEMBERS if machine.name == name)
        peers = ",".join(f"{one.name}=http://{address(one)}:{PEER_PORT}" for one in MEMBERS)
        client, peer = (f"http://{address(own)}:{port}" for port in (CLIENT_PORT, PEER_PORT))
        server = await self._machines[name].start(
            "etcd",
            f"--name={name}",
            f"--data-dir={self._directory / name}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster={peers}",
            "--auto-compaction-retention=1h",
            environment=dict(os.environ),
            log=self._directory / f"{name}.log",
        )
        self._servers[name] = server

    async def kill(self, name: str) -> None:
        """End a member at once; what it had acknowledged is on its disk."""
        server = self._servers.pop(name, None)
        if server is not None:
            with contextlib.suppress(ProcessLookupError):
                server.kill()
            await server.wait()

    def freeze(self, name: str) -> None:
        """Let a member stand still."""
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        self._signal(name, signal.SIGCONT)

    def _signal(self, name: str, number: signal.Signals) -> None:
        if name in self._servers:
            self._servers[name].send_signal(number)
