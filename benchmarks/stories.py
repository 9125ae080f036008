"""The same faults for a pair of hafailover and for scripts written by hand, on the same emulated hosts."""

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import by_hand
from benchmarks.lab_pair import PATIENCE_S, standing, until, until_settled
from benchmarks.shares import Shares, of_promotion
from hafailover.lab import audit
from hafailover.lab.client import longest_outage
from hafailover.lab.configuration import GROUP, Tuning
from hafailover.lab.observer import judge
from hafailover.lab.world import World

CALM_S = 1.0
STALL_LIMIT_S = 10.0
"""So long a write is waited for that the loss of the secondary holds up; then it counts as endless."""
RETURN_S = 60.0
WRITES = 20
"""So many writes are acknowledged that only one copy has."""
OURS, SCRIPTS = "hafailover", "the scripts"
STORIES = ("planned failover", "planned failback", "primary powered off", "return and failback")
"""What ends in an outage; one that the scripts did not come back from counts as long as it was waited for."""


@dataclass(slots=True)
class Seen:
    """What one way did with one size of image; times in milliseconds."""

    outage: dict[str, float] = field(default_factory=dict)
    stall_ms: float = 0.0
    acknowledged: int = 0
    lost: int = 0
    both_mounted_ms: int = 0
    old_answers: int = 0
    """What clients were answered from a copy that lacks acknowledged writes."""
    shares: Shares | None = None
    """Of the takeover after the primary's power was cut."""


@asynccontextmanager
async def pair(way: str, tuning: Tuning) -> AsyncIterator[World]:
    """Bring a pair of either kind up, and down again."""
    if way == OURS:
        async with standing(tuning) as world:
            yield world
        return
    with tempfile.TemporaryDirectory(prefix="hafailover-bench-") as directory:
        async with World(Path(directory), tuning, by_hand.cast(Path(directory))) as world:
            await world.start()
            yield world


