"""What does a pair cost that has nothing to do? Processor, memory and journal of a group with data.

    python -m benchmarks.at_rest [--smoke] [--json FILE]

Two agents with one group with data each stand in the lab, beside a keepalived that advertises one address
at the same interval on the same machine.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, Scale, main
from benchmarks.lab_pair import Usage, processes_of_agent, standing, until_settled, usage
from hafailover.lab import sandbox
from hafailover.lab.configuration import Tuning
from hafailover.lab.world import World
from hafailover.vrrp.settings import Version
from tests.interop.lan import Lan, ip
from tests.interop.nodes import Dialect, Keepalived

MEGABYTE = 1 << 20


def run(scale: Scale) -> list[Figure]:
    """Measure a pair and keepalived at the same time."""
    return asyncio.run(_measure(float(scale.of(60, 5)), settle_s=float(scale.of(10, 1))))


async def _measure(seconds: float, *, settle_s: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, Lan(f"hr{os.getpid()}") as lan:
        other = Keepalived(
            lan, "a", "b", Dialect(version=Version.V3, interval_ms=1000), Path(folder)
        )
        other.start(150)
        async with standing(Tuning(interval="1s")) as world:
            await until_settled(world)
            await asyncio.sleep(settle_s)
            pids = {node: processes_of_agent(world, node) for node in world.nodes}
            theirs = _keepalived_pids(lan)
            watched = [*theirs, *(pid for found in pids.values() for pid in found)]
            journals = {node: _journal_bytes(world, node) for node in world.nodes}
            before, began = {pid: usage(pid) for pid in watched}, time.monotonic()
            await asyncio.sleep(seconds)
            span = time.monotonic() - began
            after = {pid: usage(pid) for pid in watched}
            written = {node: _journal_bytes(world, node) - journals[node] for node in world.nodes}
    keepalived = _percent(before, after, theirs, span)
    rows = []
    for node, role in (("A", "primary"), ("B", "standby")):
        agent = [pid for pid, what in pids[node].items() if what == "agent"]
        rows += [
            Figure(
                what=f"processor at rest, agent of the {role}, 1 s interval",
                value=_percent(before, after, agent, span),
                unit="% core",
                beside="keepalived",
                other=keepalived,
                goal=0.5,
                bound="looks at the storage, two heartbeats every 250 ms, the canary",
            ),
            *_turns(role, before, after, agent, theirs, span),
            Figure(
                what=f"processor at rest, agent of the {role} and its workers",
                value=_percent(before, after, list(pids[node]), span),
                unit="% core",
                beside="keepalived",
                other=keepalived,
                bound="as above, and the fsync of the canary or of the image",
            ),
            Figure(
                what=f"resident memory, agent of the {role}",
                value=sum(after[pid].resident_bytes for pid in agent) / MEGABYTE,
                unit="MB",
                beside="keepalived",
                other=sum(after[pid].resident_bytes for pid in theirs) / MEGABYTE,
                goal=50.0,
                bound="the Python interpreter",
            ),
            Figure(
                what=f"journal of the {role} at rest",
                value=written[node] / span * 3600 / 1024,
                unit="KB/h",
                bound="only what is news is written",
            ),
        ]
    return rows


def _keepalived_pids(lan: Lan) -> list[int]:
    return [int(pid) for pid in ip("netns", "pids", lan.space("a")).split()]


def _percent(
    before: dict[int, Usage], after: dict[int, Usage], pids: list[int], span: float
) -> float:
    return 100 * sum(after[pid].cpu_s - before[pid].cpu_s for pid in pids) / span


def _turns(
    role: str,
    before: dict[int, Usage],
    after: dict[int, Usage],
    ours: list[int],
    theirs: list[int],
    span: float,
) -> Iterator[Figure]:
    """Yield how often an agent wakes up, and what one waking costs."""
    turns = {
        name: sum(after[pid].turns - before[pid].turns for pid in pids)
        for name, pids in (("ours", ours), ("theirs", theirs))
    }
    spent = _percent(before, after, ours, span) / 100 * span
    yield Figure(
        what=f"wake-ups at rest, agent of the {role}",
        value=turns["ours"] / span,
        unit="1/s",
        beside="keepalived",
        other=turns["theirs"] / span,
        bound="heartbeats, looks, probes and commands that end",
    )
    yield Figure(
        what=f"one waking of the agent of the {role}",
        value=spent / max(1, turns["ours"]) * 1e6,
        unit="µs",
        bound="asyncio, one decision, Python",
    )


def _journal_bytes(world: World, node: str) -> int:
    state = replace(world.paths, own=world.directory / node).files.state
    return sum(path.stat().st_size for path in state.glob("journal*"))


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.at_rest", *sys.argv[1:]])
    main("at_rest", "What a pair costs that has nothing to do.", run)
