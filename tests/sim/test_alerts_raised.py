"""Every alert there is, is raised by something that really happens: in a story of the corpus, here, or at the edges."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from hafailover.group.actions import Action, AlertKind, RaiseAlert, ResolveAlert
from hafailover.group.events import AdvertisementAccepted, OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.view import NOT_SERVED, describe
from hafailover.lineage.record import CopyState
from hafailover.sim.agent import Agent
from hafailover.sim.network import NETWORKS
from hafailover.sim.operators import switch_over
from hafailover.sim.world import World
from hafailover.units import SECOND
from hafailover.vrrp.advertisement import Advertisement
from tests.sim.worlds import MINUTE, copies, role, running, serving

CORPUS = Path(__file__).parents[1] / "scenarios"
EDGES = Path(__file__).parents[1] / "system"


class Heard:
    """What the agents of a world say from now on."""

    def __init__(self, world: World) -> None:
        self.raised: dict[tuple[str, AlertKind], str] = {}
        self.resolved: set[tuple[str, AlertKind]] = set()
        world.on_said = self._listen

    def _listen(self, agent: Agent, action: Action) -> None:
        if isinstance(action, RaiseAlert):
            self.raised[agent.host.name, action.kind] = action.text
        elif isinstance(action, ResolveAlert):
            self.resolved.add((agent.host.name, action.kind))


def agent_of(world: World, node: str) -> Agent:
    agent = world.host(node).agent
    assert agent is not None
    return agent


def _a_stranger_answers_for_the_router() -> Heard:
    world = running()
    heard = Heard(world)
    router = agent_of(world, "A").settings.routers[0]
    stranger = Advertisement(
        version=router.version,
        vrid=router.vrid,
        priority=254,
        interval_ns=router.interval_ns,
        addresses=router.addresses,
        source=ip_address("192.0.2.77"),
        destination=router.multicast_group,
    )
    event = AdvertisementAccepted(family=router.family, advertisement=stranger)
    agent_of(world, "A").feed(event)
    assert "192.0.2.77" in heard.raised["A", AlertKind.COMPETING_MASTER]
    assert world.run_until(lambda: ("A", AlertKind.COMPETING_MASTER) in heard.resolved, MINUTE)
    return heard


def _the_kernel_drops_a_copy() -> Heard:
    world = running()
    world.run_for(2 * SECOND)
    heard = Heard(world)
    world.host("A").run(("gmirror", "remove", "sites", "ggate10"), lambda _: None)
    assert world.run_until(lambda: ("A", AlertKind.DROPPED_UNANNOUNCED) in heard.raised, MINUTE)
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    return heard


def _the_nodes_are_configured_differently() -> Heard:
    world = running()
    heard = Heard(world)
    world.settings["B"] = replace(world.settings["B"], digest="another")
    world.restart_agent("B")
    world.run_for(10 * SECOND)
    assert {node for node, kind in heard.raised if kind is AlertKind.CONFIGURATION_DIFFERS} == {
        "A",
        "B",
    }
    return heard


def _a_node_is_heard_and_hears_nothing() -> Heard:
    """A restart of the other agent is none of that, although it has heard nobody when it says its first word."""
    world = running()
    heard = Heard(world)
    world.restart_agent("B")
    world.run_for(10 * SECOND)
    assert ("A", AlertKind.ONE_WAY_LINK) not in heard.raised
    for network in NETWORKS:
        world.cut(network, one_way="A")
    world.run_for(10 * SECOND)
    assert "does not hear A" in heard.raised["A", AlertKind.ONE_WAY_LINK]
    return heard


def _a_node_serves_on_a_word() -> Heard:
    world = running(arbiter=ArbiterKind.ETCD)
    heard = Heard(world)
    world.etcd.has_majority = False
    world.power_off("A")
    world.run_for(20 * SECOND)
    agent_of(world, "B").order(OrderKind.PROMOTE, peer_is_off=True)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    return heard


def _a_watchdog_is_missing() -> Heard:
    world = running(arbiter=ArbiterKind.ETCD)
    heard = Heard(world)
    world.power_off("A")
    world.host("B").watchdog = None
    world.run_for(MINUTE)
    assert "watchdog" in heard.raised["B", AlertKind.NOT_STRICT]
    return heard


def _a_service_fails() -> Heard:
    """The group moves at once; people are told all the same which service it was, and no more once it is stopped."""
    world = running()
    heard = Heard(world)
    for node, settings in world.settings.items():
        services = tuple(replace(each, check=("check",)) for each in settings.services)
        world.settings[node] = replace(settings, services=services)
        world.restart_agent(node)
    world.run_for(10 * SECOND)
    world.failing.add("A")
    assert world.run_until(lambda: serving(world) == ["B"], 2 * MINUTE)
    assert "writer" in heard.raised["A", AlertKind.SERVICE_FAILING]
    assert ("A", AlertKind.SERVICE_FAILING) in heard.resolved
    return heard


def _an_address_cannot_be_put_up() -> Heard:
    """The data is there and nobody reaches it: the status and an alert say so, until it can be put up."""
    world = running()
    world.run_for(3 * SECOND)
    heard = Heard(world)
    world.host("B").stubbornness.gets_no_addresses = True
    switch_over(world)
    assert world.run_until(lambda: ("B", AlertKind.ADDRESS_MISSING) in heard.raised, MINUTE)
    agent = agent_of(world, "B")
    told = describe(agent.state, agent.settings, agent.state.moved_at)
    assert (told["health"], told["addresses_are"]) == (
        NOT_SERVED,
        "not up here, though they should be",
    )
    assert told["headline"] == "B has the data, but its address cannot be put up"

    world.host("B").stubbornness.gets_no_addresses = False
    assert world.run_until(lambda: ("B", AlertKind.ADDRESS_MISSING) in heard.resolved, MINUTE)
    assert serving(world) == ["B"]
    return heard


def _a_drill_has_ended() -> Heard:
    world = running()
    heard = Heard(world)
    agent_of(world, "A").order(OrderKind.DRILLED, reason="met: everything as it should be")
    return heard


def _a_full_disk_keeps_both_from_serving() -> Heard:
    """The node whose disk is full may have the newer copy: both say that nobody serves, and why."""
    world = running()
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.run_for(5 * SECOND)
    world.power_off("A")
    world.records["A"]["sites"] = replace(
        world.records["A"]["sites"],
        copy=CopyState.IN_SYNC,
        lineage=world.records["B"]["sites"].lineage,
    )
    heard = Heard(world)
    world.record_problem["A"] = "No space left on device"
    for node in "AB":
        world.power_on(node)
    world.run_for(MINUTE)
    assert serving(world) == []
    assert role(world, "A") is Role.STARTING
    for node in "AB":
        told = heard.raised[node, AlertKind.WAITING_FOR_OPERATOR]
        assert "cannot be written: No space left on device" in told
    return heard


WORLDS: dict[AlertKind, Callable[[], Heard]] = {
    AlertKind.COMPETING_MASTER: _a_stranger_answers_for_the_router,
    AlertKind.DROPPED_UNANNOUNCED: _the_kernel_drops_a_copy,
    AlertKind.CONFIGURATION_DIFFERS: _the_nodes_are_configured_differently,
    AlertKind.ONE_WAY_LINK: _a_node_is_heard_and_hears_nothing,
    AlertKind.NOT_STRICT: _a_node_serves_on_a_word,
    AlertKind.SERVICE_FAILING: _a_service_fails,
    AlertKind.ADDRESS_MISSING: _an_address_cannot_be_put_up,
    AlertKind.DRILL_RESULT: _a_drill_has_ended,
    AlertKind.WAITING_FOR_OPERATOR: _a_full_disk_keeps_both_from_serving,
}
"""What is made to happen here."""
STORIES = {
    AlertKind.FAILOVER: "attack-11-the-new-primary-dies-too",
    AlertKind.SWITCHOVER: "story-one-switchover-there-and-back",
    AlertKind.PROMOTION_FAILED: "attack-25-promotions-fail-and-are-held-down",
    AlertKind.PEER_LOST: "hazard-an-error-drops-the-copy",
    AlertKind.UNPROTECTED: "story-nobody-noticed-the-degraded-mirror",
    AlertKind.REBUILD_STARTED: "story-a-standby-that-was-broken-for-long",
    AlertKind.REBUILD_FINISHED: "story-a-standby-that-was-broken-for-long",
    AlertKind.REBUILD_STALLED: "story-a-rebuild-that-never-ends-well",
    AlertKind.DIVERGED: "story-both-go-on-after-a-split",
    AlertKind.LOCAL_COPY_LOST: "attack-04-the-primarys-own-disk-fails",
    AlertKind.PEER_AGENT_SILENT: "attack-09-the-primarys-agent-dies-for-good",
    AlertKind.RECORDS_NOT_DURABLE: "attack-28-the-records-disk-is-full",
    AlertKind.DEMOTION_STUCK: "attack-04-the-primarys-own-disk-hangs",
    AlertKind.LATENESS: "attack-06-a-paused-primary-thaws",
    AlertKind.OBSERVATION_UNKNOWN: "attack-13-every-look-at-geom-is-slow",
    AlertKind.FLAPPING: "story-the-group-moves-too-often",
    AlertKind.ARBITER_SILENT: "attack-08-etcd-is-lost-and-then-the-peer",
    AlertKind.FENCING_FAILED: "story-the-fence-device-is-away",
}
"""What a story of the corpus raises; that the story goes like this is another test's matter."""
AT_THE_EDGES = {
    AlertKind.CONFIGURATION_CHANGED: "test_configuration_file.py",
    AlertKind.HOST_RESET: "test_alerts.py",
}
"""What no decision raises but the agent around them; the test that does it names the kind."""


