"""Operators' orders in the middle of things: what is taken is carried out, and whoever waits for them says so."""

from dataclasses import replace

import pytest

from hafailover.group.actions import AlertKind
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, Automatism
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.schedule import found, settle
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.test_resolving import order, replies_of, split, with_records
from tests.sim.worlds import MINUTE, copies, role, running, serving


def mounted(world: World) -> list[str]:
    return [
        host.name
        for host in world.hosts
        if host.kernel is not None and host.kernel.machine.mounts.at("/home/sites") is not None
    ]


def alerts(world: World, node: str) -> set[AlertKind]:
    agent = world.host(node).agent
    return set() if agent is None else {each.kind for each in agent.state.alerts}


def test_a_copy_without_a_lineage_that_was_forced_away_can_be_given_up() -> None:
    """B lost its record. A is promoted by force, then 'resolve --keep A' is taken: B is to be rebuilt, and never is."""
    world = with_records(CopyState.STALE, CopyState.UNKNOWN)
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.PROMOTE, force_copy=True)
    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    world.run_for(5 * SECOND)
    replies = replies_of(world)
    order(world, "A", "A")
    world.run_for(10 * SECOND)
    assert [each.accepted for each in replies] == [True]
    assert settle(world, 3 * MINUTE), (copies(world), world.records["A"]["sites"].forced_from)


def test_a_given_up_copy_that_was_forced_on_can_keep_again() -> None:
    """B was given up, then A is lost and B is forced on all the same; A comes back and is given up in its turn."""
    world = running()
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    old = world.records["B"]["sites"]
    world.records["B"]["sites"] = replace(old, copy=CopyState.DIVERGED)
    world.power_on("B")
    world.run_for(20 * SECOND)
    order(world, "A", "A")
    agent = world.host("B").agent
    assert agent is not None
    assert world.run_until(lambda: copies(world)["B"] is CopyState.STALE, MINUTE)
    world.power_off("A")
    world.run_for(5 * SECOND)
    agent.order(OrderKind.PROMOTE, force_copy=True, peer_is_off=True, accept_mixture=True)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    world.power_on("A")
    world.run_for(30 * SECOND)
    order(world, "A", "B")
    assert settle(world, 3 * MINUTE), (copies(world), world.records["B"]["sites"].forced_from)


@pytest.mark.parametrize("forced", [False, True])
def test_the_word_that_the_peer_is_off_given_on_both_nodes(forced: bool) -> None:
    """Etcd is away, both stand by and hear each other; each of two operators says that the other node is off.

    Founded and never started; or, with ``forced``, after a power cut of both, B's order names the loss.
    """
    world = running(arbiter=ArbiterKind.ETCD) if forced else found(1, arbiter=ArbiterKind.ETCD)
    world.run_for(3 * SECOND)
    for node in pair.NODES:
        world.power_off(node)
    world.etcd.has_majority = False
    for node in pair.NODES:
        world.power_on(node)
    world.run_for(20 * SECOND)
    assert mounted(world) == []
    replies = replies_of(world)
    for node in pair.NODES:
        agent = world.host(node).agent
        assert agent is not None
        assert agent.state.peer.report is not None
        agent.order(OrderKind.PROMOTE, peer_is_off=True, force_copy=forced and node == "B")
    both = world.run_until(lambda: len(mounted(world)) == 2, MINUTE)
    assert not both, [(each.accepted, each.text) for each in replies]


