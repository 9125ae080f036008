"""What does a node owe that is left alone, and is it seen when it does not serve?"""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import alone
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import copies, running

KINDS = list(ArbiterKind)


def left_alone(arbiter: ArbiterKind, *, lost: str) -> World:
    world = running(arbiter=arbiter)
    world.run_for(2 * SECOND)
    world.gone.add(lost)
    world.power_off(lost)
    world.run_for(2 * SECOND)
    return world


@pytest.mark.parametrize("arbiter", KINDS)
@pytest.mark.parametrize("lost", ["A", "B"])
def test_who_was_in_sync_and_knew_its_peer_has_to_serve(arbiter: ArbiterKind, lost: str) -> None:
    world = left_alone(arbiter, lost=lost)
    (left,) = (host for host in world.hosts if host.name != lost)

    assert alone.owes(world, left)


@pytest.mark.parametrize("arbiter", KINDS)
def test_a_copy_that_fell_behind_owes_nothing(arbiter: ArbiterKind) -> None:
    world = left_alone(arbiter, lost="B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 60 * SECOND)
    world.gone = {"A"}
    world.power_off("A")
    world.power_on("B")
    world.run_for(20 * SECOND)

    assert copies(world)["B"] is not CopyState.SOLE
    assert not alone.owes(world, world.host("B"))


@pytest.mark.parametrize("arbiter", KINDS)
def test_only_etcd_says_who_has_the_data_after_a_power_cut_of_both(arbiter: ArbiterKind) -> None:
    world = running(arbiter=arbiter)
    world.run_for(2 * SECOND)
    for node in ("A", "B"):
        world.power_off(node)
    world.power_on("A")
    world.run_for(2 * SECOND)

    assert alone.owes(world, world.host("A")) is (arbiter is ArbiterKind.ETCD)


def test_a_host_that_is_lost_stays_off_though_it_is_powered_on() -> None:
    world = left_alone(ArbiterKind.FENCE, lost="A")

    world.run_for(60 * SECOND)

    assert not world.host("A").is_on
    assert world.fence.shots != []
