"""What happens while services take long, and to an agent that ends meanwhile: found by reading, not by dice."""

from dataclasses import replace

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.actions import AlertKind
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, WatchdogSettings
from hafailover.lineage.record import CopyState
from hafailover.sim import world as simulated
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import mend, strike
from hafailover.sim.watchdog import Patting
from hafailover.sim.world import World
from hafailover.units import SECOND, later, milliseconds
from tests.sim.worlds import MINUTE, copies, role, running, serving

ALL = list(ArbiterKind)
STRICT = (ArbiterKind.ETCD, ArbiterKind.FENCE)
BY_SILENCE = (ArbiterKind.PING, ArbiterKind.NONE)
QUICK = SECOND // 50


def slow(arbiter: ArbiterKind, service_ns: int, told: list[str] | None = None) -> World:
    """Return a pair that has run for a while, whose services take long from now on."""
    world = running(arbiter=arbiter, tell=None if told is None else told.append)
    world.run_for(3 * SECOND)
    world.service_ns = service_ns
    return world


def lose(world: World, node: str) -> None:
    """Take a host away for good."""
    world.power_off(node)
    world.gone.add(node)


def stop_beside_a_hold_down(world: World) -> None:
    """Stop the primary in order while the standby may not take over for a while, and wait until it may."""
    agent = world.host("B").agent
    assert agent is not None
    until = later(agent.state.moved_at, 40 * SECOND)
    agent.state = agent.state.changed({"hold_until": until, "failures": 1})
    world.run_for(2 * SECOND)
    world.stop_agent("A")
    world.run_for(2 * MINUTE)


def resets(told: list[str]) -> list[str]:
    return [line for line in told if "RESET" in line or "WATCHDOG" in line]


@pytest.mark.parametrize("gate_timeout_s", [2, 30])
@pytest.mark.parametrize("arbiter", ALL)
def test_what_services_write_as_they_end_is_not_lost_with_a_peer_that_follows_no_more(
    arbiter: ArbiterKind, gate_timeout_s: int
) -> None:
    """The peer's disk stalls while its heartbeats go on: its copy counts no more, and is not served."""
    world = running(arbiter=arbiter, gate_timeout_s=gate_timeout_s)
    world.run_for(14 * SECOND)
    world.service_ns = 25 * SECOND
    switch_over(world)
    world.run_for(SECOND)
    strike(world, Fault(kind=FaultKind.DISK_HANGS, node="B", span_ns=23 * SECOND))
    world.run_for(22 * SECOND)
    lose(world, "A")
    world.service_ns = QUICK
    is_served = world.run_until(lambda: serving(world) == ["B"], 3 * MINUTE)

    assert world.workload.lost(world.host("B"))
    assert not is_served


@pytest.mark.parametrize("arbiter", ALL)
def test_a_restart_of_the_peers_agent_while_services_stop_costs_no_copy(
    arbiter: ArbiterKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated, "_RESTART_NS", 2 * SECOND)
    world = slow(arbiter, 10 * SECOND)
    world.fence.span_ns = SECOND
    switch_over(world)
    world.run_for(3 * SECOND)
    world.restart_agent("B")
    world.run_for(5 * SECOND)

    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    assert world.fence.shots == []


@pytest.mark.parametrize("arbiter", ALL)
def test_a_moment_without_heartbeats_while_services_stop_costs_no_copy(
    arbiter: ArbiterKind,
) -> None:
    told: list[str] = []
    world = slow(arbiter, 10 * SECOND, told)
    world.fence.span_ns = SECOND
    switch_over(world)
    world.run_for(3 * SECOND)
    # Only messages get lost: what is written goes through a ggate's stream, and arrives.
    ways = [world.network.direction(REPLICATION, *pair) for pair in (("A", "B"), ("B", "A"))]
    for way in ways:
        way.loss = 1.0
    world.run_for(3 * SECOND)
    for way in ways:
        way.loss = 0.0
    world.run_for(SECOND)

    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    assert world.fence.shots == []
    assert resets(told) == []


@pytest.mark.parametrize("wait_s", [1, 6])
def test_a_peer_lost_while_services_stop_is_let_go_before_the_kernel_does(wait_s: int) -> None:
    """With etcd the last proof that writes go through counts: it is not as old as the demotion."""
    told: list[str] = []
    world = slow(ArbiterKind.ETCD, 20 * SECOND, told)
    world.stop_agent("A")
    world.run_for(wait_s * SECOND)
    world.power_off("B")
    world.run_for(40 * SECOND)

    assert resets(told) == []
    assert role(world, "A") is Role.STOPPED
    assert copies(world)["A"] is CopyState.SOLE


