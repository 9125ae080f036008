"""What can be done to the pair in one run, as values that are drawn from a seed, struck, and mended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.override import override
from hafailover.sim import etcd, pair
from hafailover.sim.network import LAN, NETWORKS, REPLICATION
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from random import Random

    from hafailover.sim.host import Host
    from hafailover.sim.world import World

SPAN_MAX = 15 * SECOND
"""No fault that is drawn lasts longer."""


class FaultKind(Enum):
    """What can happen to the pair; the value is the word in a story."""

    POWER = "loses power for a while"
    AGENT = "has its agent killed"
    FREEZE = "stands still for a while"
    REPLICATION = "the replication cable is cut for a while"
    LAN_PORT = "loses its LAN cable for a while"
    ONE_WAY = "is not heard on one network for a while"
    RECORDS = "cannot write its records for a while"
    LOSSY = "loses a third of its packets on one network for a while"
    STOP = "has its agent stopped in order, and started again later"
    BOTH = "and its peer lose power for a while"
    SWITCHOVER = "an operator asks for a switchover"
    ETCD_DOWN = "etcd has no majority for a while"
    ETCD_PORT = "does not reach etcd for a while"
    ETCD_LOSSY = "a third of what is said to etcd, or by it, is lost or late for a while"
    FENCE_DOWN = "the fence device does not work for a while"


_EVERYWHERE = tuple(FaultKind)[: tuple(FaultKind).index(FaultKind.ETCD_DOWN)]
KINDS = {
    ArbiterKind.ETCD: (
        *_EVERYWHERE,
        FaultKind.ETCD_DOWN,
        FaultKind.ETCD_PORT,
        FaultKind.ETCD_LOSSY,
    ),
    ArbiterKind.FENCE: (*_EVERYWHERE, FaultKind.FENCE_DOWN),
    ArbiterKind.PING: _EVERYWHERE,
    ArbiterKind.NONE: _EVERYWHERE,
}
"""What can happen to a pair with each arbiter."""
_OF_ONE_NETWORK = (FaultKind.ONE_WAY, FaultKind.LOSSY)
_LOSS = 1 / 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: ``wait_ns`` after the one before, lasting ``span_ns``."""

    kind: FaultKind
    node: str = "A"
    network: str = LAN
    span_ns: int = SECOND
    wait_ns: int = 0

    @override
    def __str__(self) -> str:
        """Say it as a line of a story."""
        where = f"{self.network}, " if self.kind in _OF_ONE_NETWORK else ""
        return (
            f"after {self.wait_ns / SECOND:.2f} s: {self.node} {self.kind.value}"
            f" ({where}{self.span_ns / SECOND:.2f} s)"
        )


def draw(dice: Random, count: int, arbiter: ArbiterKind) -> tuple[Fault, ...]:
    """Draw ``count`` faults; some come close upon each other, since that is where systems break."""
    return tuple(
        Fault(
            kind=dice.choice(KINDS[arbiter]),
            node=dice.choice(pair.NODES),
            network=dice.choice(NETWORKS),
            span_ns=dice.randrange(200, SPAN_MAX // MILLISECOND) * MILLISECOND,
            wait_ns=dice.choice((dice.randrange(250), dice.randrange(8_000))) * MILLISECOND,
        )
        for _ in range(count)
    )


def strike(world: World, fault: Fault) -> None:  # noqa: C901 - one flat table of all faults
    """Let one fault happen; its end comes by itself."""
    world.note("fault", str(fault))
    host, later = world.host(fault.node), world.timeline.after
    match fault.kind:
        case FaultKind.POWER:
            world.power_off(fault.node)
            later(fault.span_ns, lambda: world.power_on(fault.node))
        case FaultKind.AGENT:
            world.kill_agent(fault.node)
        case FaultKind.FREEZE:
            if host.is_on:
                life = host.life
                host.freeze()
                later(fault.span_ns, lambda: _thaw(host, life))
        case FaultKind.REPLICATION:
            world.cut(REPLICATION)
            later(fault.span_ns, world.heal)
        case FaultKind.LAN_PORT:
            world.isolate(fault.node, LAN)
            later(fault.span_ns, world.heal)
        case FaultKind.ONE_WAY:
            world.cut(fault.network, one_way=fault.node)
            later(fault.span_ns, world.heal)
        case FaultKind.RECORDS:
            world.record_problem[fault.node] = "No space left on device"
            later(fault.span_ns, lambda: _repair_records(world, fault.node))
        case FaultKind.LOSSY:
            _lose(world, fault.network, _LOSS)
            later(fault.span_ns, lambda: _lose(world, fault.network, 0.0))
        case FaultKind.STOP:
            world.stop_agent(fault.node)
            later(fault.span_ns, lambda: world.start_agent(fault.node))
        case FaultKind.BOTH:
            for each in world.hosts:
                world.power_off(each.name)
            first, second = host, world.other(host)
            later(fault.span_ns, lambda: world.power_on(first.name))
            later(fault.span_ns // 2, lambda: world.power_on(second.name))
        case FaultKind.SWITCHOVER:
            switch_over(world)
        case (
            FaultKind.ETCD_DOWN | FaultKind.ETCD_PORT | FaultKind.ETCD_LOSSY | FaultKind.FENCE_DOWN
        ):
            _strike_arbiter(world, fault)


def _strike_arbiter(world: World, fault: Fault) -> None:
    later = world.timeline.after
    match fault.kind:
        case FaultKind.ETCD_DOWN:
            world.etcd.has_majority = False
            later(fault.span_ns, lambda: _mend_arbiter(world))
        case FaultKind.ETCD_LOSSY:
            world.etcd.loss = _LOSS
            later(fault.span_ns, lambda: _mend_arbiter(world))
        case FaultKind.FENCE_DOWN:
            world.fence.works = False
            later(fault.span_ns, lambda: _mend_arbiter(world))
        case _:
            world.network.cut(LAN, fault.node, etcd.PLACE)
            world.network.cut(LAN, etcd.PLACE, fault.node)
            later(fault.span_ns, world.heal)


def _mend_arbiter(world: World) -> None:
    world.etcd.has_majority = True
    world.etcd.loss = 0.0
    world.fence.works = True


def switch_over(world: World) -> None:
    """An operator asks whoever serves to hand over."""
    for host in world.hosts:
        if host.agent is not None and host.agent.state.role is Role.PRIMARY:
            host.agent.order(OrderKind.SWITCHOVER)


def mend(world: World) -> None:
    """End everything that is wrong."""
    world.heal()
    world.record_problem.clear()
    _mend_arbiter(world)
    for host in world.hosts:
        if host.is_frozen:
            host.thaw()
        world.power_on(host.name)
        world.start_agent(host.name)
    for network in NETWORKS:
        _lose(world, network, 0.0)


def _lose(world: World, network: str, share: float) -> None:
    """Have a share of the packets between the nodes vanish."""
    for source, target in (pair.NODES, pair.NODES[::-1]):
        world.network.direction(network, source, target).loss = share


def _thaw(host: Host, life: int) -> None:
    if host.life == life and host.is_frozen:
        host.thaw()


def _repair_records(world: World, node: str) -> None:
    world.record_problem.pop(node, None)
