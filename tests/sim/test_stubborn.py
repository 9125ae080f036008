"""What does not do as it is told: services, a long fsck, addresses and users that stay."""

import pytest

from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.sim import pair, stubborn
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import draw, run
from hafailover.sim.striking import mend, strike
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, assert_in_order, role, running

FEW = range(stubborn.FIRST_SEED, stubborn.FIRST_SEED + 200)
FIRST, OTHER = 0, 1
"""Which of the two ways a part is stubborn in: ``Fault.choice``, even or odd."""


def struck(kind: FaultKind, choice: int, told: list[str]) -> World:
    """Return a pair that runs, both nodes of which are stubborn."""
    world = running(arbiter=ArbiterKind.ETCD, tell=told.append)
    world.run_for(3 * SECOND)
    for node in pair.NODES:
        strike(world, Fault(kind=kind, node=node, span_ns=20 * SECOND, choice=choice))
    return world


def test_every_kind_is_drawn_for_both_nodes_and_struck_while_it_lasts() -> None:
    drawn = [draw(seed, ArbiterKind.FENCE) for seed in FEW]
    kinds = {fault.kind for faults in drawn for fault in faults}

    assert {FaultKind.SERVICES, FaultKind.FSCK, FaultKind.ADDRESSES, FaultKind.USERS} <= kinds
    assert {FaultKind.SWITCHOVER, FaultKind.POWER, FaultKind.STOP} <= kinds
    for faults in drawn:
        assert faults[0].kind is faults[1].kind
        assert (faults[0].node, faults[1].node) == pair.NODES


def test_a_service_that_takes_long_is_waited_for() -> None:
    told: list[str] = []
    world = struck(FaultKind.SERVICES, FIRST, told)
    switch_over(world)
    world.run_for(19 * SECOND)

    assert role(world, "A") is Role.DEMOTING
    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, MINUTE)


def test_a_service_that_does_not_start_leaves_its_node() -> None:
    told: list[str] = []
    world = struck(FaultKind.SERVICES, OTHER, told)
    switch_over(world)
    world.run_for(10 * SECOND)

    assert [line for line in told if "service writer does not start" in line]
    mend(world)
    assert world.run_until(lambda: Role.PRIMARY in (role(world, "A"), role(world, "B")), 5 * MINUTE)


def test_a_long_check_of_a_file_system_is_waited_for() -> None:
    told: list[str] = []
    world = struck(FaultKind.FSCK, FIRST, told)
    world.power_off("A")
    world.run_for(25 * SECOND)

    assert [line for line in told if "$ fsck_ffs -p" in line]
    assert role(world, "B") is Role.PROMOTING
    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, MINUTE)


def test_an_address_that_cannot_be_put_up_does_not_end_the_agents() -> None:
    told: list[str] = []
    world = struck(FaultKind.ADDRESSES, OTHER, told)
    switch_over(world)
    world.run_for(10 * SECOND)

    assert not any(host.virtual for host in world.hosts)
    mend(world)
    world.run_for(MINUTE)
    assert_in_order(world)


def test_users_that_live_on_make_the_file_system_busy_until_it_is_unmounted_by_force() -> None:
    told: list[str] = []
    world = struck(FaultKind.USERS, FIRST, told)
    switch_over(world)
    world.run_for(20 * SECOND)

    said = "\n".join(told)
    assert said.index("Device busy") < said.index("the users did not end in time")
    assert said.index("the users did not end in time") < said.index("$ umount -f")


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
@pytest.mark.parametrize("seed", FEW[:3])
def test_every_arbiter_keeps_its_promises(seed: int, arbiter: ArbiterKind) -> None:
    outcome = run(seed, arbiter=arbiter)

    assert (outcome.violations, outcome.problem) == ((), "")