@pytest.mark.parametrize("arbiter", ALL)
def test_nothing_is_handed_over_to_an_agent_that_stops(arbiter: ArbiterKind) -> None:
    world = slow(arbiter, 10 * SECOND)
    switch_over(world)
    world.run_for(3 * SECOND)
    world.stop_agent("B")
    world.run_for(25 * SECOND)
    lose(world, "B")
    world.run_for(3 * MINUTE)

    assert serving(world) == ["A"]


@pytest.mark.parametrize("arbiter", BY_SILENCE)
def test_who_handed_over_and_stops_does_not_forget_it(arbiter: ArbiterKind) -> None:
    """Its copy is old as soon as the successor serves, and silence is no reason to serve it."""
    world = slow(arbiter, QUICK)
    world.host("B").stubbornness.service_ns = 20 * SECOND
    switch_over(world)
    world.run_for(3 * SECOND)
    world.stop_agent("A")
    world.run_for(42 * SECOND)
    assert role(world, "B") is Role.PRIMARY
    assert world.workload.lost(world.host("A"))

    lose(world, "B")
    world.run_for(2 * SECOND)
    world.start_agent("A")
    world.run_for(MINUTE)

    assert serving(world) == []


@pytest.mark.parametrize("arbiter", ALL)
def test_a_standby_that_cannot_wait_longer_calls_its_copy_old(arbiter: ArbiterKind) -> None:
    """Both are told to stop, and the primary's services take longer than a standby waits."""
    world = slow(arbiter, QUICK)
    world.host("A").stubbornness.service_ns = 45 * SECOND
    world.stop_agent("A")
    world.stop_agent("B")
    world.run_for(MINUTE)
    lose(world, "A")
    world.run_for(2 * SECOND)
    world.start_agent("B")
    world.run_for(MINUTE)

    assert world.workload.lost(world.host("B"))
    assert serving(world) == []


@pytest.mark.parametrize("arbiter", ALL)
def test_a_switchover_to_a_node_that_cannot_serve_ends_where_it_began(arbiter: ArbiterKind) -> None:
    world = slow(arbiter, QUICK)
    world.host("B").stubbornness.has_no_start = True
    switch_over(world)
    world.run_for(2 * MINUTE)

    assert serving(world) == ["A"]


@pytest.mark.parametrize("arbiter", BY_SILENCE)
def test_a_primary_that_stopped_in_order_does_not_bar_its_peer_for_ever(
    arbiter: ArbiterKind,
) -> None:
    """The standby was in hold-down when the primary stopped; what it heard last is that all is closed."""
    world = slow(arbiter, QUICK)
    stop_beside_a_hold_down(world)

    assert serving(world) == ["B"]


@pytest.mark.parametrize("arbiter", ALL)
def test_the_next_life_of_an_agent_stops_the_services_of_the_one_that_was_killed(
    arbiter: ArbiterKind,
) -> None:
    told: list[str] = []
    world = slow(arbiter, QUICK, told)
    switch_over(world)
    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    world.run_for(5 * SECOND)
    world.service_ns = 10 * SECOND
    agent = world.host("B").agent
    assert agent is not None
    agent.order(OrderKind.SWITCHOVER)
    world.run_for(2 * SECOND)
    world.kill_agent("B")
    world.service_ns = QUICK
    world.run_for(MINUTE)

    assert serving(world) == ["A"]
    assert not world.workload.runs_on(world.host("B"))
    assert resets(told) == []


def test_a_watchdog_of_an_earlier_life_is_disarmed_where_nothing_is_up() -> None:
    told: list[str] = []
    world = slow(ArbiterKind.ETCD, 20 * SECOND, told)
    world.run_for(10 * SECOND)
    lose(world, "A")
    watchdog = world.host("B").watchdog
    assert watchdog is not None
    assert world.run_until(lambda: watchdog.is_armed, MINUTE)
    world.kill_agent("B")
    world.service_ns = QUICK
    world.run_for(2 * MINUTE)

    assert resets(told) == []
    assert serving(world) == ["B"]


