"""How long are the data away, with hafailover and with scripts written by hand around a VRRP daemon?

    python -m benchmarks.data_failover [--smoke] [--json FILE]

Both ways run on the same emulated hosts: real processes, packets and image bytes. In turn the group is moved
and moved back on purpose, the primary's power is cut, it returns and takes over again, and the secondary's power
is cut.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import by_hand
from benchmarks.figures import Figure, Scale, main
from benchmarks.lab_pair import PATIENCE_S, standing, until, until_settled
from hafailover.lab import audit, sandbox
from hafailover.lab.client import longest_outage
from hafailover.lab.configuration import GROUP, Tuning
from hafailover.lab.observer import judge
from hafailover.lab.world import World

CALM_S = 1.5
STALL_LIMIT_S = 15.0
"""So long a write is waited for that the loss of the secondary holds up; then it counts as endless."""
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
    own_ms: float | None = None
    """Of the takeover after the primary's power was cut: what was not waited for."""


def run(scale: Scale) -> list[Figure]:
    """Play both ways for each size."""
    sizes = (16,) if scale.is_smoke else (64, 256, 1024)
    return asyncio.run(_play_all(sizes))


async def _play_all(sizes: Iterable[int]) -> list[Figure]:
    figures: list[Figure] = []
    for megabytes in sizes:
        seen = {}
        for way in (OURS, SCRIPTS):
            async with _pair(way, megabytes) as world:
                seen[way] = await Story(world, way).play()
        figures += _figures(megabytes, seen[OURS], seen[SCRIPTS])
    return figures


@asynccontextmanager
async def _pair(way: str, megabytes: int) -> AsyncIterator[World]:
    tuning = Tuning(image_megabytes=megabytes, interval="1s")
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
        world, seen = self._world, self._seen
        await self._settle("A")
        seen.outage["planned failover"] = await self._outage(self._move("A"), "B")
        await self._settle("B")
        seen.outage["planned failback"] = await self._outage(self._move_back(), "A")
        await self._settle("A")
        seen.outage["primary powered off"] = await self._outage(world.nodes["A"].power_off(), "B")
        if self._is_ours:
            seen.own_ms = _own_ms(replace(world.paths, own=world.directory / "B").files.state)
        seen.outage["return and failback"] = await self._return()
        await self._settle("A")
        seen.stall_ms = await self._lose_secondary()

    async def _count(self) -> Seen:
        world, seen = self._world, self._seen
        end_ns = time.monotonic_ns()
        acknowledged = world.acknowledged()
        for node in world.nodes.values():
            await node.power_off()
        seen.acknowledged = len(acknowledged)
        lost = [await audit.count_lost(world.image(name), acknowledged) for name in world.nodes]
        seen.lost = min(lost)
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


def _own_ms(state: Path) -> float | None:
    """Return what of the last promotion in a journal was spent while nothing asked for was under way."""
    open_since: dict[tuple[str, int], int] = {}
    begun = end = None
    busy = 0
    for line in (state / "journal.jsonl").read_text().splitlines():
        step = json.loads(line)
        if step.get("line") != "step":
            continue
        now, event = step["now"], step["event"]
        if begun is None:
            texts = [each.get("text", "") for each in step["actions"] if each["is"] == "Note"]
            if any("standby -> promoting" in text for text in texts):
                begun, busy = now, 0
        kind = _ENDS.get(event["is"])
        if kind is not None:
            since = open_since.pop((kind, event["id"]), None)
            if since is not None and not open_since and begun is not None:
                busy += now - max(since, begun)
        for action in step["actions"]:
            if action["is"] in _BEGINS and (action["is"] != "Observe" or not action["is_routine"]):
                first = min(open_since.values(), default=now)
                open_since[action["is"], action["id"]] = first
        if begun is not None and any(each["is"] == "AnnounceAddresses" for each in step["actions"]):
            end = now
            break
    return None if begun is None or end is None else (end - begun - busy) / 1e6


_BEGINS = ("RunStep", "Observe", "WriteRecords", "RunService", "AssignAddresses")
_ENDS = {
    "StepFinished": "RunStep",
    "StorageObserved": "Observe",
    "RecordsWritten": "WriteRecords",
    "ServiceFinished": "RunService",
}


def _figures(megabytes: int, ours: Seen, scripts: Seen) -> list[Figure]:
    goals = {
        "primary powered off": (0.2, "ratio at most", "silence that ping demands, commands"),
        "planned failback": (2000.0, "value at most", "the commands: unmount, mount, services"),
        "return and failback": (
            2000.0,
            "value at most",
            "the rebuild is over before the outage begins",
        ),
        "planned failover": (None, "value at most", "the commands: unmount, mount, services"),
    }
    rows = []
    for what, (goal, kind, bound) in goals.items():
        rows.append(
            Figure(
                what=f"outage, {what}, {megabytes} MB",
                value=ours.outage[what],
                unit="ms",
                beside=SCRIPTS,
                other=scripts.outage[what],
                goal=goal if megabytes == 64 or kind == "value at most" else None,
                goal_is=kind,
                bound=bound,
            )
        )
    rows.append(
        Figure(
            what=f"longest write, secondary powered off, {megabytes} MB",
            value=ours.stall_ms,
            unit="ms",
            beside=f"{SCRIPTS} (given up after {STALL_LIMIT_S:.0f} s)",
            other=scripts.stall_ms,
            goal=1500.0,
            bound="four silent heartbeats, records, ggatec destroy",
        )
    )
    if ours.own_ms is not None:
        rows.append(
            Figure(
                what=f"promotion's own time, {megabytes} MB",
                value=ours.own_ms,
                unit="ms",
                beside="whole outage",
                other=ours.outage["primary powered off"],
                goal=50.0,
                bound="decisions of the core, wake-ups between commands",
            )
        )
    for what, one, other in (
        ("acknowledged writes lost", ours.lost, scripts.lost),
        ("ms with both nodes mounted", ours.both_mounted_ms, scripts.both_mounted_ms),
    ):
        rows.append(
            Figure(
                what=f"{what}, {megabytes} MB",
                value=float(one),
                unit="",
                beside=SCRIPTS,
                other=float(other),
                goal=0.0,
                samples=ours.acknowledged,
            )
        )
    return rows


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.data_failover", *sys.argv[1:]])
    os.environ.setdefault("LANG", "C.UTF-8")
    main("data_failover", "How long data are away.", run)
