"""What happens to a pair in service when one thing goes wrong, and after it is mended."""

import pytest

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.agent import Agent
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import mend
from hafailover.sim.world import GATEWAY, World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, assert_in_order, copies, role, running, serving

KINDS = (ArbiterKind.PING, ArbiterKind.NONE)


def commands_of(world: World) -> list[str]:
    """Have every step from now on written into the list that is returned."""
    seen: list[str] = []

    def note(agent: Agent, phase: str, what: str) -> None:
        if phase == "begins":
            seen.append(f"{agent.host.name}: {what}")

    world.on_moment = note
    return seen


@pytest.mark.parametrize("arbiter", KINDS)
def test_a_cold_start_of_both_ends_with_the_preferred_node_serving(arbiter: ArbiterKind) -> None:
    world = running(arbiter=arbiter)

    assert role(world, "B") is Role.STANDBY
    assert_in_order(world)
    assert serving(world) == ["A"]


def test_one_node_alone_does_not_promote_itself_after_a_power_cut_of_both() -> None:
    world = found(1, arbiter=ArbiterKind.PING)
    world.power_on("B")

    world.run_for(MINUTE)

    assert serving(world) == []
    assert role(world, "B") is Role.STANDBY


@pytest.mark.parametrize("arbiter", KINDS)
def test_the_secondary_takes_over_when_the_primary_loses_power(arbiter: ArbiterKind) -> None:
    world = running(arbiter=arbiter)
    world.run_for(2 * SECOND)
    world.power_off("A")

    assert world.run_until(lambda: serving(world) == ["B"], 15 * SECOND)
    world.run_for(SECOND)
    assert world.workload.lost(world.host("B")) == []

    world.power_on("A")
    assert settle(world, MINUTE)
    assert_in_order(world)
    assert serving(world) == ["B"]


@pytest.mark.parametrize("arbiter", KINDS)
@pytest.mark.parametrize("moment", range(0, 400, 80))
def test_writes_wait_at_most_a_second_and_a_half_when_the_secondary_loses_power(
    arbiter: ArbiterKind, moment: int
) -> None:
    world = running(arbiter=arbiter)
    world.run_for(2 * SECOND + moment * MILLISECOND)
    world.power_off("B")

    world.run_for(10 * SECOND)

    assert serving(world) == ["A"]
    assert copies(world)["A"] is CopyState.SOLE
    assert world.workload.longest_stall_ns <= 1500 * MILLISECOND
    world.power_on("B")
    assert settle(world, MINUTE)
    assert_in_order(world)


@pytest.mark.parametrize("arbiter", KINDS)
def test_a_cut_replication_link_costs_the_second_copy_and_nothing_else(
    arbiter: ArbiterKind,
) -> None:
    world = running(arbiter=arbiter)
    world.cut(REPLICATION)

    world.run_for(10 * SECOND)

    assert serving(world) == ["A"]
    assert copies(world)["A"] is CopyState.SOLE
    assert copies(world)["B"] in (CopyState.STALE, CopyState.SYNCING)
    world.heal()
    assert settle(world, MINUTE)
    assert_in_order(world)
    assert serving(world) == ["A"]


def test_a_primary_without_its_lan_cable_hands_over() -> None:
    world = running()
    steps = commands_of(world)
    world.isolate("A", LAN)

    assert world.run_until(lambda: serving(world) == ["B"], 15 * SECOND)
    world.heal()
    assert settle(world, MINUTE)

    assert_in_order(world)
    assert not any("gmirror insert" in step for step in steps)


@pytest.mark.parametrize("moment", range(0, 500, 100))
def test_a_ping_target_that_comes_back_moves_nothing_though_it_answers_the_standby_first(
    moment: int,
) -> None:
    world = running()
    for node in pair.NODES:
        world.network.cut(LAN, node, GATEWAY)
    world.run_for(10 * SECOND + moment * MILLISECOND)
    steps = commands_of(world)

    world.heal()
    world.run_for(10 * SECOND)

    assert serving(world) == ["A"]
    assert steps == []


@pytest.mark.parametrize("arbiter", KINDS)
def test_a_planned_switchover_there_and_back_copies_nothing(arbiter: ArbiterKind) -> None:
    world = running(arbiter=arbiter)
    steps = commands_of(world)

    for node in ("B", "A"):
        world.run_for(3 * SECOND)
        switch_over(world)
        world.run_for(3 * SECOND)
        assert serving(world) == [node]
        assert settle(world, 10 * SECOND)

    assert_in_order(world)
    assert not any("gmirror insert" in step for step in steps)
    assert sum("gmirror label" in step and "ggate" in step for step in steps) == 2


@pytest.mark.parametrize("node", pair.NODES)
def test_a_killed_agent_is_started_again_and_nobody_notices(node: str) -> None:
    world = running()
    world.run_for(SECOND)
    steps = commands_of(world)
    world.kill_agent(node)

    world.run_for(10 * SECOND)

    assert_in_order(world)
    assert serving(world) == ["A"]
    assert steps == []


@pytest.mark.parametrize("node", pair.NODES)
def test_a_host_whose_agent_stays_dead_is_not_taken_over(node: str) -> None:
    world = running()
    world.restarts = False
    world.kill_agent(node)

    world.run_for(MINUTE)

    assert serving(world) == ["A"]
    assert world.checker.violations == []


@pytest.mark.parametrize(
    ("first", "after"), [("A", "B"), ("B", "A")], ids=["primary-first", "secondary-first"]
)
@pytest.mark.parametrize("arbiter", KINDS)
def test_after_a_power_cut_of_both_the_former_primary_serves_once_both_are_back(
    arbiter: ArbiterKind, first: str, after: str
) -> None:
    world = running(arbiter=arbiter)
    world.run_for(2 * SECOND)
    world.power_off("A")
    world.power_off("B")

    world.run_for(SECOND)
    world.power_on(first)
    world.run_for(MINUTE)
    assert serving(world) == []
    world.power_on(after)
    assert settle(world, MINUTE)

    assert_in_order(world)
    assert serving(world) == ["A"]


def test_a_sole_primary_that_lost_power_asks_an_operator_until_it_meets_its_peer() -> None:
    world = running()
    world.power_off("B")
    world.run_for(10 * SECOND)
    assert copies(world)["A"] is CopyState.SOLE
    world.power_off("A")

    world.power_on("A")
    world.run_for(MINUTE)
    assert serving(world) == []

    world.power_on("B")
    assert settle(world, MINUTE)
    assert_in_order(world)
    assert serving(world) == ["A"]


@pytest.mark.parametrize("order", [("A", "B"), ("B", "A")], ids=["primary-first", "last"])
def test_a_clean_shutdown_of_both_and_a_boot_need_no_rebuild(order: tuple[str, str]) -> None:
    world = running()
    world.run_for(2 * SECOND)
    for node in order:
        agent = world.host(node).agent
        assert agent is not None
        agent.shut_down()
        world.run_for(5 * SECOND)
        assert agent.is_stopped
        world.power_off(node)

    for node in pair.NODES:
        world.power_on(node)
    assert settle(world, MINUTE)

    assert_in_order(world)


def test_an_order_to_switch_over_is_refused_while_the_peer_is_away() -> None:
    world = running()
    world.power_off("B")
    world.run_for(5 * SECOND)
    agent = world.host("A").agent
    assert agent is not None

    agent.order(OrderKind.SWITCHOVER)
    world.run_for(5 * SECOND)

    assert serving(world) == ["A"]
    mend(world)
    assert settle(world, MINUTE)
    assert_in_order(world)
