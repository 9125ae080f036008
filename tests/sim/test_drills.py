"""What a drill does to a pair: one node is lost on purpose, the other serves, everything comes back."""

import pytest

from hafailover.group import drilling
from hafailover.group.actions import Action, AlertKind, RaiseAlert, Reply, Severity
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.lineage.record import CopyState
from hafailover.sim.agent import Agent
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import NETWORKS
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import settle
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, assert_in_order, copies, role, running, serving


def answers_of(world: World) -> list[tuple[str, Reply]]:
    """Have every answer to an order written into the list that is returned."""
    found: list[tuple[str, Reply]] = []
    said = world.said

    def listen(agent: Agent, action: Action) -> None:
        if isinstance(action, Reply):
            found.append((agent.host.name, action))
        said(agent, action)

    world.said = listen  # type: ignore[method-assign]
    return found


def order(world: World, node: str, kind: OrderKind, **options: str) -> None:
    agent = world.host(node).agent
    assert agent is not None
    agent.order(kind, **options)


def test_a_primary_that_is_given_up_is_taken_over_from_and_rebuilt() -> None:
    world = running()
    answers = answers_of(world)
    world.run_for(2 * SECOND)

    order(world, "A", OrderKind.GIVE_UP)

    assert world.run_until(lambda: serving(world) == ["B"], 15 * SECOND)
    assert world.workload.lost(world.host("B")) == []
    assert copies(world)["B"] is CopyState.SOLE
    assert [(node, answer.accepted) for node, answer in answers] == [("A", True)]
    assert settle(world, MINUTE)
    assert_in_order(world)
    assert serving(world) == ["B"]


def test_a_primary_is_not_given_up_when_the_peer_is_lost_on_the_way() -> None:
    world = running()
    world.run_for(2 * SECOND)

    order(world, "A", OrderKind.GIVE_UP)
    world.run_for(SECOND // 100)
    world.power_off("B")
    world.run_for(MINUTE)

    assert copies(world)["A"] not in (CopyState.STALE, CopyState.SYNCING)
    world.power_on("B")
    assert settle(world, MINUTE)
    assert_in_order(world)


@pytest.mark.parametrize("after_ms", range(20, 120, 10))
def test_both_may_lose_power_while_a_node_is_given_up(after_ms: int) -> None:
    """The copy was given up before the other one was closed: what a ggated took may be gone with a power cut."""
    world = running()
    world.run_for(2 * SECOND)

    order(world, "A", OrderKind.GIVE_UP)
    world.run_for(after_ms * MILLISECOND)
    for node in ("A", "B"):
        world.power_off(node)
    world.run_for(SECOND)
    for node in ("A", "B"):
        world.power_on(node)

    assert settle(world, MINUTE)
    assert_in_order(world)


def test_a_node_that_was_given_up_serves_again_if_the_peer_does_not_take_over() -> None:
    world = running()
    world.run_for(2 * SECOND)

    blind = Fault(kind=FaultKind.BLIND, node="B", wait_ns=0, span_ns=5 * MINUTE)
    strike(world, blind)
    order(world, "A", OrderKind.GIVE_UP)

    assert world.run_until(lambda: serving(world) == [], 5 * SECOND)
    assert world.run_until(lambda: serving(world) == ["A"], 2 * MINUTE)
    assert settle(world, 10 * MINUTE)
    assert_in_order(world)


@pytest.mark.parametrize("after_ms", range(40, 130, 10))
def test_a_node_that_was_given_up_takes_nothing_back_from_a_peer_that_it_does_not_hear(
    after_ms: int,
) -> None:
    """The peer may have taken over in that very moment: without a strict arbiter nobody knows.

    Cut off before it has seen its copy identical to the peer's, it gives nothing up: that is a plain partition.
    """
    world = running()
    world.run_for(2 * SECOND)

    order(world, "A", OrderKind.GIVE_UP)
    world.run_for(after_ms * MILLISECOND)
    for network in NETWORKS:
        world.network.cut(network, "A", "B")
        world.network.cut(network, "B", "A")
    assert world.run_until(lambda: "A" not in serving(world), 10 * SECOND)
    world.run_for(MINUTE)

    assert "A" not in serving(world)


def test_a_primary_is_not_given_up_in_a_pair_that_is_not_healthy() -> None:
    world = running()
    world.power_off("B")
    world.run_for(5 * SECOND)
    answers = answers_of(world)

    order(world, "A", OrderKind.GIVE_UP)
    world.run_for(5 * SECOND)

    assert [answer.accepted for _, answer in answers] == [False]
    assert serving(world) == ["A"]


def test_a_secondary_that_withdraws_on_the_primarys_word_is_dropped_and_rebuilt() -> None:
    world = running()
    answers = answers_of(world)
    world.run_for(2 * SECOND)

    order(world, "A", OrderKind.WITHDRAW)

    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 10 * SECOND)
    assert [(node, answer.accepted) for node, answer in answers] == [("A", True)]
    assert serving(world) == ["A"]
    assert settle(world, MINUTE)
    assert_in_order(world)
    assert world.workload.longest_stall_ns <= 2500 * SECOND // 1000


