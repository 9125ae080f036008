"""A handover under etcd: the grant moves with it, nothing is copied, and the releaser can be lost at any moment."""

from collections.abc import Callable

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.sim.network import REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import settle
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, assert_in_order, role, running


@pytest.mark.parametrize("seed", range(6))
def test_a_handover_waits_for_no_old_view_of_etcd_and_copies_nothing(seed: int) -> None:
    """The successor looks at etcd every two seconds only: what it saw last still shows the releaser's grant."""
    said: list[str] = []
    world = running(seed, arbiter=ArbiterKind.ETCD, tell=said.append)
    world.run_for(3 * SECOND + seed * 300 * MILLISECOND)
    said.clear()

    switch_over(world)
    world.run_for(SECOND)

    assert role(world, "B") is Role.PRIMARY
    assert not [line for line in said if "rebuilding" in line]
    assert_in_order(world)


def until_the_commit_is_asked_for(world: World) -> bool:
    """Let the group be handed over, up to where the successor asks etcd to count both copies."""
    world.run_for(3 * SECOND)
    switch_over(world)

    def asks() -> bool:
        agent = world.host("B").agent
        attempt = None if agent is None else agent.state.attempt
        return attempt is not None and attempt.commit_lineage != "" and attempt.keeps_peer

    return world.run_until(asks, 5 * SECOND)


def cut(world: World) -> None:
    world.cut(REPLICATION)


def lose_power(world: World) -> None:
    world.power_off("A")


def lose_the_disk(world: World) -> None:
    for image in world.images("A"):
        world.host("A").files.fail(image, EIO)


@pytest.mark.parametrize("span", [1, 3])
@pytest.mark.parametrize("lose", [cut, lose_power, lose_the_disk])
def test_a_releaser_that_is_lost_while_etcd_is_asked_is_not_counted(
    lose: Callable[[World], None], span: int
) -> None:
    """What was asked for counts both copies; what is in the mirror when the answer comes is one of them."""
    world = running(arbiter=ArbiterKind.ETCD)
    assert until_the_commit_is_asked_for(world)
    world.etcd.has_majority = False
    world.run_for(300 * MILLISECOND)
    lose(world)
    world.run_for(span * SECOND)
    world.etcd.has_majority = True

    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, 6 * SECOND)

    world.run_for(3 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    assert agent.state.grant.record is not None
    assert agent.state.grant.record.in_sync == ("B",)
    assert world.checker.violations == []
    world.heal()
    world.host("A").files.fail("/images/A.img", 0)
    world.power_on("A")
    assert settle(world, MINUTE)
    assert_in_order(world)
