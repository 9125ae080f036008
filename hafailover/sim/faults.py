"""What can be done to the pair in one run, as values that are drawn from a seed, struck, and mended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.override import override
from hafailover.sim import pair
from hafailover.sim.network import LAN, REPLICATION
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
    SWITCHOVER = "an operator asks for a switchover"


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
        where = f"{self.network}, " if self.kind is FaultKind.ONE_WAY else ""
        return (
            f"after {self.wait_ns / SECOND:.2f} s: {self.node} {self.kind.value}"
            f" ({where}{self.span_ns / SECOND:.2f} s)"
        )


def draw(dice: Random, count: int) -> tuple[Fault, ...]:
    """Draw ``count`` faults; some come close upon each other, since that is where systems break."""
    return tuple(
        Fault(
            kind=dice.choice(list(FaultKind)),
            node=dice.choice(pair.NODES),
            network=dice.choice((LAN, REPLICATION)),
            span_ns=dice.randrange(200, SPAN_MAX // MILLISECOND) * MILLISECOND,
            wait_ns=dice.choice((dice.randrange(250), dice.randrange(8_000))) * MILLISECOND,
        )
        for _ in range(count)
    )


def strike(world: World, fault: Fault) -> None:
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
        case FaultKind.SWITCHOVER:
            switch_over(world)


def switch_over(world: World) -> None:
    """An operator asks whoever serves to hand over."""
    for host in world.hosts:
        if host.agent is not None and host.agent.state.role is Role.PRIMARY:
            host.agent.order(OrderKind.SWITCHOVER)


def mend(world: World) -> None:
    """End everything that is wrong."""
    world.heal()
    world.record_problem.clear()
    for host in world.hosts:
        if host.is_frozen:
            host.thaw()
        world.power_on(host.name)


def _thaw(host: Host, life: int) -> None:
    if host.life == life and host.is_frozen:
        host.thaw()


def _repair_records(world: World, node: str) -> None:
    world.record_problem.pop(node, None)
