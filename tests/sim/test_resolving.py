"""Copies between which only an operator can choose: every such pair has a way out, and nothing is lost unkept."""

from dataclasses import replace

import pytest

from hafailover.group import actions as ask
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.sim import pair
from hafailover.sim.agent import Agent
from hafailover.sim.network import REPLICATION
from hafailover.sim.schedule import found, settle
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, assert_in_order, copies, role, running, serving


def replies_of(world: World) -> list[ask.Reply]:
    """Collect every answer to an order from now on."""
    seen: list[ask.Reply] = []
    plain = world.said

    def said(agent: Agent, action: ask.Action) -> None:
        if isinstance(action, ask.Reply):
            seen.append(action)
        plain(agent, action)

    world.said = said  # type: ignore[method-assign]
    return seen


def order(world: World, node: str, keep: str, **options: int | str) -> None:
    agent = world.host(node).agent
    assert agent is not None
    agent.order(OrderKind.RESOLVE, keep=keep, **{"reason": "a test", **options})


def split() -> World:
    """Return a pair without an arbiter, after a partition in which both nodes served."""
    world = running(arbiter=ArbiterKind.NONE)
    world.isolate("A", "lan")
    world.isolate("A", REPLICATION)
    assert world.run_until(lambda: sorted(serving(world)) == ["A", "B"], 2 * MINUTE)
    world.run_for(3 * SECOND)
    world.heal()
    assert world.run_until(lambda: len(serving(world)) == 1, MINUTE)
    world.run_for(5 * SECOND)
    assert CopyState.DIVERGED in copies(world).values()
    return world


def with_records(copy_a: CopyState, copy_b: CopyState) -> World:
    """Return a pair that was switched on with these copies on record."""
    world = found(1, arbiter=ArbiterKind.PING)
    for node, copy in (("A", copy_a), ("B", copy_b)):
        old = world.records[node]["sites"]
        fresh = LineageRecord(copy=copy, doubt="no record was ever written")
        is_unknown = copy is CopyState.UNKNOWN
        world.records[node]["sites"] = fresh if is_unknown else replace(old, copy=copy)
    for node in pair.NODES:
        world.power_on(node)
    world.run_for(10 * SECOND)
    assert serving(world) == []
    return world


@pytest.mark.parametrize("given_on", pair.NODES)
@pytest.mark.parametrize("keep", pair.NODES)
def test_after_a_split_the_named_copy_is_kept_and_the_other_one_rebuilt(
    keep: str, given_on: str
) -> None:
    world = split()
    only_on_loser = world.workload.only_on(
        world.host("B" if keep == "A" else "A"), world.host(keep)
    )
    assert only_on_loser

    order(world, given_on, keep)

    assert world.run_until(lambda: serving(world) == [keep], 2 * MINUTE)
    assert settle(world, 2 * MINUTE)
    assert world.kept & set(only_on_loser)
    assert [each for each in world.checker.violations if each.invariant == "S3"] == []
    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    records = [world.records[node]["sites"] for node in pair.NODES]
    assert records[0].lineage == records[1].lineage
    assert [record.choice for record in records] == [None, None]


STATES = (CopyState.DIVERGED, CopyState.STALE, CopyState.SYNCING, CopyState.UNKNOWN)


@pytest.mark.parametrize("theirs", STATES)
@pytest.mark.parametrize("mine", STATES)
def test_no_pair_of_bad_copies_is_a_dead_end(mine: CopyState, theirs: CopyState) -> None:
    world = with_records(mine, theirs)
    replies = replies_of(world)
    keep = "A" if mine is not CopyState.SYNCING else "B"

    order(world, "B" if keep == "A" else "A", keep)
    world.run_for(SECOND)

    if mine is theirs is CopyState.SYNCING:
        assert "a mixture of old and new" in replies[0].text
        agent = world.host("A").agent
        assert agent is not None
        agent.order(OrderKind.PROMOTE, force_copy=True, accept_mixture=True)
        assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
        order(world, "A", "A")  # By force nothing is overwritten; that is for the operator to say.
    else:
        assert replies[0].accepted, replies[0].text
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


@pytest.mark.parametrize("copy", [CopyState.DIVERGED, CopyState.UNKNOWN])
def test_a_bad_copy_beside_a_serving_one_is_rebuilt_on_an_order(copy: CopyState) -> None:
    world = running()
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    old = world.records["B"]["sites"]
    world.records["B"]["sites"] = (
        replace(old, copy=copy) if copy is CopyState.DIVERGED else LineageRecord(copy=copy)
    )
    world.power_on("B")
    world.run_for(20 * SECOND)
    assert copies(world)["B"] is copy

    order(world, "A", "A")

    assert settle(world, MINUTE)
    assert serving(world) == ["A"]
    assert_in_order(world)


def test_nothing_changes_if_what_only_the_discarded_copy_holds_cannot_be_kept() -> None:
    world = split()
    keep = serving(world)[0]
    loser = "B" if keep == "A" else "A"
    before = world.records[loser]["sites"]
    order(world, loser, keep)
    world.restarts = False
    world.kill_agent(keep)

    world.run_for(10 * SECOND)

    assert world.records[loser]["sites"].copy is before.copy
    assert world.records[loser]["sites"].choice is None
    assert world.kept == set()


def test_the_agent_of_the_discarded_copy_may_die_in_the_middle() -> None:
    world = split()
    keep = serving(world)[0]
    loser = "B" if keep == "A" else "A"
    order(world, loser, keep)
    world.run_for(SECOND)
    world.kill_agent(loser)
    world.run_for(20 * SECOND)
    assert copies(world)[loser] is CopyState.DIVERGED

    order(world, loser, keep)

    assert settle(world, 2 * MINUTE)
    assert set(copies(world).values()) == {CopyState.IN_SYNC}


def test_a_choice_is_refused_with_its_reason() -> None:
    world = running()
    replies = replies_of(world)
    order(world, "B", "A")
    order(world, "B", "C")
    order(world, "A", "B", seen_epoch=77)
    world.run_for(SECOND)
    world.power_off("A")
    world.run_for(2 * SECOND)
    order(world, "B", "A")
    order(world, "B", "B")
    world.run_for(SECOND)

    texts = [each.text for each in replies]
    assert [each.accepted for each in replies] == [False] * 5
    for text, words in zip(
        texts,
        ("nothing to choose", "no node 'C'", "has moved on", "not heard", "not heard"),
        strict=True,
    ):
        assert words in text


def test_a_choice_without_a_reason_is_refused() -> None:
    world = split()
    replies = replies_of(world)
    keep = serving(world)[0]
    order(world, "B" if keep == "A" else "A", keep, reason=" ")

    assert "a reason is needed" in replies[0].text
    assert role(world, keep) is Role.PRIMARY
