"""Which cuts of the network make both nodes write? All of them are tried."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from hafailover.group.settings import ArbiterKind
from hafailover.sim import etcd, fence, pair
from hafailover.sim.matrix import writing
from hafailover.sim.network import LAN, NETWORKS
from hafailover.sim.world import GATEWAY
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.checker import Violation
    from hafailover.sim.world import World

CUT_NS = 20 * SECOND

_THIRD = {
    ArbiterKind.PING: (GATEWAY, "the ping target"),
    ArbiterKind.ETCD: (etcd.PLACE, "etcd"),
    ArbiterKind.FENCE: (fence.PLACE, "the fence device"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One thing that can be cut: from one place to another on one network, and back again if ``is_both``."""

    network: str
    source: str
    target: str
    words: str
    is_both: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """What became of one partition. ``both_ns``: for how long both nodes could write in it."""

    ways: tuple[Way, ...]
    both_ns: int
    violations: tuple[Violation, ...]

    @property
    def words(self) -> str:
        """Say what was cut."""
        return ", ".join(way.words for way in self.ways)


def ways(arbiter: ArbiterKind) -> tuple[Way, ...]:
    """Return everything that can be cut."""
    one, other = pair.NODES
    found = [
        Way(network=network, source=source, target=target, words=f"{network} {source} to {target}")
        for network in NETWORKS
        for source, target in ((one, other), (other, one))
    ]
    if arbiter in _THIRD:
        place, words = _THIRD[arbiter]
        found += [
            Way(network=LAN, source=node, target=place, words=f"{node} to {words}", is_both=True)
            for node in pair.NODES
        ]
    return tuple(found)


def partitions(arbiter: ArbiterKind) -> tuple[tuple[Way, ...], ...]:
    """Return every set of cuts, the small ones first."""
    every = ways(arbiter)
    return tuple(cuts for count in range(1, len(every) + 1) for cuts in combinations(every, count))


def try_out(world: World, cuts: tuple[Way, ...]) -> Partition:
    """Part a pair in service, and see whether both serve. The world is used up."""
    for way in cuts:
        world.network.cut(way.network, way.source, way.target)
        if way.is_both:
            world.network.cut(way.network, way.target, way.source)
    world.checker.wired()
    both_ns, end = 0, world.timeline.now + CUT_NS
    while world.timeline.now < end:
        before = world.timeline.now
        was_both = len(writing(world)) > 1
        if not world.step_once():
            break
        both_ns += (world.timeline.now - before) * was_both
    return Partition(ways=cuts, both_ns=both_ns, violations=tuple(world.checker.violations))


def smallest(found: tuple[Partition, ...]) -> tuple[Partition, ...]:
    """Return the splits of which no part is a split already."""
    splits = [each for each in found if each.both_ns]
    return tuple(
        each for each in splits if not any(set(other.ways) < set(each.ways) for other in splits)
    )
