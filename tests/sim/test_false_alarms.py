"""What must not be told, counted or reset: an order is no failure, a slow disk no lost one, a restart no outage."""

from dataclasses import replace

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, Automatism, FailbackSettings
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND, seconds
from tests.sim.worlds import MINUTE, killed_while_starting, role, running, serving

ALL = list(ArbiterKind)


def said(world: World) -> list[str]:
    """Collect what the agents raise from now on."""
    out: list[str] = []
    world.on_said = lambda agent, action: out.append(
        f"{world.timeline.now / SECOND:.2f} {agent.host.name} {type(action).__name__} "
        f"{getattr(getattr(action, 'kind', None), 'name', '')}: {getattr(action, 'text', '')}"
    )
    return out


def ordered(world: World, node: str, kind: OrderKind) -> None:
    agent = world.host(node).agent
    assert agent is not None
    agent.order(kind)


@pytest.mark.parametrize("arbiter", ALL)
def test_a_slow_disk_of_the_peer_does_not_reset_who_hands_over(arbiter: ArbiterKind) -> None:
    """One volume. A's disk has failed, A hands over in order, its services take 20 s; B's disk hangs for 4 s.

    A's mirror has B's component alone: the kernel has nothing to acknowledge with. ``_waits_for_newest`` has A's users
    killed and A's host reset half a second later all the same. A boots on a dead disk, stays STARTING, and with etcd
    or fence nobody ever serves: "A has not agreed yet".
    """
    told: list[str] = []
    world = running(arbiter=arbiter, tell=told.append)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    world.host("A").stubbornness.service_ns = 20 * SECOND
    world.host("A").files.fail(world.images("A")[0], EIO)
    assert world.run_until(lambda: role(world, "A") is Role.DEMOTING, 5 * SECOND)
    world.run_for(2 * SECOND)
    strike(world, Fault(kind=FaultKind.DISK_HANGS, node="B", span_ns=4 * SECOND))
    world.run_for(2 * MINUTE)
    assert serving(world) == ["B"]
    assert not [line for line in told if "RESET" in line]


def test_a_claim_that_was_allowed_since_serves_after_a_boot_alone() -> None:
    """Fence. B's disk dies, A's kernel drops it, B gives its word, A serves on, sole. B goes to repair, A reboots.

    The mark of the unannounced drop stays in A's record though the drop was granted: "only contact or 'hafailover
    promote' can tell". The design (5.8, 5.10: "A only, A was sole: A") has A serve; nobody does.
    """
    world = running(arbiter=ArbiterKind.FENCE)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    world.host("B").files.fail(world.images("B")[0], EIO)
    world.run_for(20 * SECOND)
    assert serving(world) == ["A"]
    world.power_off("B")
    world.gone.add("B")
    world.run_for(20 * SECOND)
    assert serving(world) == ["A"]
    world.power_off("A")
    world.run_for(SECOND)
    world.power_on("A")
    world.run_for(2 * MINUTE)
    assert serving(world) == ["A"]


def test_who_is_promoted_while_late_starts_are_stopped_starts_its_services() -> None:
    """``stop_late_starts`` says that all run, their stop takes 8 s, and the group is handed over meanwhile.

    ``start_all`` takes the service that is being stopped for a running one: B is PRIMARY, address up, service stopped,
    for ever (S6).
    """
    world = killed_while_starting()
    host = world.host("B")
    assert world.run_until(
        lambda: role(world, "B") is Role.STANDBY and serving(world) == ["A"], MINUTE
    )
    agent = host.agent
    assert agent is not None
    at = agent.state.stop_again_at
    assert at is not None
    host.stubbornness.service_ns = 8 * SECOND
    world.run_for(at - agent.state.moved_at - 500 * MILLISECOND)
    assert world.run_until(lambda: agent.state.service_call is not None, 5 * SECOND)
    switch_over(world)
    world.run_for(2 * MINUTE)
    assert serving(world) == ["B"]
    assert world.workload.runs_on(host)


def test_switchovers_that_were_ordered_are_no_failbacks_that_did_not_last() -> None:
    """``failback: auto``. Three times an operator moves the group to B, and it fails back to a healthy A.

    B counts each order as a lost failback: "find the cause there" is raised, the hold doubles, failbacks end.
    """
    world = found(1, arbiter=ArbiterKind.PING)
    for node, settings in world.settings.items():
        failback = FailbackSettings(mode=Automatism.AUTO, hold=seconds(40))
        world.settings[node] = replace(settings, failback=failback)
        world.power_on(node)
    assert settle(world, MINUTE)
    world.run_for(3 * SECOND)
    out = said(world)
    for _ in range(4):
        ordered(world, "A", OrderKind.SWITCHOVER)
        assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
        assert world.run_until(lambda: serving(world) == ["A"], 5 * MINUTE)
        world.run_for(10 * SECOND)
    assert not [line for line in out if "FLAPPING" in line]


@pytest.mark.parametrize("how", ["restart_agent", "kill_agent"])
@pytest.mark.parametrize("arbiter", ALL)
def test_an_agent_restarted_beside_a_paused_standby_raises_no_alert(
    arbiter: ArbiterKind, how: str
) -> None:
    """B is paused for an upgrade, A's agent is restarted and adopts what runs: B says "nobody serves" (critical)."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    ordered(world, "B", OrderKind.PAUSE)
    world.run_for(SECOND)
    out = said(world)
    getattr(world, how)("A")
    world.run_for(30 * SECOND)
    assert serving(world) == ["A"]
    assert not [line for line in out if "nobody serves" in line]


def test_a_service_that_does_not_start_is_not_told_as_one_that_does_not_stop() -> None:
    """B's service does not start, the promotion is undone; the alert says "service writer did not stop"."""
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(3 * SECOND)
    out = said(world)
    world.host("B").stubbornness.has_no_start = True
    switch_over(world)
    world.run_for(MINUTE)
    assert not [line for line in out if "did not stop" in line]
