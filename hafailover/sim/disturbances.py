"""Which faults strike a story that is explored, and which of them would change nothing at a moment?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.group.settings import ArbiterKind
from hafailover.sim.etcd import PLACE as ETCD
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN, REPLICATION
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.world import World

SPAN_NS = 4 * SECOND
"""How long a fault lasts that ends by itself."""

_EVERYWHERE = (
    Fault(kind=FaultKind.POWER, node="A", span_ns=SPAN_NS),
    Fault(kind=FaultKind.POWER, node="B", span_ns=SPAN_NS),
    Fault(kind=FaultKind.AGENT, node="A"),
    Fault(kind=FaultKind.AGENT, node="B"),
    Fault(kind=FaultKind.REPLICATION, node="A", span_ns=SPAN_NS),
    Fault(kind=FaultKind.LAN_PORT, node="A", span_ns=SPAN_NS),
    Fault(kind=FaultKind.LAN_PORT, node="B", span_ns=SPAN_NS),
    Fault(kind=FaultKind.FREEZE, node="A", span_ns=SPAN_NS),
    Fault(kind=FaultKind.FREEZE, node="B", span_ns=SPAN_NS),
    Fault(kind=FaultKind.ONE_WAY, node="A", network=LAN, span_ns=SPAN_NS),
)
FAULTS = {
    ArbiterKind.ETCD: (
        *_EVERYWHERE,
        Fault(kind=FaultKind.ETCD_DOWN, span_ns=SPAN_NS),
        Fault(kind=FaultKind.ETCD_PORT, node="A", span_ns=SPAN_NS),
        Fault(kind=FaultKind.ETCD_PORT, node="B", span_ns=SPAN_NS),
    ),
    ArbiterKind.FENCE: (*_EVERYWHERE, Fault(kind=FaultKind.FENCE_DOWN, span_ns=SPAN_NS)),
    ArbiterKind.PING: _EVERYWHERE,
    ArbiterKind.NONE: _EVERYWHERE,
}
"""What strikes a pair with each arbiter."""


def changes_something(world: World, fault: Fault) -> bool:
    """Whether a fault would find anything to take away now."""
    host, network = world.host(fault.node), world.network
    one, other = (each.name for each in world.hosts)
    match fault.kind:
        case FaultKind.POWER:
            return host.is_on
        case FaultKind.AGENT:
            return host.agent is not None
        case FaultKind.FREEZE:
            return host.answers
        case FaultKind.REPLICATION:
            ways = ((one, other), (other, one))
            return any(network.is_open(REPLICATION, source, target) for source, target in ways)
        case FaultKind.LAN_PORT:
            return host.link_up
        case FaultKind.ONE_WAY:
            peer = world.other(host).name
            return network.is_open(fault.network, fault.node, peer)
        case FaultKind.ETCD_DOWN:
            return world.etcd.has_majority
        case FaultKind.ETCD_PORT:
            return network.is_open_both_ways(LAN, fault.node, ETCD)
        case FaultKind.FENCE_DOWN:
            return world.fence.works
        case _:
            return True
