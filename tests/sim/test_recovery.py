"""Loss, return and restart: what is tried again, how soon, how often, and when a human is asked."""

from dataclasses import replace
from typing import Any

import pytest

from hafailover.group import machine
from hafailover.group.actions import AlertKind
from hafailover.group.events import LinkChanged, OrderKind, WallClockTold
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, Automatism, FailbackSettings
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.agent import Agent
from hafailover.sim.schedule import settle
from hafailover.sim.world import GATEWAY, World
from hafailover.units import SECOND, Instant, seconds
from tests.sim.worlds import MINUTE, assert_in_order, copies, role, serving


def started(*, sync_rate: int | None = None, **changes: Any) -> World:
    """Return a pair in service whose groups have these settings."""
    settings = {node: pair.group_settings(node, **changes) for node in pair.NODES}
    world = World(1, settings, gateway=GATEWAY)
    world.sync_rate = sync_rate
    for node in pair.NODES:
        world.power_on(node)
    if changes.get("rejoin") is Automatism.MANUAL:
        assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
        agent_of(world, "A").order(OrderKind.REJOIN)
    assert settle(world, MINUTE)
    assert serving(world) == ["A"]
    return world


def agent_of(world: World, node: str) -> Agent:
    agent = world.host(node).agent
    assert agent is not None
    return agent


def alerts_of(world: World, node: str) -> dict[AlertKind, str]:
    return {each.kind: each.text for each in agent_of(world, node).state.alerts}


def has_begun_to_copy(world: World) -> bool:
    return bool(agent_of(world, "A").state.pairing.inserted)


def lose_and_return(world: World, node: str) -> None:
    """Take a node's power, wait until the other one serves, and until both copies are in sync again."""
    other = "B" if node == "A" else "A"
    world.power_off(node)
    assert world.run_until(lambda: serving(world) == [other], MINUTE)
    world.power_on(node)
    assert settle(world, 2 * MINUTE)


@pytest.mark.parametrize("node", pair.NODES)
def test_a_restart_of_either_agent_moves_and_rebuilds_nothing(node: str) -> None:
    world = started()
    lineage = world.records["A"]["sites"].lineage
    before = agent_of(world, node)
    seen: list[str] = []
    world.on_moment = lambda agent, phase, what: seen.append(f"{agent.host.name} {what} {phase}")

    world.restart_agent(node)
    world.run_for(10 * SECOND)

    assert agent_of(world, node) is not before
    assert serving(world) == ["A"]
    assert world.records["A"]["sites"].lineage == lineage
    assert not [each for each in seen if "destroy" in each or "umount" in each or "ggated" in each]
    assert world.workload.longest_stall_ns < SECOND
    assert_in_order(world)


def test_an_agent_that_is_restarted_is_waited_for_even_if_its_host_is_not_seen() -> None:
    timers = replace(pair.group_settings("A").timers, restart_hold=seconds(20))
    world = started(timers=timers)
    world.restarts = False
    world.restart_agent("A")
    assert world.run_until(lambda: agent_of(world, "B").state.peer.returns_by is not None, SECOND)
    world.power_off("A")

    world.run_for(15 * SECOND)
    assert serving(world) == []
    assert "has asked to be waited for" in agent_of(world, "B").state.candidacy_refusal
    assert world.run_until(lambda: serving(world) == ["B"], 30 * SECOND)


def test_after_some_failovers_within_the_window_a_human_is_asked() -> None:
    timers = replace(pair.group_settings("A").timers, failovers=2)
    world = started(timers=timers)
    lose_and_return(world, "A")
    agent_of(world, "B").order(OrderKind.SWITCHOVER)
    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    assert settle(world, MINUTE)
    lose_and_return(world, "A")
    assert AlertKind.FLAPPING in alerts_of(world, "B")
    agent_of(world, "B").order(OrderKind.CLEAR_HOLD)
    agent_of(world, "B").order(OrderKind.SWITCHOVER)
    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)


def test_a_node_that_took_over_too_often_does_not_take_over_again_without_a_word() -> None:
    timers = replace(pair.group_settings("A").timers, failovers=1)
    failback = FailbackSettings(mode=Automatism.AUTO, hold=seconds(5))
    world = started(timers=timers, failback=failback)
    lose_and_return(world, "A")
    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    assert settle(world, MINUTE)
    world.power_off("A")

    world.run_for(MINUTE)
    assert serving(world) == []
    assert "clear-hold" in alerts_of(world, "B")[AlertKind.FLAPPING]
    assert AlertKind.WAITING_FOR_OPERATOR in alerts_of(world, "B")

    agent_of(world, "B").order(OrderKind.CLEAR_HOLD)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    assert world.workload.lost(world.host("B")) == []


