"""Agents that are restarted in place, and primaries that cannot look: what is remembered, and what follows from it."""

from dataclasses import replace

import pytest

from hafailover.group.settings import ArbiterKind, Automatism
from hafailover.lineage.record import CopyState
from hafailover.sim.agent import Agent
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.schedule import settle
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, copies, running, serving


def lose_b(world: World) -> None:
    """B loses its power, and A goes on alone."""
    world.run_for(3 * SECOND)
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.run_for(SECOND)


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_ggate_that_is_no_more_is_no_sign_that_the_one_in_use_was_dropped(
    arbiter: ArbiterKind,
) -> None:
    """A's agent takes over two ggates, of which the idle one is destroyed; then A cannot read its GEOM tree."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    host = world.host("A")
    agent = host.agent
    assert agent is not None
    ((name, unit),) = agent.state.pairing.units
    idle = next(each for each in world.settings["A"].volumes[0].ggate_units if each != unit)
    (carrier,) = host.processes.carriers
    line = [f"{idle}" if word == f"{unit}" else word for word in carrier.argv]
    host.run(tuple(line), lambda _: None)
    world.run_for(SECOND)
    world.kill_agent("A")
    world.run_for(5 * SECOND)
    agent = host.agent
    assert agent is not None
    assert dict.fromkeys(agent.state.pairing.units) == {(name, unit): None, (name, idle): None}
    host.run(("ggatec", "destroy", "-f", "-u", f"{idle}"), lambda _: None)
    world.run_for(3 * SECOND)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=15 * SECOND))
    world.run_for(14 * SECOND)
    assert copies(world) == {"A": CopyState.IN_SYNC, "B": CopyState.IN_SYNC}
    assert world.fence.shots == []
    world.run_for(5 * SECOND)
    assert settle(world, MINUTE)
    assert serving(world) == ["A"]


def test_a_rebuild_is_not_cut_short_for_a_boot_before_it_began() -> None:
    """A serves alone when its agent is killed; the next one has heard B before it can look. Then B boots again."""
    told: list[str] = []
    world = running(arbiter=ArbiterKind.PING, tell=told.append)
    agent = world.host("B").agent
    assert agent is not None
    world.run_for(3 * SECOND)
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.sync_rate = 300_000
    world.power_on("B")
    world.run_for(700 * SECOND // 1000)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=2 * SECOND))
    world.kill_agent("A")
    world.run_for(3 * SECOND // 2)
    world.power_off("B")
    world.run_for(3 * SECOND)
    world.power_on("B")
    assert settle(world, 2 * MINUTE)
    assert [line for line in told if "has booted: its export is gone" in line] == [], told


def test_a_primary_that_serves_alone_and_cannot_look_counts_no_failed_rebuild() -> None:
    """A's agent was restarted beside a standby that is not to be rebuilt yet; no rebuild has begun, so none fails."""
    world = running(arbiter=ArbiterKind.PING)
    world.settings.update(
        {name: replace(each, rejoin=Automatism.MANUAL) for name, each in world.settings.items()}
    )
    for node in ("A", "B"):
        world.kill_agent(node)
    world.run_for(5 * SECOND)
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.power_on("B")
    world.run_for(10 * SECOND)
    assert copies(world)["B"] is CopyState.STALE
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=2 * SECOND))
    world.kill_agent("A")
    world.run_for(5 * SECOND)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=20 * SECOND))
    world.run_for(25 * SECOND)
    agent = world.host("A").agent
    assert agent is not None
    assert serving(world) == ["A"]
    assert agent.state.pairing.failures == 0


@pytest.mark.parametrize("moment", ["begins", "ended"])
def test_a_session_given_up_without_a_look_is_not_used_again(moment: str) -> None:
    """B stands still as A takes its copy in, and A cannot look: what B's ggated still holds may come late."""
    world = running(arbiter=ArbiterKind.PING)
    lose_b(world)
    sessions: list[str] = []

    def watch(_: Agent, phase: str, what: str) -> None:
        if "ggatec create" in what and phase == moment and not sessions:
            sessions.append(world.records["B"]["sites"].session.removeprefix("export:"))
            strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=20 * SECOND))
            strike(world, Fault(kind=FaultKind.FREEZE, node="B", span_ns=40 * SECOND))

    world.on_moment = watch
    world.power_on("B")
    agent = world.host("A").agent
    assert agent is not None
    world.run_for(30 * SECOND)
    assert len(sessions) == 1
    assert settle(world, 2 * MINUTE)
    assert sessions[0] not in agent.state.pairing.sessions


@pytest.mark.parametrize("moment", ["begins", "ended"])
@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_ggate_that_is_not_in_the_mirror_yet_is_no_lost_copy(
    arbiter: ArbiterKind, moment: str
) -> None:
    """A's agent is killed between ``ggatec create`` and ``gmirror insert``: the next one goes on with it."""
    told: list[str] = []
    world = running(arbiter=arbiter, tell=told.append)
    lose_b(world)
    killed: list[int] = []

    def watch(_: Agent, phase: str, what: str) -> None:
        if "ggatec create" in what and phase == moment and not killed:
            killed.append(len(told))
            world.kill_agent("A")

    world.on_moment = watch
    world.power_on("B")
    assert world.run_until(lambda: bool(killed), MINUTE)
    assert settle(world, 2 * MINUTE)
    assert [line for line in told[killed[0] :] if "ended before it was complete" in line] == []