@pytest.mark.parametrize("kind", [FaultKind.BLIND, FaultKind.RECORDS])
def test_a_standby_that_sees_or_records_nothing_ends_all_the_same(kind: FaultKind) -> None:
    told: list[str] = []
    world = slow(ArbiterKind.PING, QUICK, told)
    strike(world, Fault(kind=kind, node="B", span_ns=3600 * SECOND))
    world.run_for(5 * SECOND)
    if kind is FaultKind.RECORDS:
        world.cut(REPLICATION)
        world.run_for(5 * SECOND)
        world.heal()
        world.run_for(5 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    world.stop_agent("B")
    world.run_for(MINUTE)

    assert agent.state.role is Role.STOPPED
    assert agent.is_stopped
    assert serving(world) == ["A"]
    assert [
        line for line in told if "leaves what it finds as it is" in line
    ] or kind is FaultKind.RECORDS
    mend(world)
    assert world.run_until(lambda: set(copies(world).values()) == {CopyState.IN_SYNC}, 5 * MINUTE)


def test_a_blind_agent_that_had_the_group_up_takes_it_down_with_its_host_when_it_is_stopped() -> (
    None
):
    told: list[str] = []
    world = slow(ArbiterKind.PING, QUICK, told)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=3600 * SECOND))
    world.kill_agent("A")
    world.run_for(3 * SECOND)
    world.stop_agent("A")
    world.run_for(2 * MINUTE)

    assert [line for line in told if "HOST RESET" in line]


def test_a_fence_device_that_lied_does_not_leave_two_primaries() -> None:
    told: list[str] = []
    world = running(arbiter=ArbiterKind.FENCE, tell=told.append)
    world.run_for(3 * SECOND)
    world.fence.lies = True
    world.cut(REPLICATION)
    world.cut(LAN)
    world.run_for(45 * SECOND)
    assert serving(world) == ["A", "B"]

    world.fence.lies = False
    world.heal()
    world.run_for(2 * MINUTE)

    assert len(serving(world)) == 1
    assert [line for line in told if "repair the device" in line]
    assert CopyState.DIVERGED in copies(world).values()


@pytest.mark.parametrize("arbiter", BY_SILENCE)
def test_a_standby_stops_beside_a_dead_agent_without_calling_its_copy_good(
    arbiter: ArbiterKind,
) -> None:
    """The peer's kernel still writes to it; nobody could let it go, and its end is not acknowledged by anybody."""
    told: list[str] = []
    world = slow(arbiter, QUICK, told)
    world.restarts = False
    world.run_for(5 * SECOND)
    world.kill_agent("A")
    world.run_for(2 * SECOND)
    world.stop_agent("B")
    world.run_for(MINUTE)
    agent = world.host("B").agent
    assert agent is not None
    assert agent.state.role is Role.STOPPED
    assert [line for line in told if "leaves what it finds as it is: A may be writing" in line]
    assert world.workload.lost(world.host("B")) == []

    lose(world, "A")
    world.run_for(2 * SECOND)
    world.start_agent("B")
    world.run_for(2 * MINUTE)

    assert not serving(world) or not world.workload.lost(world.host("B"))


@pytest.mark.parametrize("arbiter", ALL)
def test_a_standby_stops_in_order_beside_a_host_that_is_off(arbiter: ArbiterKind) -> None:
    world = slow(arbiter, QUICK)
    world.fence.span_ns = SECOND
    lose(world, "A")
    world.run_for(SECOND)
    world.stop_agent("B")
    world.run_for(2 * MINUTE)
    agent = world.host("B").agent
    assert agent is not None
    assert agent.state.role is Role.STOPPED

    world.start_agent("B")

    assert world.run_until(lambda: serving(world) == ["B"], 5 * MINUTE)


