"""What does each single fault do to a pair? Who serves, after how long, and what is at risk meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import pair, schedule
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.striking import mend, strike
from hafailover.sim.world import GATEWAY, World
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.group.settings import GroupSettings
    from hafailover.sim.checker import Violation
    from hafailover.sim.host import Host

SPAN_NS = 40 * SECOND
"""So long each fault lasts, unless it is over at once; so long it is watched anyway."""
SHORT_NS = 3 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the matrix: what happens, and as which faults, all struck at the same moment."""

    what: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What became of it.

    Attributes:
        serving: Who served when the fault had lasted for its time, before anything was mended.
        outage_ns: For how long nobody served until then; None = nobody served again before it was mended.
        stall_ns: The longest that a write waited for its acknowledgement.
        both_ns: For how long both nodes could write.
        has_one_copy: Whether one node had to serve without the other's copy.
        needs_operator: Why a human has to act in the end; empty if nobody has to.
        recovered_ns: How long after the mending both copies were in sync again; None = never.
        violations: Promises of this arbiter that were broken.
    """

    row: Row
    serving: tuple[str, ...]
    outage_ns: int | None
    stall_ns: int
    both_ns: int
    has_one_copy: bool
    needs_operator: str
    recovered_ns: int | None
    violations: tuple[Violation, ...]


def rows(arbiter: ArbiterKind) -> tuple[Row, ...]:
    """Return the lines for a pair with this arbiter; A is the node that serves."""
    found = [
        Row(what="the primary loses power", faults=(_of(FaultKind.POWER, "A"),)),
        Row(what="the secondary loses power", faults=(_of(FaultKind.POWER, "B"),)),
        Row(what="both lose power", faults=(_of(FaultKind.BOTH, "A", SHORT_NS * 2),)),
        Row(what="the primary's agent is killed", faults=(_of(FaultKind.AGENT, "A", SHORT_NS),)),
        Row(what="the secondary's agent is killed", faults=(_of(FaultKind.AGENT, "B", SHORT_NS),)),
        Row(what="the primary's agent is stopped", faults=(_of(FaultKind.STOP, "A"),)),
        Row(what="a switchover is ordered", faults=(_of(FaultKind.SWITCHOVER, "A", SHORT_NS),)),
        Row(what="the replication link is cut", faults=(_of(FaultKind.REPLICATION, "A"),)),
        Row(what="the primary loses its LAN link", faults=(_of(FaultKind.LAN_PORT, "A"),)),
        Row(what="the secondary loses its LAN link", faults=(_of(FaultKind.LAN_PORT, "B"),)),
        Row(
            what="the primary loses both links",
            faults=(_of(FaultKind.LAN_PORT, "A"), _of(FaultKind.REPLICATION, "A")),
        ),
        Row(
            what="the secondary loses both links",
            faults=(_of(FaultKind.LAN_PORT, "B"), _of(FaultKind.REPLICATION, "A")),
        ),
        Row(
            what="the primary stands still for 3 s", faults=(_of(FaultKind.FREEZE, "A", SHORT_NS),)
        ),
        Row(what="the primary stands still for 40 s", faults=(_of(FaultKind.FREEZE, "A"),)),
        Row(what="the secondary stands still for 40 s", faults=(_of(FaultKind.FREEZE, "B"),)),
        Row(what="the primary's disk gives errors", faults=(_of(FaultKind.DISK_ERRORS, "A"),)),
        Row(what="the secondary's disk gives errors", faults=(_of(FaultKind.DISK_ERRORS, "B"),)),
        Row(what="the primary's disk hangs", faults=(_of(FaultKind.DISK_HANGS, "A"),)),
        Row(what="the secondary's disk hangs", faults=(_of(FaultKind.DISK_HANGS, "B"),)),
        Row(what="the primary's records cannot be written", faults=(_of(FaultKind.RECORDS, "A"),)),
        Row(
            what="the primary is not heard on the LAN",
            faults=(_of(FaultKind.ONE_WAY, "A", network=LAN),),
        ),
        Row(
            what="the primary is not heard at all",
            faults=(
                _of(FaultKind.ONE_WAY, "A", network=LAN),
                _of(FaultKind.ONE_WAY, "A", network=REPLICATION),
            ),
        ),
    ]
    if arbiter is ArbiterKind.ETCD:
        found += [
            Row(what="etcd has no majority", faults=(_of(FaultKind.ETCD_DOWN, "A"),)),
            Row(what="the primary does not reach etcd", faults=(_of(FaultKind.ETCD_PORT, "A"),)),
            Row(
                what="etcd has no majority, the primary loses power",
                faults=(_of(FaultKind.ETCD_DOWN, "A"), _of(FaultKind.POWER, "A")),
            ),
        ]
    if arbiter is ArbiterKind.FENCE:
        found.append(
            Row(
                what="the primary and the fence device lose power",
                faults=(_of(FaultKind.FENCE_DOWN, "A"), _of(FaultKind.POWER, "A")),
            )
        )
    return tuple(found)


def _of(kind: FaultKind, node: str, span_ns: int = SPAN_NS, *, network: str = LAN) -> Fault:
    return Fault(kind=kind, node=node, network=network, span_ns=span_ns)


def started(settings: dict[str, GroupSettings]) -> World:
    """Return a pair in service.

    Raises:
        RuntimeError: It does not come into service.
    """
    gateway = GATEWAY if settings["A"].arbiter is ArbiterKind.PING else None
    world = World(1, settings, gateway=gateway)
    for node in pair.NODES:
        world.power_on(node)
    if not schedule.settle(world, 2 * schedule.START_NS):
        raise RuntimeError("; ".join(schedule.standing(world, node) for node in pair.NODES))
    world.run_for(2 * SECOND)
    return world


def serving(world: World) -> tuple[str, ...]:
    """Return the nodes that serve, as a client sees it: mounted, the address up, and reachable."""
    return tuple(host.name for host in world.hosts if _serves(host))


def writing(world: World) -> tuple[str, ...]:
    """Return the nodes that can write their copies now, whether a client reaches them or not."""
    return tuple(host.name for host in world.hosts if _writes(host))


def _serves(host: Host) -> bool:
    return host.link_up and bool(host.virtual) and _writes(host)


def _writes(host: Host) -> bool:
    kernel = host.kernel
    return (
        kernel is not None
        and host.answers
        and any(mount.consumer is not None for mount in kernel.machine.mounts.entries)
    )


class _Watch:
    """Adds up, event by event, for how long nobody served, and for how long both nodes wrote."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nobody_ns = self.both_ns = 0
        self.has_one_copy = False
        self._at = world.timeline.now
        self._serves, self._are_two = bool(serving(world)), len(writing(world)) > 1

    def look(self) -> bool:
        """Take note of what passed since the last look; never satisfied."""
        now = self.world.timeline.now
        self.nobody_ns += (now - self._at) * (not self._serves)
        self.both_ns += (now - self._at) * self._are_two
        self._at = now
        self._serves, self._are_two = bool(serving(self.world)), len(writing(self.world)) > 1
        return False


def try_out(world: World, row: Row) -> Effect:
    """Strike a pair in service with the faults of a row, and see what becomes of it. The world is used up."""
    watch = _Watch(world)
    for fault in row.faults:
        strike(world, fault)
    world.run_until(watch.look, SPAN_NS - SECOND)
    now_serving = serving(world)
    copies = [each.copy for node in pair.NODES for each in world.records[node].values()]
    has_one_copy = bool(now_serving) and CopyState.SOLE in copies
    world.run_until(watch.look, 2 * SECOND)
    mend(world)
    mended_at = world.timeline.now
    is_back = schedule.recover(world)
    if is_back:
        world.checker.in_sync()
        world.checker.ended()
    return Effect(
        row=row,
        serving=now_serving,
        outage_ns=watch.nobody_ns if now_serving else None,
        stall_ns=world.workload.longest_stall_ns,
        both_ns=watch.both_ns,
        has_one_copy=has_one_copy,
        needs_operator="" if is_back else schedule.why_not(world),
        recovered_ns=world.timeline.now - mended_at if is_back else None,
        violations=tuple(world.checker.violations),
    )
