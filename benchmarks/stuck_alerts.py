"""Does a failover wait for whom alerts cannot reach? The same moves and the same death, with and without them.

    python -m benchmarks.stuck_alerts [--smoke] [--json FILE]

Beside a hook that writes alerts down there are, in one of two runs, a hook that hangs, a web address that nobody
listens at, and a spool that was full before the agents began. What the first hook was told is compared with what the
agents raised.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.figures import Figure, Scale, main, median
from benchmarks.lab_pair import until
from benchmarks.stories import OURS, Story
from hafailover.courier.spool import Spool
from hafailover.group.actions import Severity
from hafailover.lab import sandbox
from hafailover.lab.configuration import DEAD_URL, STUCK_QUEUE, Tuning
from hafailover.lab.world import World
from hafailover.runtime.alerting import LASTING, Alert

WITHOUT = "without them"
PLANNED, DEATH = "planned move", "primary powered off"
RATIO = 1.1
"""More than that is no noise."""
_UNREACHED = ["exec 2: /bin/sleep", f"webhook 1: {DEAD_URL}"]
_TOLD_S = 30.0


@dataclass(slots=True)
class Seen:
    """What clients felt, in milliseconds, and the alerts that the hook which works was not told."""

    outages: dict[str, list[float]] = field(default_factory=lambda: {PLANNED: [], DEATH: []})
    raised: int = 0
    untold: int = 0


def run(scale: Scale) -> list[Figure]:
    """Play without and with."""
    return asyncio.run(_play_all(scale))


async def _play_all(scale: Scale) -> list[Figure]:
    seen = {False: Seen(), True: Seen()}
    for is_stuck in (False, True):
        await _play(is_stuck, scale, seen[is_stuck])
    return list(_figures(seen[False], seen[True]))


async def _play(is_stuck: bool, scale: Scale, seen: Seen) -> None:  # noqa: FBT001 - one of two
    tuning = Tuning(image_megabytes=8, stuck_alerts=is_stuck)
    with tempfile.TemporaryDirectory(prefix="hafailover-bench-") as directory:
        async with World(Path(directory), tuning) as world:
            if is_stuck:
                for name in world.nodes:
                    _fill(_state(world, name) / "alerts")
            await world.start()
            story = Story(world, OURS)
            for _ in range(scale.of(2, 1)):
                seen.outages[PLANNED] += await story.play_moves()
            if not scale.is_smoke:
                seen.outages[DEATH].append((await story.play_death()).outage["primary powered off"])
            await _compare(world, ("B",) if not scale.is_smoke else ("A", "B"), seen)


def _fill(directory: Path) -> None:
    """Leave as much in a spool as fits, for those who cannot be reached."""
    directory.mkdir(parents=True, exist_ok=True)
    spool = Spool(directory, STUCK_QUEUE, print)
    for number in range(STUCK_QUEUE):
        alert = Alert(
            time_ms=number,
            node="A",
            group="web",
            kind="lateness",
            severity=Severity.WARNING,
            state="raised",
            text=f"an old one, number {number}",
        )
        spool.put(alert, list(_UNREACHED))


async def _compare(world: World, nodes: Iterable[str], seen: Seen) -> None:
    """Count what agents that live have raised, and what of it the hook has not been told by and by."""
    for name in nodes:
        raised = Counter(_raised(_state(world, name) / "journal.jsonl"))
        log = _state(world, name).parents[1] / "log" / "alerts.jsonl"

        def missing(raised: Counter[str] = raised, log: Path = log) -> int:
            return (raised - Counter(_told(log))).total()

        try:
            await until(lambda: not missing(), "every alert is told", _TOLD_S)
        except TimeoutError:
            seen.untold += missing()
        seen.raised += raised.total()


def _state(world: World, node: str) -> Path:
    return replace(world.paths, own=world.directory / node).files.state


def _raised(journal: Path) -> Iterable[str]:
    """Yield the kinds of alerts that were raised; one that lasts is told once however often it is raised."""
    lasting = {kind.value for kind in LASTING}
    known = set()
    for line in journal.read_text().splitlines():
        for action in json.loads(line).get("actions", ()):
            if action["is"] == "RaiseAlert":
                kind = action["kind"].replace("_", "-")
                if kind not in lasting or kind not in known:
                    yield kind
                known.add(kind)


def _told(log: Path) -> Iterable[str]:
    if log.exists():
        for line in log.read_text().splitlines():
            said = json.loads(line)
            if said["state"] == "raised":
                yield said["kind"]


def _figures(without: Seen, stuck: Seen) -> Iterable[Figure]:
    for what in (PLANNED, DEATH):
        if stuck.outages[what]:
            yield Figure(
                what=f"outage, {what}, alerts that reach nobody",
                value=median(stuck.outages[what]),
                unit="ms",
                beside=WITHOUT,
                other=median(without.outages[what]),
                goal=RATIO,
                goal_is="ratio at most",
                bound="the noise of the machine: the agent writes into a socket and goes on",
                worst=max(stuck.outages[what]),
                samples=len(stuck.outages[what]),
            )
    yield Figure(
        what="alerts that the hook beside them was not told",
        value=float(stuck.untold),
        unit="",
        beside=WITHOUT,
        other=float(without.untold),
        goal=0.0,
        samples=stuck.raised,
        bound="nobody",
    )


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.stuck_alerts", *sys.argv[1:]])
    os.environ.setdefault("LANG", "C.UTF-8")
    main("stuck_alerts", "Whether a failover waits for whom alerts cannot reach.", run)