def test_a_withdrawal_that_a_handover_overtakes_is_answered_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second one meanwhile is refused, and does not take the place of the first."""
    monkeypatch.setattr(drilling, "advance_withdrawal", lambda *_: False)
    world = running()
    answers = answers_of(world)
    world.run_for(2 * SECOND)
    order(world, "A", OrderKind.WITHDRAW)
    world.run_for(SECOND)
    order(world, "B", OrderKind.WITHDRAW)
    world.run_for(SECOND)
    assert [(node, answer.text) for node, answer in answers] == [
        ("B", "the export is being ended already")
    ]

    switch_over(world)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)

    (overtaken,) = (answer for _, answer in answers if "overtaken" in answer.text)
    assert not overtaken.accepted
    agent = world.host("B").agent
    assert agent is not None
    assert agent.state.withdrawing is None


def test_a_switchover_can_be_ordered_on_either_node() -> None:
    world = running()
    answers = answers_of(world)

    order(world, "B", OrderKind.SWITCHOVER)
    assert world.run_until(lambda: serving(world) == ["B"], 15 * SECOND)
    assert settle(world, MINUTE)
    order(world, "A", OrderKind.SWITCHOVER)
    assert world.run_until(lambda: serving(world) == ["A"], 15 * SECOND)

    assert [(node, answer.accepted) for node, answer in answers] == [("B", True), ("A", True)]
    assert settle(world, MINUTE)
    assert_in_order(world)


def test_a_refusal_of_the_peer_is_told_to_who_asked() -> None:
    world = running()
    answers = answers_of(world)
    order(world, "A", OrderKind.PAUSE)

    order(world, "B", OrderKind.SWITCHOVER)
    world.run_for(SECOND)

    assert [(node, answer.accepted) for node, answer in answers] == [("A", True), ("B", False)]
    assert "paused" in answers[-1][1].text


def test_a_mark_is_written_by_whoever_serves_and_answered_where_it_was_asked_for() -> None:
    world = running()
    answers = answers_of(world)

    order(world, "A", OrderKind.MARK, reason="sites 1 from A")
    world.run_for(SECOND)
    order(world, "B", OrderKind.MARK, reason="sites 2 from B")
    world.run_for(SECOND)
    order(world, "B", OrderKind.MARK, reason="photos 3 from B")
    world.run_for(SECOND)

    assert [(node, answer.accepted) for node, answer in answers] == [
        ("A", True),
        ("B", True),
        ("B", False),
    ]
    assert role(world, "A") is Role.PRIMARY


def test_an_order_for_a_peer_that_has_just_died_is_answered_in_the_end() -> None:
    world = running()
    answers = answers_of(world)
    world.power_off("A")

    order(world, "B", OrderKind.MARK, reason="sites 1 from B")
    world.run_for(10 * SECOND)

    assert [(node, answer.accepted) for node, answer in answers] == [("B", False)]


def test_what_came_of_a_drill_is_told_to_people() -> None:
    world = running()
    told: list[RaiseAlert] = []
    said = world.said

    def listen(agent: Agent, action: Action) -> None:
        if isinstance(action, RaiseAlert):
            told.append(action)
        said(agent, action)

    world.said = listen  # type: ignore[method-assign]
    for words in ("met: every objective", "missed: planned: outage", "not run: paused"):
        order(world, "A", OrderKind.DRILLED, reason=words)
        world.run_for(SECOND)

    assert [each.kind for each in told] == [AlertKind.DRILL_RESULT] * 3
    assert [each.severity for each in told] == [
        Severity.NOTE,
        Severity.WARNING,
        Severity.WARNING,
    ]
    assert "not run: paused" in told[-1].text
