"""The primary's disk fails, its kernel goes on with the peer's copy alone, and in the same moment its host is lost."""

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import operators
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, copies, running, serving

ALL = list(ArbiterKind)


def lost(arbiter: ArbiterKind, after_ms: int) -> World:
    """Return a pair whose primary lost its disk and, so long after, its power: B alone has the last writes."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    if after_ms % 2:
        operators.pause(world, world.host("B"), 20 * SECOND)
        world.run_for(SECOND)
    world.host("A").files.fail(world.images("A")[0], EIO)
    world.run_for(after_ms * MILLISECOND)
    world.power_off("A")
    world.host("A").files.fail(world.images("A")[0], 0)
    return world


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("is_stopped", [True, False])
@pytest.mark.parametrize("off_ms", [100, 1_000, 2_500, 6_000])
def test_what_only_the_peer_has_is_not_overwritten(
    off_ms: int, arbiter: ArbiterKind, *, is_stopped: bool
) -> None:
    """A's record says in sync, and so did B's: to close the export erased the only trace of which one is newer."""
    for after_ms in (60, 121, 180):
        world = lost(arbiter, after_ms)
        if is_stopped:
            world.stop_agent("B")
        world.run_for(off_ms * MILLISECOND)
        world.power_on("A")
        world.run_for(8 * SECOND)
        if is_stopped:
            world.start_agent("B")
        world.run_for(MINUTE)

        assert not [name for name in serving(world) if world.workload.lost(world.host(name))]
        assert [each for each in world.checker.violations if each.invariant == "S3"] == []


@pytest.mark.parametrize("arbiter", ALL)
def test_if_the_peers_disk_fails_as_well_an_operator_chooses(arbiter: ArbiterKind) -> None:
    """B calls its copy stale for that, and alone had acknowledged writes: it was overwritten without a word."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    a, b = world.hosts
    a.files.fail(world.images("A")[0], EIO)
    assert world.run_until(lambda: bool(world.workload.only_on(b, a)), SECOND)
    world.power_off("A")
    a.files.fail(world.images("A")[0], 0)
    world.host("B").files.fail(world.images("B")[0], EIO)
    world.run_for(600 * MILLISECOND)
    world.host("B").files.fail(world.images("B")[0], 0)
    world.run_for(SECOND)
    world.power_on("A")
    world.run_for(2 * MINUTE)

    assert copies(world) == {"A": CopyState.DIVERGED, "B": CopyState.DIVERGED}
    assert world.checker.violations == []