def test_nobody_serves_after_a_release_and_somebody_is_told() -> None:
    """A hands over to B, and B loses its power before it has taken the group: A waits for contact or an order."""
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(3 * SECOND)
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.SWITCHOVER)
    assert world.run_until(lambda: agent.state.token_given is not None, MINUTE)
    world.power_off("B")
    world.gone.add("B")
    world.run_for(5 * MINUTE)
    assert serving(world) == ["A"] or AlertKind.WAITING_FOR_OPERATOR in alerts(world, "A"), (
        agent.state.candidacy_refusal,
        alerts(world, "A"),
    )


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_nobody_serves_beside_a_paused_standby_and_somebody_is_told(arbiter: ArbiterKind) -> None:
    """A forgotten pause on the standby, then the primary's host is lost for good: not one alert is raised."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    agent.order(OrderKind.PAUSE)
    world.run_for(SECOND)
    world.power_off("A")
    world.gone.add("A")
    world.run_for(5 * MINUTE)
    assert serving(world) == []
    assert alerts(world, "B"), agent.state.candidacy_refusal


def test_nobody_serves_since_etcd_counts_the_lost_copy_only_and_somebody_is_told() -> None:
    """B is rebuilt and has recorded that it is in sync; A dies for good before etcd was told."""
    world = running(arbiter=ArbiterKind.ETCD)
    world.run_for(3 * SECOND)
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.power_on("B")
    assert world.run_until(lambda: copies(world)["B"] is CopyState.SYNCING, MINUTE)
    assert world.run_until(lambda: copies(world)["B"] is CopyState.IN_SYNC, MINUTE)
    world.power_off("A")
    world.gone.add("A")
    world.run_for(5 * MINUTE)
    agent = world.host("B").agent
    assert agent is not None
    assert serving(world) == ["B"] or alerts(world, "B"), agent.state.candidacy_refusal


def test_nobody_serves_after_a_drill_and_somebody_is_told() -> None:
    """A was given up for a drill, and B loses its power before it has taken over."""
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(3 * SECOND)
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.GIVE_UP)
    assert world.run_until(lambda: agent.state.giving_up_since is not None, MINUTE)
    world.power_off("B")
    world.gone.add("B")
    world.run_for(5 * MINUTE)
    assert serving(world) == ["A"] or alerts(world, "A"), agent.state.candidacy_refusal


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.FENCE, ArbiterKind.ETCD])
def test_a_rejoin_ordered_while_the_lost_copy_is_let_go_is_not_forgotten(
    arbiter: ArbiterKind,
) -> None:
    """With 'rejoin: manual' the order is taken while the peer's copy is still being let go; then nothing happens."""
    world = found(1, arbiter=arbiter)
    for node, settings in world.settings.items():
        world.settings[node] = replace(settings, rejoin=Automatism.MANUAL)
    for node in pair.NODES:
        world.power_on(node)
    world.run_for(20 * SECOND)
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.REJOIN)
    assert settle(world, 2 * MINUTE)
    world.run_for(3 * SECOND)
    world.fence.span_ns = 3 * SECOND
    replies = replies_of(world)
    world.power_off("B")
    assert world.run_until(lambda: agent.state.dropping is not None, MINUTE)
    agent.order(OrderKind.REJOIN)
    assert replies[-1].accepted
    world.run_for(10 * SECOND)
    world.power_on("B")
    assert settle(world, 2 * MINUTE), copies(world)


def test_a_choice_that_cannot_be_carried_out_costs_no_service() -> None:
    """The serving node's copy is to be given up; the peer's agent is restarted while that is saved: nobody serves."""
    world = split()
    (loser,) = serving(world)
    keep = "B" if loser == "A" else "A"
    order(world, loser, keep)
    assert world.run_until(lambda: role(world, loser) is Role.STANDBY, MINUTE)
    agent = world.host(loser).agent
    assert agent is not None
    assert world.run_until(
        lambda: agent.state.resolving is not None and agent.state.resolving.id != 0, MINUTE
    )
    world.run_for(2900 * MILLISECOND)
    world.kill_agent(keep)
    assert world.run_until(lambda: len(serving(world)) == 1, 5 * MINUTE), (
        copies(world),
        agent.state.candidacy_refusal,
    )


def test_two_contrary_choices_give_up_one_copy_at_most() -> None:
    """Each of two operators keeps the copy of the other node: both orders are taken, and both copies are given up."""
    world = split()
    replies = replies_of(world)
    order(world, "A", "B")
    world.run_for(200 * MILLISECOND)
    order(world, "B", "A")
    world.run_for(2 * MINUTE)
    assert serving(world), (copies(world), [(e.accepted, e.text) for e in replies])


def test_a_promotion_ordered_on_the_releaser_before_the_successor_answers() -> None:
    """B hands over; what A says is lost for less than a second, and an operator has B promoted: both would mount."""
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(3 * SECOND)
    first = world.host("A").agent
    assert first is not None
    first.order(OrderKind.SWITCHOVER)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    assert settle(world, MINUTE)
    world.run_for(3 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    agent.order(OrderKind.SWITCHOVER)
    assert world.run_until(lambda: agent.state.token_given is not None, MINUTE)
    for network in (LAN, REPLICATION):
        world.cut(network, one_way="A")
    world.run_for(300 * MILLISECOND)
    agent.order(OrderKind.PROMOTE)
    world.run_for(500 * MILLISECOND)
    world.heal()
    assert not world.run_until(lambda: len(mounted(world)) == 2, 10 * SECOND)


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_pause_on_both_nodes_during_a_handover_leaves_somebody_serving(
    arbiter: ArbiterKind,
) -> None:
    """A has begun to hand over when an operator pauses both nodes. What has begun is brought to its end."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.SWITCHOVER)
    assert role(world, "A") is Role.DEMOTING
    for node in pair.NODES:
        each = world.host(node).agent
        assert each is not None
        each.order(OrderKind.PAUSE)
    assert world.run_until(lambda: len(serving(world)) == 1, 2 * MINUTE)
    assert settle(world, 2 * MINUTE)
