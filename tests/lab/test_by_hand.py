"""The pair run by hand with FreeBSD's commands: what the agent builds on, in the lab's own world."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hafailover.lab import audit
from hafailover.lab.configuration import MIRROR, Tuning
from hafailover.lab.plan import FLOATING_ADDRESS
from hafailover.lab.world import PRODUCT, World
from tests.lab.idle import idle_agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.slow]


class Hand:
    """A person at the consoles of both nodes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.image = str(world.paths.image)
        self.exports = str(world.paths.own / "exports")

    async def do(self, node: str, line: str, *, may_fail: bool = False) -> str:
        ended = await self.world.nodes[node].run(*line.split(), deadline_s=60)
        assert may_fail or ended.status == 0, (node, line, ended)
        return ended.output

    async def clear(self, node: str) -> None:
        """Zero the last sector, where a mirror's metadata is."""
        with self.world.image(node).open("r+b") as file:
            file.seek(-512, 2)
            file.write(bytes(512))

    async def export(self, node: str, address: str, peer: str) -> None:
        await self.clear(node)
        home = self.world.nodes[node].files.root
        (home / "exports").write_text(f"{peer} RW {self.image}\n")
        pid = f"{self.world.paths.own}/var/run/ggated.pid"
        await self.do(node, f"ggated -a {address} -F {pid} {self.exports}")

    async def end_export(self, node: str) -> None:
        """End ggated and its children, which are one process group."""
        pid = (self.world.nodes[node].files.run / "ggated.pid").read_text().strip()
        await self.do(node, f"kill -KILL -- -{pid}")

    async def serve(self, node: str) -> None:
        await self.do(node, f"fsck_ffs -p /dev/mirror/{MIRROR}")
        await self.do(node, f"mount /dev/mirror/{MIRROR} {self.world.paths.files.mount_point}")
        await self.do(node, "lab-workload start")
        await self.do(node, f"ifconfig lnc1 inet {FLOATING_ADDRESS}/32 alias")

    async def until_mirror(self, node: str, *words: str) -> None:
        while True:
            status = await self.do(node, "gmirror status -s", may_fail=True)
            if all(word in status for word in words):
                return
            await asyncio.sleep(0.1)


async def _pair(directory: Path, story: Callable[[Hand], object]) -> None:
    cast = replace(PRODUCT, agent=idle_agent)
    async with World(directory, Tuning(image_megabytes=4), cast) as world:
        await world.start()
        outcome = story(Hand(world))
        assert asyncio.iscoroutine(outcome)
        await outcome


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _build(hand: Hand) -> None:
    """Make A primary, with B's image in its mirror."""
    await hand.export("B", "10.10.10.2", "10.10.10.1")
    await hand.clear("A")
    await hand.do("A", f"mdconfig -a -t vnode -f {hand.image} -u 10")
    await hand.do("A", f"gmirror label -b prefer {MIRROR} md10")
    await hand.serve("A")
    await hand.do("A", f"gmirror configure -p 100 {MIRROR} md10")
    await hand.do("A", f"ggatec create -o rw -t 30 -u 10 10.10.10.2 {hand.image}")
    await hand.do("A", f"gmirror insert -p 0 {MIRROR} ggate10")
    await hand.until_mirror("A", "COMPLETE", "md10 (ACTIVE)", "ggate10 (ACTIVE)")


def test_power_off_of_the_primary_loses_no_acknowledged_record(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story(hand: Hand) -> None:
        world = hand.world
        await _build(hand)
        before = len(world.acknowledged())
        await _until(lambda: len(world.acknowledged()) > before + 50)
        await world.nodes["A"].power_off()
        promised = world.acknowledged()
        await hand.end_export("B")
        await hand.clear("B")
        await hand.do("B", f"mdconfig -a -t vnode -f {hand.image} -u 10")
        await hand.do("B", f"gmirror label -b prefer {MIRROR} md10")
        await hand.serve("B")
        await _until(lambda: len(world.acknowledged()) > len(promised) + 50)
        await _until(lambda: world.answers()[-1].node == "B")
        await world.nodes["B"].power_off()
        assert await audit.count_lost(world.image("B"), world.acknowledged()) == 0
        assert await audit.count_lost(world.image("A"), promised) == 0

    in_own_namespaces(lambda: _pair(tmp_path, story))


def test_writes_hang_while_the_secondary_is_gone_until_its_gate_is_destroyed(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story(hand: Hand) -> None:
        world = hand.world
        await _build(hand)
        await world.nodes["B"].power_off()
        await asyncio.sleep(0.3)
        stuck = len(world.acknowledged())
        await asyncio.sleep(1.0)
        assert len(world.acknowledged()) == stuck
        await hand.do("A", "ggatec destroy -f -u 10")
        await _until(lambda: len(world.acknowledged()) > stuck + 20)
        await hand.until_mirror("A", "DEGRADED")

    in_own_namespaces(lambda: _pair(tmp_path, story))