def test_a_standby_that_stops_while_the_peers_agent_begins_anew_is_not_shot() -> None:
    world = slow(ArbiterKind.FENCE, QUICK)
    world.fence.span_ns = SECOND
    world.run_for(5 * SECOND)
    world.kill_agent("A")
    world.run_for(SECOND // 10)
    world.stop_agent("B")
    world.run_for(MINUTE)

    assert world.fence.shots == []


@pytest.mark.parametrize("arbiter", ALL)
def test_the_only_whole_copy_is_not_called_old_by_a_standby_that_stops(
    arbiter: ArbiterKind,
) -> None:
    """The primary's own disk fails while its services end: its mirror goes on with the standby's copy alone."""
    world = slow(arbiter, QUICK)
    world.host("A").stubbornness.service_ns = 45 * SECOND
    switch_over(world)
    world.run_for(SECOND)
    world.stop_agent("B")
    world.run_for(5 * SECOND)
    strike(world, Fault(kind=FaultKind.DISK_ERRORS, node="A", span_ns=3600 * SECOND))
    world.run_for(2 * MINUTE)
    assert copies(world) == {"A": CopyState.STALE, "B": CopyState.SOLE}

    mend(world)
    world.start_agent("B")

    assert world.run_until(lambda: serving(world) == ["B"], 5 * MINUTE)


@pytest.mark.parametrize("arbiter", ALL)
def test_a_token_is_taken_back_from_an_agent_that_stops_as_it_is_given(
    arbiter: ArbiterKind,
) -> None:
    world = slow(arbiter, QUICK)
    world.fence.span_ns = SECOND
    switch_over(world)
    agent = world.host("A").agent
    assert agent is not None
    assert world.run_until(lambda: agent.state.token_given is not None, MINUTE)
    world.stop_agent("B")
    world.run_for(3 * MINUTE)

    assert serving(world) == ["A"]


def test_without_a_watchdog_an_orderly_stop_bars_nobody_with_etcd_either() -> None:
    world = found(1, arbiter=ArbiterKind.ETCD)
    for node, settings in world.settings.items():
        world.settings[node] = replace(settings, watchdog=WatchdogSettings())
        world.power_on(node)
    assert settle(world, MINUTE)
    stop_beside_a_hold_down(world)

    assert serving(world) == ["B"]


def test_a_shot_that_failed_is_no_cause_any_more_once_the_peer_has_booted_anew() -> None:
    world = slow(ArbiterKind.FENCE, QUICK)
    world.fence.works = False
    world.power_off("A")
    world.run_for(40 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    assert AlertKind.FENCING_FAILED in {alert.kind for alert in agent.state.alerts}

    world.power_on("A")
    world.fence.works = True
    world.run_for(3 * MINUTE)

    assert AlertKind.FENCING_FAILED not in {alert.kind for alert in agent.state.alerts}
    assert len(serving(world)) == 1


def test_a_restart_in_place_does_not_forget_to_power_the_peer_on_again() -> None:
    world = slow(ArbiterKind.FENCE, QUICK)
    world.fence.span_ns = SECOND
    world.cut(REPLICATION)
    world.cut(LAN)
    agent = world.host("A").agent
    assert agent is not None
    assert world.run_until(lambda: agent.state.fence.is_off, MINUTE)
    world.fence.works = False
    world.run_for(3 * SECOND)
    world.restart_agent("A")
    world.run_for(2 * SECOND)
    world.fence.works = True
    world.heal()

    assert world.run_until(lambda: world.host("B").is_on, 2 * MINUTE)
    assert world.run_until(lambda: len(serving(world)) == 1, 2 * MINUTE)


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("arbiter", ALL)
def test_of_two_volumes_only_the_one_that_was_lost_is_called_old(
    arbiter: ArbiterKind, *, is_ordered: bool
) -> None:
    """The mirror of the other one has both copies: what is written to it meanwhile may end up on one copy alone."""
    world = running(16, arbiter=arbiter, gate_timeout_s=2)
    assert len(world.settings["A"].volumes) == 2
    world.run_for(3 * SECOND)
    world.host("A").stubbornness.service_ns = 58 * SECOND
    if is_ordered:
        switch_over(world)
        world.run_for(SECOND)
        world.stop_agent("B")
        world.run_for(5 * SECOND)
    world.host("A").files.fail(world.images("A")[0], EIO)
    if not is_ordered:
        assert world.run_until(lambda: role(world, "A") is Role.DEMOTING, MINUTE)
        world.stop_agent("B")
    world.run_until(lambda: bool(world.workload.lost(world.host("B"))), 50 * SECOND)
    is_lost = bool(world.workload.lost(world.host("B")))
    lose(world, "A")
    world.run_for(2 * SECOND)
    world.start_agent("B")
    world.run_for(2 * MINUTE)

    assert not (is_lost and serving(world))


@pytest.mark.parametrize("arbiter", ALL)
def test_a_peer_that_has_booted_anew_has_nobodys_copy_in_its_mirror(arbiter: ArbiterKind) -> None:
    """It cannot see its storage; the standby that is stopped closes in order, and can serve after a reboot."""
    world = slow(arbiter, QUICK)
    world.fence.span_ns = SECOND
    world.power_off("A")
    world.power_on("A")
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=3600 * SECOND))
    world.run_for(4 * SECOND)
    world.stop_agent("B")
    world.run_for(90 * SECOND)
    lose(world, "A")
    world.power_off("B")
    world.run_for(2 * SECOND)
    world.power_on("B")
    world.run_for(MINUTE)
    agent = world.host("B").agent
    assert agent is not None
    agent.order(OrderKind.PROMOTE, peer_is_off=True)

    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)


