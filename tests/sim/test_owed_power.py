"""Who has its peer powered off owes it its power, whatever becomes of its agent meanwhile."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, copies, running, serving


def struck(span_ns: int) -> World:
    """A pair whose B stands still, so that A has it powered off by a device that takes so long."""
    world = running(arbiter=ArbiterKind.FENCE)
    world.fence.span_ns = span_ns
    world.run_for(3 * SECOND)
    strike(world, Fault(kind=FaultKind.FREEZE, node="B", span_ns=MINUTE))
    return world


def is_whole_again(world: World) -> bool:
    """Both hosts are on and both copies in sync, though nobody mends anything."""
    return world.run_until(
        lambda: (
            all(host.is_on for host in world.hosts)
            and set(copies(world).values()) == {CopyState.IN_SYNC}
        ),
        3 * MINUTE,
    )


@pytest.mark.parametrize("delay_ms", [0, 5, 50, 500])
def test_a_peer_that_was_shot_is_powered_on_by_a_later_life(delay_ms: int) -> None:
    world = struck(SECOND)
    assert world.run_until(lambda: bool(world.fence.shots), MINUTE)
    world.run_for(delay_ms * MILLISECOND)
    strike(world, Fault(kind=FaultKind.AGENT, node="A"))
    assert is_whole_again(world)
    assert serving(world) == ["A"]
    world.run_for(MINUTE // 2)
    assert not any(record.owes_power for record in world.records["A"].values())


@pytest.mark.parametrize("blind_ms", [1500, 2500, 3500])
def test_a_peer_that_was_shot_by_an_agent_that_cannot_look_is_powered_on_by_a_later_life(
    blind_ms: int,
) -> None:
    """What A wants to see after the shot it cannot see before its agent is killed."""
    world = struck(SECOND)
    world.run_for(1300 * MILLISECOND)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=blind_ms * MILLISECOND))
    assert world.run_until(lambda: bool(world.fence.shots), MINUTE)
    world.run_for(200 * MILLISECOND)
    strike(world, Fault(kind=FaultKind.AGENT, node="A"))
    assert is_whole_again(world)


def test_an_agent_that_is_killed_while_the_device_works_leaves_nobody_off() -> None:
    """The order it gave is carried out all the same, though nobody waits for the answer."""
    world = struck(5 * SECOND)
    assert world.run_until(lambda: _is_asked(world), MINUTE)
    world.run_for(2 * SECOND)
    assert not world.fence.shots
    strike(world, Fault(kind=FaultKind.AGENT, node="A"))
    assert is_whole_again(world)


def test_nothing_is_owed_to_a_peer_that_could_not_be_shot_and_is_back() -> None:
    """The device is out of reach: B thaws, and whoever switches it off later finds it off."""
    world = running(arbiter=ArbiterKind.FENCE)
    world.run_for(3 * SECOND)
    world.fence.works = False
    strike(world, Fault(kind=FaultKind.FREEZE, node="B", span_ns=8 * SECOND))
    assert world.run_until(
        lambda: any(record.owes_power for record in world.records["A"].values()), MINUTE
    )
    world.run_for(10 * SECOND)
    world.fence.works = True
    assert is_whole_again(world)
    assert not any(record.owes_power for record in world.records["A"].values())


def _is_asked(world: World) -> bool:
    agent = world.host("A").agent
    return agent is not None and agent.state.fence.asking != 0
