"""What does a pair cost that has nothing to do? Processor, memory and journal of a group with data.

    python -m benchmarks.at_rest [--smoke] [--json FILE]

Two agents with one group with data each stand in the lab, beside a keepalived that advertises one address
at the same interval on the same machine. What a waking costs depends on whether the core slept deeply before: it
is measured once as the machine comes, and once with the cores kept awake by loops that give way to everybody.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import advert_jitter
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
            watched = _Watched(world, _keepalived_pids(lan))
            asleep = await watched.spend(seconds)
            with advert_jitter.busy(behind_everybody=True):
                await asyncio.sleep(settle_s)
                awake = await watched.spend(seconds)
    rows: list[Figure] = []
    for node, role in (("A", "primary"), ("B", "standby")):
        rows += _rows(node, role, asleep)
        rows.append(_processor(node, f"{role}, cores kept awake", awake))
    return rows


@dataclass(frozen=True, slots=True)
class _Spent:
    """What the processes used within a span."""

    agents: dict[str, dict[int, str]]
    """Of each node, by process id, what each of its processes is."""
    theirs: list[int]
    before: dict[int, Usage]
    after: dict[int, Usage]
    journal_bytes: dict[str, int]
    span_s: float

    def percent(self, pids: Iterable[int]) -> float:
        """Return how much of a core these processes used."""
        spent = sum(self.after[pid].cpu_s - self.before[pid].cpu_s for pid in pids)
        return 100 * spent / self.span_s

    def turns(self, pids: Iterable[int]) -> int:
        """Return how often these processes got a processor."""
        return sum(self.after[pid].turns - self.before[pid].turns for pid in pids)

    def resident_bytes(self, pids: Iterable[int]) -> int:
        """Return the memory of these processes at the end."""
        return sum(self.after[pid].resident_bytes for pid in pids)

    def agent(self, node: str) -> list[int]:
        """Return the agent's own process, its workers aside."""
        return [pid for pid, what in self.agents[node].items() if what == "agent"]


class _Watched:
    """The processes of a pair, and of a keepalived."""

    def __init__(self, world: World, theirs: list[int]) -> None:
        self._world = world
        self._theirs = theirs
        self._agents = {node: processes_of_agent(world, node) for node in world.nodes}

    async def spend(self, seconds: float) -> _Spent:
        """Return what they use in so many seconds."""
        journals, before, began = self._journals(), self._usage(), time.monotonic()
        await asyncio.sleep(seconds)
        span = time.monotonic() - began
        after, written = self._usage(), self._journals()
        return _Spent(
            agents=self._agents,
            theirs=self._theirs,
            before=before,
            after=after,
            journal_bytes={node: written[node] - journals[node] for node in written},
            span_s=span,
        )

    def _usage(self) -> dict[int, Usage]:
        ours = (pid for found in self._agents.values() for pid in found)
        return {pid: usage(pid) for pid in (*self._theirs, *ours)}

    def _journals(self) -> dict[str, int]:
        return {node: _journal_bytes(self._world, node) for node in self._world.nodes}


def _rows(node: str, role: str, spent: _Spent) -> Iterator[Figure]:
    """Yield what one agent costs."""
    agent = spent.agent(node)
    yield _processor(node, f"{role}, 1 s interval", spent)
    yield Figure(
        what=f"wake-ups at rest, agent of the {role}",
        value=spent.turns(agent) / spent.span_s,
        unit="1/s",
        beside="keepalived",
        other=spent.turns(spent.theirs) / spent.span_s,
        bound="heartbeats, looks, probes and commands that end",
    )
    yield Figure(
        what=f"one waking of the agent of the {role}",
        value=spent.percent(agent) / 100 * spent.span_s / max(1, spent.turns(agent)) * 1e6,
        unit="µs",
        bound="asyncio, one decision, Python",
    )
    yield Figure(
        what=f"processor at rest, agent of the {role} and its workers",
        value=spent.percent(spent.agents[node]),
        unit="% core",
        beside="keepalived",
        other=spent.percent(spent.theirs),
        bound="as above, and the fsync of the canary or of the image",
    )
    yield Figure(
        what=f"resident memory, agent of the {role}",
        value=spent.resident_bytes(agent) / MEGABYTE,
        unit="MB",
        beside="keepalived",
        other=spent.resident_bytes(spent.theirs) / MEGABYTE,
        goal=50.0,
        bound="the Python interpreter",
    )
    yield Figure(
        what=f"journal of the {role} at rest",
        value=spent.journal_bytes[node] / spent.span_s * 3600 / 1024,
        unit="KB/h",
        bound="only what is news is written",
    )


def _processor(node: str, whose: str, spent: _Spent) -> Figure:
    """Return how much of a core one agent uses."""
    return Figure(
        what=f"processor at rest, agent of the {whose}",
        value=spent.percent(spent.agent(node)),
        unit="% core",
        beside="keepalived",
        other=spent.percent(spent.theirs),
        goal=0.5,
        bound="looks at the storage, two heartbeats every 250 ms, the canary",
    )


def _keepalived_pids(lan: Lan) -> list[int]:
    return [int(pid) for pid in ip("netns", "pids", lan.space("a")).split()]


def _journal_bytes(world: World, node: str) -> int:
    state = replace(world.paths, own=world.directory / node).files.state
    return sum(path.stat().st_size for path in state.glob("journal*"))


if __name__ == "__main__":
    sandbox.enter(["-m", "benchmarks.at_rest", *sys.argv[1:]])
    main("at_rest", "What a pair costs that has nothing to do.", run)