def test_every_alert_is_raised_by_something() -> None:
    assert WORLDS.keys() | STORIES.keys() | AT_THE_EDGES.keys() == set(AlertKind)


@pytest.mark.parametrize("kind", WORLDS, ids=lambda kind: kind.value)
def test_an_alert_is_raised_when_it_happens(kind: AlertKind) -> None:
    assert kind in {raised for _, raised in WORLDS[kind]().raised}


def test_a_service_that_does_not_stop_is_told() -> None:
    """It is not waited for: what it holds open is taken from it, and the group goes where it was sent."""
    world = running()
    world.run_for(3 * SECOND)
    heard = Heard(world)
    world.host("A").stubbornness.has_no_stop = True
    switch_over(world)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)

    assert heard.raised["A", AlertKind.SERVICE_FAILING] == (
        "service writer did not stop: exit status 1; what it holds open is taken from it"
    )
    assert ("A", AlertKind.SERVICE_FAILING) in heard.resolved


def test_a_missing_watchdog_is_told() -> None:
    assert ("B", AlertKind.NOT_STRICT) in _a_watchdog_is_missing().raised


@pytest.mark.parametrize(("kind", "story"), STORIES.items(), ids=str)
def test_a_story_raises_an_alert(kind: AlertKind, story: str) -> None:
    assert f"alert {kind.value}\n" in (CORPUS / f"{story}.txt").read_text()


@pytest.mark.parametrize(("kind", "test"), AT_THE_EDGES.items(), ids=str)
def test_a_test_of_the_edges_raises_an_alert(kind: AlertKind, test: str) -> None:
    assert f"AlertKind.{kind.name}" in (EDGES / test).read_text()
