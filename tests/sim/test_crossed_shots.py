"""Shots that nobody needed or that crossed, starts that outlive their agent, failbacks that do not last."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hafailover.arbiter.answers import Answer, Unknown
from hafailover.arbiter.requests import ChangeStanding, Purpose, ReadStanding
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, Automatism, FailbackSettings
from hafailover.lineage.record import CopyState
from hafailover.sim import world as simulated
from hafailover.sim.agent import Agent
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.units import SECOND, seconds
from tests.sim.worlds import MINUTE, copies, killed_while_starting, role, running, serving

Answered = Callable[[Answer], None]
QUICK = SECOND // 50


def fenced(told: list[str] | None = None) -> World:
    world = running(arbiter=ArbiterKind.FENCE, tell=None if told is None else told.append)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    return world


def test_who_demotes_takes_the_peers_word_before_it_shoots() -> None:
    """Switchover, slow service stop; the replication cable is cut; B is heard on the LAN, and agrees: no shot."""
    world = fenced()
    world.service_ns = 20 * SECOND
    switch_over(world)
    world.run_for(3 * SECOND)
    world.cut(REPLICATION)
    world.run_for(10 * SECOND)
    assert world.fence.shots == []
    assert copies(world) == {"A": CopyState.SOLE, "B": CopyState.STALE}
    world.run_for(30 * SECOND)
    world.heal()
    world.service_ns = QUICK
    assert settle(world, 3 * MINUTE)
    assert world.fence.shots == []
    assert world.checker.violations == []


def test_who_promotes_takes_the_releasers_word_before_it_shoots() -> None:
    """Handover committed with the token, B's services start slowly; replication is cut: B shoots A, heard, at rest."""
    world = fenced()
    world.host("B").stubbornness.service_ns = 20 * SECOND
    switch_over(world)
    assert world.run_until(lambda: role(world, "B") is Role.PROMOTING, MINUTE)
    world.run_for(3 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    assert agent.state.attempt is not None
    assert agent.state.attempt.is_committed
    world.cut(REPLICATION)
    world.run_for(40 * SECOND)
    assert world.fence.shots == []
    assert serving(world) == ["B"]
    assert copies(world)["B"] is CopyState.SOLE
    world.heal()
    assert settle(world, 3 * MINUTE)
    assert world.fence.shots == []
    assert world.checker.violations == []


def test_a_restarted_agent_takes_the_peers_word_before_it_shoots() -> None:
    """Replication is cut as A's agent is killed; its next life sees nothing behind the stuck ggate: it shoots B."""
    told: list[str] = []
    world = fenced(told)
    world.cut(REPLICATION)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=20 * SECOND))
    world.kill_agent("A")
    world.run_for(40 * SECOND)
    assert world.fence.shots == [], told
    world.heal()
    assert settle(world, 3 * MINUTE)
    assert world.fence.shots == []
    assert world.checker.violations == []


def test_a_restart_ordered_during_a_handover_costs_no_shot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """'switchover', then the agent of the old primary is restarted in place (upgrade): B shoots its host."""
    monkeypatch.setattr(simulated, "_RESTART_NS", 3 * SECOND)
    world = fenced()
    world.service_ns = 2 * SECOND
    switch_over(world)
    world.run_for(SECOND)
    world.restart_agent("A")
    world.service_ns = QUICK
    world.run_for(30 * SECOND)
    assert world.fence.shots == []
    assert serving(world) == ["B"]
    assert settle(world, 2 * MINUTE)
    assert world.checker.violations == []


