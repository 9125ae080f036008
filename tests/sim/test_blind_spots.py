"""What the drawn faults do not do: users that live on, slow services, an address that stays, groups that end later."""

import pytest

from hafailover.group.actions import Action, Stop
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import stepping
from hafailover.sim.agent import Agent
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN
from hafailover.sim.operators import switch_over
from hafailover.sim.striking import mend, strike
from hafailover.storage.steps import FileStep, FileTask
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, copies, role, running


def test_users_that_cannot_be_ended_leave_the_copy_diverged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They may hold writes that only this copy has: it is not called stale, and never overwritten without an order."""
    plain = stepping._file

    def cannot(agent: Agent, step: FileStep) -> str:
        if step.task is FileTask.KILL_USERS:
            return "the users did not end in time"
        return plain(agent, step)

    monkeypatch.setattr(stepping, "_file", cannot)
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(2 * SECOND)

    strike(world, Fault(kind=FaultKind.FREEZE, node="A", span_ns=8 * SECOND))
    world.run_for(45 * SECOND)

    assert role(world, "B") is Role.PRIMARY
    assert copies(world)["A"] is CopyState.DIVERGED


def test_a_peer_that_comes_back_while_services_start_is_not_shot_again() -> None:
    world = running(arbiter=ArbiterKind.FENCE)
    world.service_ns = 40 * SECOND
    world.fence.span_ns = SECOND

    world.power_off("A")
    world.run_for(2 * MINUTE)

    assert role(world, "B") is Role.PRIMARY
    assert world.fence.shots == [("B", "A")]


def test_an_address_that_stays_does_not_keep_the_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old script puts it back again and again: the other node can serve all the same, and an alert tells of it."""
    told: list[str] = []
    world = running(arbiter=ArbiterKind.ETCD, tell=told.append)
    plain = Agent._change_addresses

    def cannot(agent: Agent, number: int, addresses: set[str]) -> None:
        is_stuck = agent.host.name == "A" and not addresses
        plain(agent, number, agent.host.virtual if is_stuck else addresses)

    monkeypatch.setattr(Agent, "_change_addresses", cannot)
    world.run_for(3 * SECOND)
    switch_over(world)

    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, 2 * MINUTE)
    assert [line for line in told if "a virtual address cannot be taken off the interface" in line]


def test_a_service_whose_start_outlives_its_promotion_is_stopped() -> None:
    world = running(arbiter=ArbiterKind.PING)
    world.service_ns = 25 * SECOND
    world.power_off("A")
    agent = world.host("B").agent
    assert agent is not None
    assert world.run_until(lambda: agent.state.service_call is not None, MINUTE)
    world.run_for(2 * SECOND)

    world.isolate("B", LAN)
    world.run_for(MINUTE)

    assert role(world, "B") is not Role.PRIMARY
    assert not any(each.is_running for each in agent.state.services)


def test_a_group_that_may_leave_goes_on_until_the_process_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other group of its process promotes for a minute: nobody else renews the grant of this one."""
    told: list[str] = []
    ended: list[Agent] = []
    world = running(arbiter=ArbiterKind.ETCD, tell=told.append)
    world.run_for(3 * SECOND)
    plain = Agent._perform

    def waiting(agent: Agent, action: Action) -> None:
        if isinstance(action, Stop):
            ended.append(agent)
        else:
            plain(agent, action)

    monkeypatch.setattr(Agent, "_perform", waiting)
    world.restart_agent("A")
    world.run_for(MINUTE)

    assert len(ended) == 1
    assert role(world, "A") is Role.PRIMARY
    assert not [line for line in told if "RESET" in line]


def test_a_standby_that_stops_waits_for_a_primary_that_stops_as_well() -> None:
    """Both hosts are shut down at once: what a service writes as it ends finds both copies in the mirror."""
    told: list[str] = []
    world = running(arbiter=ArbiterKind.PING, tell=told.append)
    world.service_ns = 10 * SECOND
    world.run_for(3 * SECOND)
    ends_at = world.timeline.now + 10 * SECOND
    for node in ("A", "B"):
        world.stop_agent(node)
    world.run_for(9 * SECOND)

    assert world.host("B").processes.servers

    world.run_for(MINUTE)

    assert world.timeline.now > ends_at
    assert not world.host("B").processes.servers
    assert [agent.state.role for host in world.hosts if (agent := host.agent)] == [
        Role.STOPPED,
        Role.STOPPED,
    ]
    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    assert world.workload.longest_stall_ns < SECOND


def test_a_peer_that_is_lost_while_services_stop_is_let_go_before_they_have_stopped() -> None:
    """What they still write as they end would wait for it, to the end of their deadline."""
    world = running(arbiter=ArbiterKind.PING)
    world.service_ns = 20 * SECOND
    world.run_for(3 * SECOND)
    world.stop_agent("A")
    world.run_for(2 * SECOND)
    world.power_off("B")
    world.run_for(6 * SECOND)

    agent = world.host("A").agent
    assert agent is not None
    assert agent.state.role is Role.DEMOTING
    assert not world.host("A").processes.carriers
    assert copies(world)["A"] is CopyState.SOLE


def test_a_restarted_agent_that_goes_on_taking_down_lets_a_lost_peer_go() -> None:
    """It knows the ggates that its earlier life had made: nothing has to be reset for them."""
    told: list[str] = []
    world = running(arbiter=ArbiterKind.PING, tell=told.append)
    world.service_ns = 8 * SECOND
    world.run_for(3 * SECOND)
    world.stop_agent("A")
    world.run_for(SECOND // 2)
    world.kill_agent("A")
    world.power_off("B")
    world.run_for(MINUTE)

    assert copies(world)["A"] is CopyState.SOLE
    assert not [line for line in told if "RESET" in line]


@pytest.mark.parametrize("arbiter", list(ArbiterKind))
def test_a_check_of_a_file_system_that_takes_an_hour_is_ended_with_its_agent(
    arbiter: ArbiterKind,
) -> None:
    """The host is not reset for it, and the next life begins with the same file system, still dirty."""
    told: list[str] = []
    world = running(arbiter=arbiter, tell=told.append)
    world.run_for(2 * SECOND)
    strike(world, Fault(kind=FaultKind.FSCK, node="B", span_ns=60 * MINUTE))
    world.power_off("A")
    world.gone.add("A")
    agent = world.host("B").agent
    assert agent is not None
    assert world.run_until(
        lambda: agent.state.work is not None and agent.state.work.what.startswith("fsck"), MINUTE
    )
    world.run_for(5 * SECOND)

    world.stop_agent("B")
    world.run_for(MINUTE)

    assert agent.state.role is Role.STOPPED
    assert not [line for line in told if "RESET" in line]
    kernel = world.host("B").kernel
    assert kernel is not None
    assert not kernel.pending()

    mend(world)
    assert world.run_until(lambda: role(world, "B") is Role.PRIMARY, 5 * MINUTE)