@pytest.mark.parametrize("arbiter", ALL)
def test_who_stops_while_the_peer_promotes_calls_its_copy_old(arbiter: ArbiterKind) -> None:
    """The peer has it in its mirror, and its services write before it calls itself primary."""
    world = running(arbiter=arbiter, gate_timeout_s=2)
    world.run_for(3 * SECOND)
    host = world.host("B")
    host.stubbornness.service_ns = 10 * SECOND
    world.restarts = False
    switch_over(world)
    assert world.run_until(lambda: role(world, "B") is Role.PROMOTING, MINUTE)
    assert world.run_until(
        lambda: (
            host.kernel is not None and host.kernel.machine.mounts.at("/home/sites") is not None
        ),
        MINUTE,
    )
    world.run_for(3 * SECOND)
    world.kill_agent("B")
    world.run_for(2 * SECOND)
    world.stop_agent("A")
    world.run_for(40 * SECOND)
    lose(world, "B")
    world.run_for(2 * SECOND)
    world.start_agent("A")
    world.run_for(2 * MINUTE)

    assert not serving(world) or not world.workload.lost(world.host("A"))


def test_who_stops_in_order_while_the_peer_promotes_is_not_shot() -> None:
    world = running(arbiter=ArbiterKind.FENCE)
    world.fence.span_ns = SECOND
    world.run_for(3 * SECOND)
    world.host("B").stubbornness.service_ns = 20 * SECOND
    switch_over(world)
    assert world.run_until(lambda: role(world, "B") is Role.PROMOTING, MINUTE)
    world.run_for(3 * SECOND)
    world.stop_agent("A")
    world.run_for(MINUTE)

    assert world.fence.shots == []
    assert serving(world) == ["B"]


def test_an_export_is_left_behind_only_once_that_is_on_disk() -> None:
    """The write hangs: the agent waits for it, as long again as it had waited, and no longer."""
    world = slow(ArbiterKind.PING, QUICK)
    world.restarts = False
    world.run_for(5 * SECOND)
    world.kill_agent("A")
    world.run_for(2 * SECOND)
    world.stop_agent("B")
    world.run_for(25 * SECOND)
    agent = world.host("B").agent
    assert agent is not None
    agent._write = lambda *_: None  # type: ignore[method-assign]
    world.run_for(20 * SECOND)
    assert role(world, "B") is Role.STANDBY

    world.run_for(MINUTE)

    assert role(world, "B") is Role.STOPPED


@pytest.mark.parametrize("arbiter", BY_SILENCE)
def test_an_export_that_was_left_behind_is_not_served_in_silence(arbiter: ArbiterKind) -> None:
    """The dead agent's next life may have let this copy go, and nobody was there to hear it."""
    world = slow(arbiter, QUICK)
    world.restarts = False
    world.run_for(5 * SECOND)
    world.kill_agent("A")
    world.run_for(2 * SECOND)
    world.stop_agent("B")
    world.run_for(40 * SECOND)
    host = world.host("A")
    world.starter(host, host.life)()
    world.run_for(5 * SECOND)
    world.cut(REPLICATION)
    world.run_for(20 * SECOND)
    world.heal()
    world.run_for(5 * SECOND)
    lose(world, "A")
    world.run_for(2 * SECOND)
    assert world.workload.lost(world.host("B"))
    world.start_agent("B")
    world.run_for(2 * MINUTE)

    assert serving(world) == []


@pytest.mark.parametrize("arbiter", ALL)
def test_only_a_grant_has_a_watchdog_to_be_disarmed(
    arbiter: ArbiterKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the configuration says of its span: without etcd there is nobody to whom that could be said."""
    disarmed: list[str] = []
    monkeypatch.setattr(Patting, "disarm", lambda self: disarmed.append(self.agent.host.name))
    world = found(1, arbiter=arbiter)
    for node, settings in world.settings.items():
        world.settings[node] = replace(settings, watchdog=WatchdogSettings(span=milliseconds(4000)))
        world.power_on(node)
    assert settle(world, MINUTE)

    assert bool(disarmed) == (arbiter is ArbiterKind.ETCD)
