"""Worlds in the states from which the tests begin."""

from collections.abc import Callable
from dataclasses import replace

from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import Outcome, found, settle
from hafailover.sim.world import World
from hafailover.units import SECOND

MINUTE = 60 * SECOND


def running(
    seed: int = 1,
    *,
    arbiter: ArbiterKind = ArbiterKind.PING,
    tell: Callable[[str], None] | None = None,
    gate_timeout_s: int | None = None,
) -> World:
    """Return a pair in service: A serves, both copies are in sync. ``gate_timeout_s``: how seldom the kernel looks."""
    world = found(seed, arbiter=arbiter, tell=tell)
    if gate_timeout_s is not None:
        for node, settings in world.settings.items():
            volumes = [replace(each, gate_timeout_s=gate_timeout_s) for each in settings.volumes]
            world.settings[node] = replace(settings, volumes=tuple(volumes))
    for node in pair.NODES:
        world.power_on(node)
    assert settle(world, MINUTE)
    assert serving(world) == ["A"]
    return world


def killed_while_starting(node: str = "B") -> World:
    """Return a pair whose node was handed the group; its agent was killed as the service, which takes 20 s, starts."""
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(3 * SECOND)
    stubbornness = world.host(node).stubbornness
    stubbornness.service_ns = 20 * SECOND
    switch_over(world)
    assert world.run_until(lambda: role(world, node) is Role.PROMOTING, MINUTE)
    world.run_for(3 * SECOND)
    world.kill_agent(node)
    stubbornness.service_ns = None
    return world


def serving(world: World) -> list[str]:
    """Return the nodes that serve: volume mounted, address up, as the hosts have it."""
    return [
        host.name
        for host in world.hosts
        if host.virtual
        and host.kernel is not None
        and host.kernel.machine.mounts.at("/home/sites") is not None
    ]


def role(world: World, node: str) -> Role | None:
    """Return what an agent says it is."""
    agent = world.host(node).agent
    return None if agent is None else agent.state.role


def copies(world: World) -> dict[str, CopyState]:
    """Return what the records on disk say of each node's copy."""
    return {host.name: world.records[host.name]["sites"].copy for host in world.hosts}


def assert_in_order(world: World) -> None:
    """One node serves, every acknowledged record is on both copies, no promise was broken."""
    world.run_for(2 * SECOND)
    world.checker.ended()
    world.checker.in_sync()
    assert world.checker.violations == []
    assert set(copies(world).values()) == {CopyState.IN_SYNC}


def assert_kept(outcome: Outcome, when: object = None) -> None:
    """A run broke no promise, and the pair came back; ``when`` names the run among its likes."""
    assert outcome.violations == (), when
    assert outcome.problem == "", when
