"""Two groups on one pair of hosts: what strikes a host strikes both, and each keeps its promises."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import pair, several
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.schedule import is_settled, run, start, start_of
from hafailover.sim.striking import mend, strike
from hafailover.sim.workload import Workload
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE

SEED = several.FIRST_SEED
KINDS = list(ArbiterKind)


def two_groups(arbiter: ArbiterKind = ArbiterKind.PING) -> World:
    world = start(start_of(SEED), arbiter=arbiter)
    assert is_settled(world)
    return world


def who_serves(world: World) -> list[str]:
    """Return the nodes that serve, group by group."""
    return ["".join(host.name for host in group.hosts if host.virtual) for group in world.groups]


def broken(world: World) -> list[str]:
    return [each.invariant for group in world.groups for each in group.checker.violations]


@pytest.mark.parametrize("arbiter", KINDS)
def test_each_group_serves_on_the_node_that_it_prefers(arbiter: ArbiterKind) -> None:
    world = two_groups(arbiter)

    assert who_serves(world) == ["A", "B"]
    assert len({each.settings["A"].name for each in world.groups}) == 2
    assert broken(world) == []


@pytest.mark.parametrize("arbiter", KINDS)
@pytest.mark.parametrize("node", pair.NODES)
def test_the_loss_of_a_host_moves_the_one_group_and_lets_a_copy_of_the_other_go(
    arbiter: ArbiterKind, node: str
) -> None:
    world = two_groups(arbiter)
    world.run_for(2 * SECOND)
    world.power_off(node)
    other = "B" if node == "A" else "A"

    assert world.run_until(lambda: who_serves(world) == [other, other], MINUTE)
    mend(world)
    assert world.run_until(lambda: is_settled(world), 2 * MINUTE)
    assert broken(world) == []


def test_the_fence_device_shoots_a_host_for_both_groups() -> None:
    world = two_groups(ArbiterKind.FENCE)
    world.run_for(2 * SECOND)
    lives = {host.name: [each.life for each in world.everywhere(host.name)] for host in world.hosts}
    strike(world, Fault(kind=FaultKind.REPLICATION, span_ns=20 * SECOND))
    strike(world, Fault(kind=FaultKind.LAN, span_ns=20 * SECOND))

    world.run_for(MINUTE)

    assert world.fence.shots
    for _, shot in world.fence.shots:
        assert all(
            each.life > before
            for each, before in zip(world.everywhere(shot), lives[shot], strict=True)
        )
    assert broken(world) == []


def test_a_killed_agent_is_killed_for_both_groups() -> None:
    world = two_groups()
    world.kill_agent("A")

    assert [host.agent for host in world.everywhere("A")] == [None, None]
    assert world.run_until(lambda: is_settled(world), MINUTE)
    assert who_serves(world) == ["A", "B"]


def test_a_run_judges_both_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that only the second group lost breaks the run."""
    assert run(SEED).is_good
    monkeypatch.setattr(
        Workload,
        "lost",
        lambda self, _host: [("sites2", 1, 1)] if self.settings.name == "mail" else [],
    )

    assert not run(SEED).is_good
