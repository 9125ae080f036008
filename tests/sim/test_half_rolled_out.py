"""A changed configuration that only one of the two nodes has yet: what fails meanwhile does not end the service.

Nothing is *handed over* to a peer with another configuration. But a group that nobody serves is not left so for it: a
primary goes on beside such a peer, and a silent one is taken over from, too.
"""

from dataclasses import replace

import pytest

from hafailover.emulation.errors import EIO
from hafailover.group.settings import ArbiterKind
from hafailover.sim import pair
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, running, serving

ALL = list(ArbiterKind)


def half_rolled_out(arbiter: ArbiterKind, node: str = "A") -> World:
    """Return a pair in service of which one node's agent was restarted with another configuration."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    world.settings[node] = replace(world.settings[node], digest="changed")
    world.restart_agent(node)
    world.run_for(10 * SECOND)
    assert serving(world) == ["A"]
    return world


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("node", pair.NODES)
def test_after_a_power_cut_of_both_hosts_one_serves(arbiter: ArbiterKind, node: str) -> None:
    world = half_rolled_out(arbiter, node)
    for name in pair.NODES:
        world.power_off(name)
    world.run_for(SECOND)
    for name in pair.NODES:
        world.power_on(name)

    assert world.run_until(lambda: len(serving(world)) == 1, 2 * MINUTE)
    world.run_for(10 * SECOND)
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", ALL)
def test_a_primary_whose_disk_fails_gives_way(arbiter: ArbiterKind) -> None:
    world = half_rolled_out(arbiter)
    world.host("A").files.fail(world.images("A")[0], EIO)

    assert world.run_until(lambda: serving(world) == ["B"], 2 * MINUTE)
    world.run_for(10 * SECOND)
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", ALL)
def test_a_primary_that_is_stopped_leaves_the_group_to_its_peer(arbiter: ArbiterKind) -> None:
    world = half_rolled_out(arbiter)
    world.stop_agent("A")

    assert world.run_until(lambda: serving(world) == ["B"], 2 * MINUTE)
    world.run_for(10 * SECOND)
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("node", pair.NODES)
def test_of_two_equals_one_goes_first_though_both_or_neither_is_preferred(
    arbiter: ArbiterKind, node: str
) -> None:
    """Both were stopped in order, the copies are equal; only one has the file with the priorities exchanged."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    for name in pair.NODES:
        world.stop_agent(name)
    world.run_for(MINUTE)
    settings = world.settings[node]
    world.settings[node] = replace(
        settings, is_preferred=not settings.is_preferred, digest="changed"
    )
    for name in pair.NODES:
        world.power_off(name)
        world.power_on(name)

    assert world.run_until(lambda: len(serving(world)) == 1, 2 * MINUTE)
    world.run_for(10 * SECOND)
    assert world.checker.violations == []


@pytest.mark.parametrize("node", pair.NODES)
def test_of_two_primaries_of_one_epoch_one_goes_on_though_both_or_neither_is_preferred(
    node: str,
) -> None:
    """Two takeovers in silence can carry the same number; the priorities are exchanged in the file of one node only."""
    world = running(arbiter=ArbiterKind.NONE)
    world.run_for(3 * SECOND)
    settings = world.settings[node]
    world.settings[node] = replace(
        settings, is_preferred=not settings.is_preferred, digest="changed"
    )
    world.restart_agent(node)
    world.run_for(10 * SECOND)
    for network in (LAN, REPLICATION):
        world.cut(network)
    assert world.run_until(lambda: serving(world) == list(pair.NODES), MINUTE)
    agents = [host.agent for host in world.hosts if host.agent is not None]
    for agent in agents:
        agent.state = replace(agent.state, epoch=max(each.state.epoch for each in agents))
    world.heal()

    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    world.run_for(MINUTE)
    assert serving(world) == ["A"]
