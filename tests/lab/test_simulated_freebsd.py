"""Two whole agents that believe they run on FreeBSD, from their start to a handover.

Nothing that only Linux has is reached, and what they start is what a FreeBSD host would be asked for.
"""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafailover.lab import agent_view
from hafailover.lab.configuration import Tuning
from hafailover.lab.world import PRODUCT, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]

IMAGE = "SELF/root/images/sites.img"
EXPORTS = "SELF/var/run/hafailover/exports/remotemirror-SESSION"
AT_START = ["python -m hafailover.system.scapy_child", "/sbin/ifconfig lnc1"]
PROMOTION = [
    f"fstat {IMAGE}",
    f"mdconfig -a -t vnode -f {IMAGE} -u 10",
    "gmirror label -b prefer remotemirror md10",
    "fsck_ffs -p /dev/mirror/remotemirror",
    "mount -t ufs /dev/mirror/remotemirror SELF/home/sites",
    "SELF/bin/lab-workload start",
    "ifconfig lnc1 inet 192.168.1.102/32 alias",
]
REBUILD = [
    f"ggatec create -t 30 -q 1024 -p 3080 -u 10 10.10.10.2 {EXPORTS}/sites.img",
    "gmirror insert -p 0 remotemirror ggate10",
]
LOSS = ["ggatec destroy -f -u 10", "gmirror forget remotemirror"]
DEMOTION = [
    "ifconfig lnc1 inet 192.168.1.102 -alias",
    "SELF/bin/lab-workload stop",
    "umount SELF/home/sites",
    "gmirror destroy remotemirror",
    "mdconfig -d -u 10",
]
GUARD = "chflags 0o400000 SELF/home/sites"
"""Once: after that the flag is seen to be there."""
EXPORT = [f"ggated -a OWN -p 3080 -F {EXPORTS}/ggated.pid {EXPORTS}/exports"]
TAKEN_OVER = [
    f"mdconfig -a -t vnode -f {IMAGE} -u 10",
    f"ggatec create -t 30 -q 1024 -p 3080 -u 10 10.10.10.1 {EXPORTS}/sites.img",
    "gmirror label -b prefer remotemirror ggate10 md10",
    "fsck_ffs -p /dev/mirror/remotemirror",
    "mount -t ufs /dev/mirror/remotemirror SELF/home/sites",
    "SELF/bin/lab-workload start",
    "ifconfig lnc1 inet 192.168.1.102/32 alias",
]


class Pair:
    def __init__(self, world: World) -> None:
        self._world = world

    def children(self, node: str) -> list[str]:
        """Return what a node's agent and its workers have started, without what differs each time."""
        lines = (self._world.directory / node / "children").read_text()
        for word, stands_for in (
            (rf"{self._world.directory}/self/python -I -S -c .*", "worker"),
            (rf"{self._world.directory}/self/python", "python"),
            (rf"{self._world.directory}/self", "SELF"),
            (r"remotemirror-[0-9a-f]{8}\b", "remotemirror-SESSION"),
            (r"-a 10\.10\.10\.\d", "-a OWN"),
        ):
            lines = re.sub(word, stands_for, lines)
        return lines.splitlines()

    async def until(self, primary: str, **copies: str) -> None:
        """Wait until one node has the volume mounted and each copy is what it is to be."""
        while (  # noqa: ASYNC110 - nothing tells
            self._world.observer.look().mounted != {primary}
            or await agent_view.copies(self._world) != copies
        ):
            await asyncio.sleep(0.2)

    async def hand_over(self) -> None:
        """Order it until it is done: on a busy machine a copy may just have been let go."""
        order = self._world.hafailover("switchover")
        while (await self._world.nodes["A"].run(*order)).status != 0:
            await self.until("A", A="in_sync", B="in_sync")

    async def knock(self, port: int) -> str:
        """Return what comes of a connection from a machine of the LAN to B's LAN address."""
        pid = self._world.bystanders["client"].pid
        script = f"import socket; socket.create_connection(('192.168.1.101', {port}), 30)"
        process = await asyncio.create_subprocess_exec(
            *("nsenter", f"--net=/proc/{pid}/ns/net", "--", sys.executable, "-c", script),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        return said.decode()

    def assert_that_nothing_is_told(self, node: str) -> None:
        """Hold every file of a node against the key of the pair, and those of the agent against their modes."""
        home = self._world.directory / node
        key = home / "etc" / "hafailover.key"
        secret = key.read_bytes().strip()
        files = [path for path in home.rglob("*") if path.is_file() and path != key]
        assert len(files) > 20
        assert [path for path in files if secret in path.read_bytes()] == []
        state, run = home / "var/db/hafailover", home / "var/run/hafailover"
        own = [
            path for path in (*state.rglob("*"), *(run / "exports").rglob("*")) if path.is_file()
        ]
        own.append(run / "control.sock")
        assert len(own) > 2
        assert [
            path for path in own if path.lstat().st_mode & 0o077 and not path.is_symlink()
        ] == []

    def log(self, node: str) -> str:
        return (self._world.directory / node / "var" / "log" / "agent.log").read_text()


def in_order(wanted: list[str], found: list[str]) -> bool:
    """Whether all of ``wanted`` was started, one after the other; others may stand between."""
    rest = iter(found)
    return all(line in rest for line in wanted)


def test_a_pair_lives_on_a_simulated_freebsd(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    own = str(tmp_path / "self")

    def agent(command: list[str]) -> list[str]:
        assert command[1:3] == ["-m", "hafailover"]
        return [sys.executable, "-m", "tests.system.simulated_node", own, *command[3:]]

    async def story() -> None:
        tuning = Tuning(image_megabytes=4)
        async with World(tmp_path, tuning, replace(PRODUCT, agent=agent)) as world:
            pair = Pair(world)
            await world.start()
            await pair.until("A", A="in_sync", B="in_sync")
            # The export is bound to the replication network: a stranger on the LAN does not get to it.
            assert "refused" in await pair.knock(3080)
            await world.nodes["B"].power_off()
            await pair.until("A", A="sole")
            await world.nodes["B"].power_on()
            await pair.until("A", A="in_sync", B="in_sync")
            await pair.hand_over()
            await pair.until("B", A="in_sync", B="in_sync")
            a, b = pair.children("A"), pair.children("B")
            assert in_order(AT_START + PROMOTION + REBUILD + LOSS + REBUILD + DEMOTION + EXPORT, a)
            assert in_order(AT_START + EXPORT + AT_START + EXPORT + TAKEN_OVER, b)
            assert a.count(GUARD) == b.count(GUARD) == 1
            assert in_order([GUARD, PROMOTION[5]], a)
            assert in_order([GUARD, *EXPORT], b)
            looks = {"mount", "ifconfig lnc1", "worker", "SELF/bin/lab-workload check"}
            looks |= {"ps -axww -o pid= -o ppid= -o pgid= -o state= -o command="}
            looks |= {"python -m hafailover.courier.process", "ggatec destroy -u 10"}
            looks |= {"gmirror configure -p 100 remotemirror md10"}
            # A busy machine can make an agent stop by force; what it does then is FreeBSD's, too.
            looks |= {"fstat -f SELF/home/sites", "umount -f SELF/home/sites"}
            known = {GUARD, *AT_START, *PROMOTION, *REBUILD, *LOSS, *DEMOTION, *EXPORT, *TAKEN_OVER}
            assert {*a, *b} - known - looks == set()
            for node in world.nodes:
                pair.assert_that_nothing_is_told(node)
                assert "internal error" not in pair.log(node)
                assert "Error" not in pair.log(node)

    in_own_namespaces(story)
