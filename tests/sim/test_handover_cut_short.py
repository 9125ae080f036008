"""What a successor does whose releaser is lost while it brings the group up with both copies."""

from dataclasses import replace

import pytest

from hafailover.group.settings import ArbiterKind, ServiceSettings
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.agent import Agent
from hafailover.sim.network import REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import mend
from hafailover.sim.world import World
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, assert_in_order, copies, running, serving

ARBITERS = (ArbiterKind.ETCD, ArbiterKind.FENCE, ArbiterKind.PING)


def at_step_of_b(world: World, phase: str, step: str) -> None:
    """Hand the group over, and let the world go on until B's step begins or has ended."""
    moments: list[str] = []

    def note(agent: Agent, when: str, what: str) -> None:
        if agent.host.name == "B" and when == phase and what.startswith(step):
            moments.append(what)

    world.on_moment = note
    switch_over(world)
    assert world.run_until(lambda: moments != [], 10 * SECOND)
    world.on_moment = None


@pytest.mark.parametrize("arbiter", ARBITERS)
@pytest.mark.parametrize(
    ("phase", "step"),
    [
        ("ended", "ggatec create"),
        ("begins", "gmirror label"),
        ("ended", "gmirror label"),
        ("begins", "mount "),
    ],
)
def test_a_successor_whose_releaser_is_cut_off_serves_alone_in_seconds(
    phase: str, step: str, arbiter: ArbiterKind
) -> None:
    """Neither the label, nor a look at GEOM, nor the mount may wait for the lost ggate until a deadline ends them."""
    world = running(arbiter=arbiter)
    world.run_for(4 * SECOND)
    at_step_of_b(world, phase, step)
    world.cut(REPLICATION)

    assert world.run_until(lambda: serving(world) == ["B"], 10 * SECOND)

    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


@pytest.mark.parametrize("arbiter", [ArbiterKind.ETCD, ArbiterKind.PING])
def test_a_copy_that_is_lost_while_services_start_is_noticed_before_the_role_is_reached(
    arbiter: ArbiterKind,
) -> None:
    """The first service writes, the second one takes its time: what is acknowledged must not be on one copy unsaid."""
    world = found(1, arbiter=arbiter)
    services = tuple(
        ServiceSettings(name=name, start=("start",), stop=("stop",)) for name in ("writer", "other")
    )
    for node, settings in world.settings.items():
        volumes = tuple(replace(each, gate_timeout_s=2) for each in settings.volumes)
        world.settings[node] = replace(settings, services=services, volumes=volumes)
    for node in pair.NODES:
        world.power_on(node)
    assert settle(world, MINUTE)
    world.run_for(4 * SECOND)
    at_step_of_b(world, "ended", "mount ")
    world.service_ns = 6 * SECOND
    world.run_for(6500 * MILLISECOND)

    world.cut(REPLICATION)
    world.run_for(4 * SECOND)
    assert copies(world)["B"] is CopyState.SOLE

    world.power_off("B")
    world.service_ns = 20 * MILLISECOND
    world.run_for(20 * SECOND)
    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)