@pytest.mark.parametrize(("minute", "moves"), [(3 * 60, True), (5 * 60, False), (None, False)])
def test_the_group_moves_back_only_within_its_window(minute: int | None, *, moves: bool) -> None:
    failback = FailbackSettings(mode=Automatism.AUTO, hold=seconds(5), window=(120, 300))
    world = started(failback=failback)
    lose_and_return(world, "A")

    if minute is not None:
        agent_of(world, "B").feed(WallClockTold(minute=minute))
    world.run_for(20 * SECOND)

    assert serving(world) == (["A"] if moves else ["B"])


def test_the_time_of_the_day_grows_old() -> None:
    failback = FailbackSettings(mode=Automatism.AUTO, hold=seconds(200), window=(1320, 300))
    world = started(failback=failback)
    lose_and_return(world, "A")
    agent_of(world, "B").feed(WallClockTold(minute=1400))

    world.run_for(250 * SECOND)
    assert serving(world) == ["B"]
    agent_of(world, "B").feed(WallClockTold(minute=10))
    assert world.run_until(lambda: serving(world) == ["A"], 10 * SECOND)


def test_with_address_first_the_address_is_up_before_the_data() -> None:
    world = started(address_first=True)
    world.power_off("A")
    host = world.host("B")

    assert world.run_until(lambda: bool(host.virtual), MINUTE)
    assert role(world, "B") is Role.PROMOTING
    assert serving(world) == []
    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, MINUTE)
    assert serving(world) == ["B"]


def test_a_rebuild_that_waits_for_a_word_says_so() -> None:
    world = started(rejoin=Automatism.MANUAL)
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.power_on("B")
    world.run_for(30 * SECOND)

    assert "hafailover rejoin" in alerts_of(world, "A")[AlertKind.WAITING_FOR_OPERATOR]
    assert copies(world)["B"] is CopyState.STALE
    agent_of(world, "A").order(OrderKind.REJOIN)
    assert settle(world, MINUTE)
    assert AlertKind.WAITING_FOR_OPERATOR not in alerts_of(world, "A")


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.NONE])
def test_a_primary_whose_own_disk_hangs_gives_way_and_never_drops_its_peer(
    arbiter: ArbiterKind,
) -> None:
    world = started(arbiter=arbiter)
    world.run_for(2 * SECOND)
    seen: list[str] = []
    world.on_moment = lambda agent, _, what: seen.append(f"{agent.host.name} {what}")

    world.host("A").hang_disk()

    assert world.run_until(lambda: serving(world) == ["B"], 2 * MINUTE)
    assert not [each for each in seen if each.startswith("A ggatec destroy")]
    world.run_for(SECOND)
    assert world.workload.lost(world.host("B")) == []
    world.power_on("A")
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_failing_rebuild_is_tried_less_and_less_often_and_then_given_up() -> None:
    rebuild = replace(pair.group_settings("A").rebuild, attempts=2)
    world = started(rebuild=rebuild, sync_rate=50_000)
    world.power_off("B")
    for _ in range(2):
        assert world.run_until(lambda: not has_begun_to_copy(world), MINUTE)
        world.power_on("B")
        assert world.run_until(lambda: has_begun_to_copy(world), MINUTE)
        world.run_for(SECOND // 2)
        world.power_off("B")
    assert world.run_until(lambda: not has_begun_to_copy(world), MINUTE)
    world.power_on("B")
    world.run_for(MINUTE)

    assert "2 rebuilds" in alerts_of(world, "A")[AlertKind.REBUILD_STALLED]
    agent_of(world, "A").order(OrderKind.REJOIN)
    assert settle(world, 2 * MINUTE)


def test_a_promotion_that_is_cut_off_on_every_side_ends_before_it_mounts() -> None:
    """The other node may be back and serve by then: it waits for an isolated one no longer than for a primary."""
    world = started()
    world.power_off("A")
    assert world.run_until(lambda: role(world, "B") is Role.PROMOTING, MINUTE)
    agent = agent_of(world, "B")
    now = world.timeline.now
    cut_off = agent.state.changed({"gateway_lost_at": Instant(now - 5 * SECOND)})

    step = machine.step(cut_off, LinkChanged(is_up=True), Instant(now), agent.settings)

    assert step.state.role is Role.DEMOTING
