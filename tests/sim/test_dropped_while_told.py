"""A disk fails, and the kernel drops its copy by itself: what a look has shown is not hidden behind another reason."""

from dataclasses import replace

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.schedule import draw, run
from hafailover.sim.striking import strike
from hafailover.units import MILLISECOND, SECOND
from tests.sim.test_regressions import fault
from tests.sim.worlds import MINUTE, assert_kept, running


def assert_kept_at_any_moment(seed: int, arbiter: ArbiterKind, which: int) -> None:
    """Play the faults of a seed with one of them a little sooner or later: the moments are those of a few steps."""
    drawn = draw(seed, arbiter)
    for shift in range(-12, 13, 2):
        moved = replace(drawn[which], wait_ns=drawn[which].wait_ns + shift * MILLISECOND)
        assert_kept(
            run(seed, arbiter=arbiter, faults=(*drawn[:which], moved, *drawn[which + 1 :])), shift
        )


def test_a_component_without_a_state_that_followed_is_being_dropped() -> None:
    """For some milliseconds the kernel prints no state of it; just then the peer calls its copy stale."""
    assert_kept_at_any_moment(140429, ArbiterKind.ETCD, 2)


def test_a_look_that_was_under_way_counts_before_another_one_hangs() -> None:
    """It shows that the kernel has dropped the copy; the look after the peer's word is the one that hangs."""
    assert_kept_at_any_moment(140050, ArbiterKind.FENCE, 2)


@pytest.mark.parametrize("arbiter", [ArbiterKind.ETCD, ArbiterKind.FENCE])
@pytest.mark.parametrize("how", [FaultKind.STOP, FaultKind.AGENT, FaultKind.RESTART])
def test_a_blind_start_lets_nothing_go_beside_a_disk_that_fails(
    arbiter: ArbiterKind, how: FaultKind
) -> None:
    """The agent is started again and cannot look; meanwhile the kernel drops this node's own copy for an error.

    From then on the peer's is the newest. It was let go from the record alone, as the copy that does not count, and
    overwritten.
    """
    for tenths in range(8, 60, 2):
        faults = (
            fault(FaultKind.BLIND, "A", 7.45, 2.31),
            fault(how, "A", 0.82, 0.49),
            fault(FaultKind.DISK_ERRORS, "A", 1.99, tenths / 10),
        )
        assert_kept(run(1, arbiter=arbiter, faults=faults), tenths)


def test_no_address_stays_on_a_bare_mount_point_that_nobody_can_look_behind() -> None:
    """Own disk and peer failed in turn: the kernel unmounts by force, and the new life of the agent is blind."""
    faults = (
        fault(FaultKind.DISK_ERRORS, "A", 0.304, 0.684),
        fault(FaultKind.RESTART, "A", 1.794, 0.234),
        fault(FaultKind.BLIND, "A", 9.04, 0.703),
        fault(FaultKind.DISK_HANGS, "B", 11.591, 1.44),
    )
    assert_kept(run(826, arbiter=ArbiterKind.FENCE, faults=faults))


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
@pytest.mark.parametrize("how", [FaultKind.AGENT, FaultKind.RESTART])
def test_who_lost_its_own_copy_as_a_blind_start_let_the_peers_go_is_not_called_the_newest(
    arbiter: ArbiterKind, how: FaultKind
) -> None:
    """The records that B's copy goes cannot be written at once, and A's disk fails before it is gone.

    Then A sees, and demotes for the mount that it cannot explain. Without a strict arbiter it forgot with that what it
    had let go, and did not ask which copy was lost first: B's newer one was overwritten.
    """
    for tenths in range(1, 16, 2):
        faults = (
            fault(FaultKind.BLIND, "A", 7.28, 2.31),
            fault(how, "A", 0.53, 0.49),
            fault(FaultKind.RECORDS, "A", 1.7, 3.52),
            fault(FaultKind.DISK_ERRORS, "A", 1.25, tenths / 10),
        )
        assert_kept(run(1, arbiter=arbiter, faults=faults), tenths)


@pytest.mark.parametrize("arbiter", [ArbiterKind.FENCE, ArbiterKind.PING, ArbiterKind.NONE])
def test_a_blind_start_that_stood_still_has_proved_nothing_of_its_own_disk(
    arbiter: ArbiterKind,
) -> None:
    """A's disk hangs, and A stands still for a while: that it is back is no write that its disk has taken."""
    told: list[str] = []
    world = running(arbiter=arbiter, tell=told.append)
    world.run_for(3 * SECOND)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=MINUTE))
    world.kill_agent("A")
    world.start_agent("A")
    world.run_for(SECOND)
    world.host("A").hang_disk()
    world.run_for(2 * SECOND)
    world.host("A").freeze()
    world.run_for(2 * SECOND)
    world.host("A").thaw()
    world.run_for(3 * SECOND)

    assert [line for line in told if "was away" in line]
    assert not [line for line in told if "let go" in line]