class Story:
    """The same faults for either way."""

    def __init__(self, world: World, way: str) -> None:
        self._world = world
        self._is_ours = way == OURS
        self._seen = Seen()

    async def play(self) -> Seen:
        """Play, cut all power, and count."""
        _tell("begins", self._is_ours)
        try:
            await self._live_through()
        except TimeoutError as problem:
            if self._is_ours:
                raise
            _tell(f"gave up: {problem}", self._is_ours)
        for what in STORIES:
            self._seen.outage.setdefault(what, PATIENCE_S * 1000)
        self._seen.stall_ms = self._seen.stall_ms or PATIENCE_S * 1000
        return await self._count()

    async def _live_through(self) -> None:
        seen = self._seen
        await self._settle("A")
        seen.outage["planned failover"] = await self._outage(self._move("A"), "B")
        await self._settle("B")
        seen.outage["planned failback"] = await self._outage(self._move_back(), "A")
        await self._settle("A")
        await self._lose_primary()
        seen.outage["return and failback"] = await self._return()
        await self._settle("A")
        seen.stall_ms = await self._lose_secondary()

    async def play_moves(self) -> list[float]:
        """Move there and back; returns the two outages; only for hafailover."""
        found = []
        for node, successor in (("A", "B"), ("B", "A")):
            await self._settle(node)
            found.append(await self._outage(self._move(node), successor))
        return found

    async def play_death(self) -> Seen:
        """Cut the primary's power, and nothing else; only for hafailover."""
        await self._settle("A")
        await self._lose_primary()
        return await self._count()

    async def play_stale(self, alone_s: float, write_s: float) -> Seen:
        """Let the older copy be alone: the secondary dies, the primary writes on and dies, the secondary returns first.

        Writes of the scripts' primary hang from the secondary's death on, so somebody takes the dead half out of the
        mirror by hand, as the handbook says; hafailover does so by itself.

        Args:
            alone_s: So long the node with the older copy may take to serve it.
            write_s: So long writes go on where they are to be lost, or not.

        Returns:
            ``lost`` are the acknowledged writes that in the end are on neither copy.
        """
        world, seen = self._world, self._seen
        await self._settle("A")
        await world.nodes["B"].power_off()
        if not self._is_ours:
            await world.nodes["A"].run("ggatec", "destroy", "-f", "-u", "11")
        before = len(world.acknowledged())
        await until(lambda: len(world.acknowledged()) > before + WRITES, "A writes on alone", 30.0)
        await world.nodes["A"].power_off()
        left_ns = time.monotonic_ns()
        await world.nodes["B"].power_on()
        _tell("has the older copy alone", self._is_ours)
        with contextlib.suppress(TimeoutError):
            await until(lambda: self._answering("B"), "the older copy is served", alone_s)
            await asyncio.sleep(write_s)
        seen.old_answers = sum(each.asked_ns > left_ns for each in world.answers())
        await world.nodes["A"].power_on()
        _tell("waits for the newer copy", self._is_ours)
        with contextlib.suppress(TimeoutError):
            await until(lambda: self._answering("A"), "A answers", RETURN_S)
            await asyncio.sleep(write_s)
        return await self._count()

    async def _lose_primary(self) -> None:
        world, seen = self._world, self._seen
        begin_ns = time.monotonic_ns()
        seen.outage["primary powered off"] = await self._outage(world.nodes["A"].power_off(), "B")
        if self._is_ours:
            state = replace(world.paths, own=world.directory / "B").files.state
            outage = longest_outage(world.answers(), begin_ns, time.monotonic_ns())
            seen.shares = of_promotion(state, outage.begin_ns)

    async def _count(self) -> Seen:
        world, seen = self._world, self._seen
        end_ns = time.monotonic_ns()
        acknowledged = world.acknowledged()
        for node in world.nodes.values():
            await node.power_off()
        seen.acknowledged = len(acknowledged)
        seen.lost = min(
            [await audit.count_lost(world.image(name), acknowledged) for name in world.nodes]
        )
        seen.both_mounted_ms = judge(world.observer.sights, end_ns).both_mounted_ms
        return seen

    async def _settle(self, primary: str) -> None:
        if self._is_ours:
            await until_settled(self._world, primary)
        await until(lambda: self._answering(primary), f"{primary} answers")
        await asyncio.sleep(CALM_S)

    def _answering(self, node: str) -> bool:
        last = self._world.answers()[-1:]
        return any(each.node == node and time.monotonic_ns() - each.at_ns < 3e8 for each in last)

    async def _outage(self, change: Awaitable[None], successor: str) -> float:
        """Bring a change about; return the client's longest wait until the successor has answered for a while."""
        begin = time.monotonic_ns()
        await change
        _tell(f"waits for {successor}", self._is_ours)
        await until(lambda: self._answering(successor), f"{successor} answers", PATIENCE_S)
        await asyncio.sleep(CALM_S)
        answers = self._world.answers()
        return longest_outage(answers, begin, time.monotonic_ns()).milliseconds

    async def _move(self, node: str) -> None:
        world = self._world
        if self._is_ours:
            ended = await world.nodes[node].run(*world.hafailover("switchover", GROUP))
            if ended.status:
                raise RuntimeError(f"switchover on {node}: {ended.error or ended.output}")
        else:
            # The service ends before the daemon: a script of a daemon that ends is ended with it.
            await world.nodes[node].run("/bin/sh", str(by_hand.script(world, "backup")))
            await world.nodes[node].signal_agent(signal.SIGTERM, restart=False)

    async def _move_back(self) -> None:
        """By hand the preferred node's daemon is started again, and takes the group."""
        if self._is_ours:
            await self._move("B")
        else:
            await self._world.nodes["A"].start_agent()

    async def _return(self) -> float:
        """Let the dead node come back and serve again; return the outage of that."""
        node = self._world.nodes["A"]
        if not self._is_ours:
            return await self._outage(node.power_on(), "A")
        await node.power_on()
        await self._settle("B")
        return await self._outage(self._move("B"), "A")

    async def _lose_secondary(self) -> float:
        """Cut the secondary's power; return how long the longest write took, or was waited for."""
        world = self._world
        begin = time.monotonic_ns()
        await world.nodes["B"].power_off()
        end = time.monotonic() + STALL_LIMIT_S
        while time.monotonic() < end:
            await asyncio.sleep(0.25)
            done = [each for each in world.acknowledged() if each.begun_ns > begin]
            if len(done) > 5 and time.monotonic_ns() - begin > 5e9:
                break
        spans = [
            each.acknowledged_ns - each.begun_ns
            for each in world.acknowledged()
            if each.acknowledged_ns > begin
        ]
        last = max((each.acknowledged_ns for each in world.acknowledged()), default=begin)
        return max([*spans, time.monotonic_ns() - last]) / 1e6


def _tell(what: str, is_ours: bool) -> None:  # noqa: FBT001 - which way
    sys.stderr.write(f"{OURS if is_ours else SCRIPTS}: {what}\n")
