"""A primary whose own disk fails or hangs, one volume of two, or its records with it: whose copy counts, who serves?"""

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim.faults import FaultKind
from hafailover.sim.schedule import run
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.test_regressions import fault
from tests.sim.worlds import MINUTE, assert_kept, running, serving

ALL = list(ArbiterKind)


def doubled(arbiter: ArbiterKind, told: list[str] | None = None) -> World:
    """A pair with two volumes, in service for a while."""
    tell = None if told is None else told.append
    world = running(16, arbiter=arbiter, tell=tell, gate_timeout_s=2)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    return world


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("volume", [0, 1])
def test_one_volume_that_fails_with_the_records_leaves_the_peer_free_to_serve(
    arbiter: ArbiterKind, volume: int
) -> None:
    """The disk under one of A's two volumes dies, and the records are on it; the other volume is on another disk.

    A closes everything in order, and calls the one copy stale, in memory only. When the rule asked
    for *all* of its copies to be behind, A never agreed, and B, whole and heard, waited for ever.
    """
    world = doubled(arbiter)
    world.record_problem["A"] = "Input/output error"
    world.host("A").files.fail(world.images("A")[volume], EIO)
    world.run_for(2 * MINUTE)

    assert serving(world) == ["B"]
    assert not world.workload.lost(world.host("B"))


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("how", ["power", "agent"])
def test_a_sole_copy_serves_again_beside_a_peer_that_cannot_start(
    arbiter: ArbiterKind, how: str
) -> None:
    """B's disk dies, A serves on, sole. B is booted, and stays starting: its image cannot be read. Then A boots.

    B's record says stale, A's says sole; "B has not agreed yet", and it never will: nobody serves for ever.
    """
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    world.host("B").files.fail(world.images("B")[0], EIO)
    world.run_for(10 * SECOND)
    world.power_off("B")
    world.run_for(SECOND)
    world.power_on("B")
    world.run_for(20 * SECOND)
    assert serving(world) == ["A"]
    if how == "power":
        world.power_off("A")
        world.run_for(SECOND)
        world.power_on("A")
    else:
        world.stop_agent("A")
        world.run_for(20 * SECOND)
        world.start_agent("A")
    world.run_for(2 * MINUTE)

    assert serving(world) == ["A"]
    assert not world.workload.lost(world.host("A"))


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("step", range(8))
def test_a_primary_whose_disk_hangs_at_any_moment_gives_way(
    arbiter: ArbiterKind, step: int
) -> None:
    """A's disk hangs for good. Both the canary and the fsync of the own image stop; the canary is overdue first.

    With etcd, which leaves no patience, A let B's whole copy go, in five of eight moments: A is primary, sole, on a
    disk that takes no write, B is stale, and nobody ever serves.
    """
    world = running(arbiter=arbiter)
    world.fence.span_ns = SECOND
    world.run_for(3 * SECOND + step * 150 * MILLISECOND)
    world.host("A").hang_disk()
    world.run_for(2 * MINUTE)

    assert serving(world) == ["B"]
    assert world.fence.shots == []
    assert not world.workload.lost(world.host("B"))


def test_one_hung_volume_of_two_does_not_cost_the_peers_copies() -> None:
    """The same with etcd, where only the disk under A's second volume hangs."""
    world = doubled(ArbiterKind.ETCD)
    kernel = world.host("A").kernel
    assert kernel is not None
    kernel.machine.md.hang(world.images("A")[1])
    world.run_for(2 * MINUTE)

    assert serving(world) == ["B"]
    assert not world.workload.lost(world.host("B"))


@pytest.mark.parametrize("away", [2.2, 2.6])
@pytest.mark.parametrize("after", [0.6, 0.9, 1.2, 1.5, 1.8])
def test_who_lost_its_own_copy_just_before_it_let_the_peers_go_is_not_called_the_newest(
    away: float, after: float
) -> None:
    """The records that B's copy goes cannot be written at once; B wakes, and A's disk fails between look and destroy.

    What is written then is on B's copy only. A's sector has the counters of before: an operator chooses, and nothing of
    B's is overwritten.
    """
    faults = (
        fault(FaultKind.FREEZE, "B", away, 5.748),
        fault(FaultKind.RECORDS, "A", 13.438, 0.174),
        fault(FaultKind.DISK_ERRORS, "A", 0.9, after),
    )

    outcome = run(722826, arbiter=ArbiterKind.ETCD, faults=faults)

    assert outcome.is_good


def test_a_primary_that_was_away_while_its_own_copy_was_lost_hands_over() -> None:
    """It listens for a second when it is back, and only then gives way to the peer, whose copy has the newer writes."""
    outcome = run(124867, arbiter=ArbiterKind.ETCD)

    assert outcome.is_good


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("step", [2, 3, 4])
def test_a_lost_volume_does_not_make_the_newest_copy_of_another_one_old(
    arbiter: ArbiterKind, step: int
) -> None:
    """B's second image fails for a moment, and A's kernel goes on alone; then A's first one fails.

    A looks once for both. It called all of its copies stale for the first one's sake: B served, and
    what A alone had acknowledged of the second volume was overwritten.
    """
    world = doubled(arbiter)
    world.run_for(step * 100 * MILLISECOND)
    world.host("B").files.fail(world.images("B")[1], EIO)
    world.run_for(200 * MILLISECOND)
    world.host("B").files.fail(world.images("B")[1], 0)
    world.run_for(200 * MILLISECOND)
    world.host("A").files.fail(world.images("A")[0], EIO)
    world.run_for(MINUTE)

    assert world.records["A"]["sites2"].copy is not CopyState.SYNCING
    assert not [host for host in serving(world) if world.workload.lost(world.host(host))]


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("how", [FaultKind.FREEZE, FaultKind.REPLICATION])
def test_who_lost_its_own_copy_while_it_demotes_is_not_called_the_newest(
    arbiter: ArbiterKind, how: FaultKind
) -> None:
    """While A's services end, B's copy is to be let go, and the records cannot say so at once; then A's disk fails.

    B is back, and what is written until the destroy is on its copy only. A demotion took every loss for that of a
    rebuild, and did not look afterwards: B's copy was overwritten.
    """
    for tenths in range(12, 28, 4):
        faults = (
            fault(FaultKind.SERVICES, "A", 10.0, 1.0),
            fault(FaultKind.SWITCHOVER, "A", 1.0, 0.5),
            fault(how, "B", 2.2, 0.2),
            fault(FaultKind.RECORDS, "A", 4.2, 0.6),
            fault(FaultKind.DISK_ERRORS, "A", 2.5, tenths / 10),
        )
        assert_kept(run(1, arbiter=arbiter, faults=faults), tenths)


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.NONE])
def test_an_agent_that_ends_before_it_saw_its_own_copy_lost_leaves_the_doubt_to_its_next_life(
    arbiter: ArbiterKind,
) -> None:
    """As above, and A cannot look: the next life finds its record, sole, and a leftover sector of the mirror."""
    for tenths in range(20, 28, 2):
        faults = (
            fault(FaultKind.SERVICES, "A", 9.88, 1.0),
            fault(FaultKind.STOP, "A", 9.0, 0.5),
            fault(FaultKind.BLIND, "A", 6.62, 0.04),
            fault(FaultKind.FREEZE, "B", 1.85, 0.18),
            fault(FaultKind.RECORDS, "A", 1.95, 0.65),
            fault(FaultKind.DISK_ERRORS, "A", 2.98, tenths / 10),
        )
        assert_kept(run(1, arbiter=arbiter, faults=faults), tenths)
