"""Are the margins of a lease large enough? Clocks as far apart as is tolerated, and a grant that is used to its end.

The tolerated drift is a share of the lease, so it tells with a long one. And only the watchdog ends what a node has up
whose agent dies for good, heard by nobody, right before it would have stopped by itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from hafailover.group import guard
from hafailover.group.turn import Turn
from hafailover.sim import pair
from hafailover.sim.etcd import PLACE as ETCD
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, NETWORKS
from hafailover.units import MILLISECOND, SECOND, Nanoseconds

if TYPE_CHECKING:
    from random import Random

    from hafailover.group.settings import GroupSettings
    from hafailover.sim.agent import Agent
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

FIRST_SEED = 20_000_000
"""From this seed on a run with etcd tries the margins of its lease."""
LEASES_S = (10, 60, 120)
"""How long a lease lasts, by the world from which a run begins."""
_DRIFT = 5_000
"""Parts in a million by which a host's clock is too slow and etcd's too fast: together all that is tolerated."""
_MILLION = 1_000_000
_WITHIN_MS = 500
"""So long before it would stop an agent has allowed the last pat of its watchdog."""
_ANSWERED_NS = 2 * SECOND
"""No answer of etcd is under way any longer so long after a cut."""
_TAKEOVER_NS = 15 * SECOND


def draw(dice: Random, number: int) -> tuple[Fault, ...]:
    """Draw when the primary is cut off, and how long before its own end its agent dies, in the world with a number."""
    return (
        Fault(
            kind=FaultKind.LAPSE,
            span_ns=LEASES_S[number % len(LEASES_S)] * SECOND + _TAKEOVER_NS,
            wait_ns=dice.randrange(4_000) * MILLISECOND,
            choice=dice.randrange(_WITHIN_MS),
        ),
    )


def with_lease(settings: GroupSettings, number: int) -> GroupSettings:
    """Return the settings of the world with a number, which has a lease of its own."""
    span = Nanoseconds(LEASES_S[number % len(LEASES_S)] * SECOND)
    return replace(settings, lease=replace(settings.lease, lease=span, peer_lease=span))


def set_clocks(world: World) -> None:
    """Let the clock of one node run too slow, and etcd's and the other node's too fast, as far as is tolerated."""
    slow, fast = world.timeline.dice.sample(pair.NODES, 2)
    world.host(slow).set_drift(-_DRIFT)
    world.host(fast).set_drift(_DRIFT)
    world.etcd.rate = 1 - _DRIFT / _MILLION


def lapse(world: World, fault: Fault) -> None:
    """Cut off from etcd whoever serves, let nothing but ggate's streams through between the nodes, and end its agent.

    A cable that is cut would have it stop long before: the kernel is kept from acknowledging what one copy has alone.
    """
    for host in world.hosts:
        agent = host.agent
        if host.virtual and agent is not None:
            _set_silence(world, host, is_silent=True)
            world.timeline.after(fault.span_ns, partial(_set_silence, world, host, is_silent=False))
            world.timeline.after(_ANSWERED_NS, partial(_await_end, agent, fault))


def _set_silence(world: World, host: Host, *, is_silent: bool) -> None:
    """Lose every message between the nodes, and between one of them and etcd, or lose none."""
    for network, source, target in product(NETWORKS, pair.NODES, pair.NODES):
        world.network.direction(network, source, target).loss = float(is_silent)
    for source, target in ((host.name, ETCD), (ETCD, host.name)):
        world.network.direction(LAN, source, target).loss = float(is_silent)


def _await_end(agent: Agent, fault: Fault) -> None:
    if not agent.is_usable:
        return
    stop_at = guard.stop_at(Turn(agent.state, agent.state.moved_at, agent.settings))
    if stop_at is not None:
        dies_at = agent.host.when_clock_says(stop_at) - fault.choice * MILLISECOND
        agent.world.timeline.at(dies_at, lambda: _die(agent))


def _die(agent: Agent) -> None:
    """End an agent that nobody starts again before its host is."""
    if agent.is_usable:
        agent.world.note(agent.host.name, "AGENT DIES FOR GOOD")
        agent.kill()
        agent.host.agent = None