def test_a_lost_answer_to_a_release_does_not_end_the_standbys_promises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One answer is lost, in a switchover. From then on the old primary gives no promise: etcd down, B stops."""
    world = running(arbiter=ArbiterKind.ETCD)
    world.run_for(5 * SECOND)
    ask = world.etcd.ask

    def forget(agent: Agent, request: ChangeStanding | ReadStanding, give: Answered) -> None:
        if isinstance(request, ChangeStanding) and request.purpose is Purpose.RELEASE:
            ask(agent, request, lambda _: None)
            world.timeline.after(SECOND, lambda: give(Unknown(reason="no answer in time")))
        else:
            ask(agent, request, give)

    monkeypatch.setattr(world.etcd, "ask", forget)
    switch_over(world)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    monkeypatch.setattr(world.etcd, "ask", ask)
    assert settle(world, MINUTE)
    world.run_for(5 * MINUTE)
    world.etcd.has_majority = False
    world.run_for(MINUTE)
    assert serving(world) == ["B"]


def test_a_failback_that_did_not_last_is_not_tried_for_ever() -> None:
    """A's service fails its checks whenever it runs there; the hold is longer than the window that is counted in."""
    world = found(1, arbiter=ArbiterKind.PING)
    for node, settings in world.settings.items():
        service = replace(
            settings.services[0], check=("check",), check_interval=seconds(2), check_failures=2
        )
        world.settings[node] = replace(
            settings,
            services=(service,),
            failback=FailbackSettings(mode=Automatism.AUTO, hold=seconds(40)),
            timers=replace(settings.timers, failover_window=seconds(30)),
        )
        world.power_on(node)
    assert settle(world, MINUTE)
    assert serving(world) == ["A"]
    world.run_for(3 * SECOND)
    world.failing.add("A")
    moves: list[str] = []

    def watch() -> bool:
        now = serving(world)
        if len(now) == 1 and (not moves or moves[-1] != now[0]):
            moves.append(now[0])
        return False

    world.run_until(watch, 20 * MINUTE)
    assert serving(world) == ["B"]
    assert len(moves) <= 8, moves


@pytest.mark.parametrize("window", ["moment", "disk full"])
def test_a_copy_that_was_sole_does_not_shoot_whoever_serves_the_rebuilt_one(window: str) -> None:
    """B's rebuild ends: B has recorded in_sync, A (record: sole) has not yet, when A and both switches lose power.

    B shoots A, serves, and powers A on again. A boots behind the cut, its record says sole: it shoots B, that serves.
    """
    world = fenced()
    world.gone.add("B")
    world.power_off("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.run_for(3 * SECOND)
    world.gone.clear()
    world.power_on("B")
    assert world.run_until(lambda: copies(world)["B"] is CopyState.SYNCING, MINUTE)
    if window == "disk full":
        agent = world.host("A").agent
        assert agent is not None
        assert world.run_until(lambda: bool(agent.state.pairing.is_told), MINUTE)
        world.record_problem["A"] = "No space left on device"
    assert world.run_until(lambda: copies(world)["B"] is CopyState.IN_SYNC, MINUTE)
    if window == "disk full":
        world.run_for(10 * SECOND)
        world.record_problem.clear()
    assert copies(world)["A"] is CopyState.SOLE
    world.cut(REPLICATION)
    world.cut(LAN)
    world.power_off("A")
    world.fence.shots.clear()
    world.run_for(2 * MINUTE)
    assert ("A", "B") not in world.fence.shots, world.fence.shots
    world.heal()
    world.power_on("A")
    world.run_for(2 * MINUTE)
    assert len(serving(world)) == 1
    assert world.workload.lost(world.host(serving(world)[0])) == []


def test_a_start_that_outlives_a_killed_agent_leaves_no_service_on_a_standby() -> None:
    """B's agent is killed as its service starts (20 s); its next life stops it at once, and the start ends later."""
    world = killed_while_starting()
    host = world.host("B")
    world.run_for(3 * MINUTE)
    assert serving(world) == ["A"]
    assert not world.workload.runs_on(host)


def test_a_claim_that_nobody_allowed_does_not_shoot_whoever_serves() -> None:
    """All cables are cut, the device is out of reach for 22 s, the kernel's tick falls into that time.

    The kernel drops B's copy; A claims sole at once, in doubt, without a proof, and resets itself. B shoots A, serves,
    and powers it on. A boots behind the cut, "sole": it shoots B, which has acknowledged writes since, and so on.
    """
    world = running(arbiter=ArbiterKind.FENCE, gate_timeout_s=5)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    world.fence.works = False
    world.cut(REPLICATION)
    world.cut(LAN)
    world.run_for(22 * SECOND)
    assert copies(world)["A"] is CopyState.SOLE
    world.fence.works = True
    world.run_for(3 * MINUTE)
    assert ("A", "B") not in world.fence.shots, world.fence.shots
