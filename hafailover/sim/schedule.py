"""What is done to the pair in one random run, and does it come through? Three faults, then everything is mended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.override import override
from hafailover.sim import pair
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.world import GATEWAY, World
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from hafailover.sim.checker import Violation
    from hafailover.sim.host import Host

START_NS = 60 * SECOND
RECOVERY_NS = 600 * SECOND
_SETTLE_NS = 20 * SECOND


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
    node: str
    network: str
    span_ns: int
    wait_ns: int

    @override
    def __str__(self) -> str:
        """Say it as a line of a story."""
        return (
            f"after {self.wait_ns / SECOND:.2f} s: {self.node} {self.kind.value}"
            f" ({self.network}, {self.span_ns / SECOND:.2f} s)"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended; ``violations`` is empty if every promise held."""

    seed: int
    faults: tuple[Fault, ...]
    violations: tuple[Violation, ...]
    problem: str
    simulated_ns: int
    longest_stall_ns: int

    @property
    def is_good(self) -> bool:
        """Whether every promise held and both copies are in sync at the end."""
        return not self.violations and not self.problem


def draw(dice: Random, count: int) -> tuple[Fault, ...]:
    """Draw ``count`` faults; some come close upon each other, since that is where systems break."""
    return tuple(
        Fault(
            kind=dice.choice(list(FaultKind)),
            node=dice.choice(pair.NODES),
            network=dice.choice((LAN, REPLICATION)),
            span_ns=dice.randrange(200, 15_000) * MILLISECOND,
            wait_ns=dice.choice((dice.randrange(250), dice.randrange(8_000))) * MILLISECOND,
        )
        for _ in range(count)
    )


def run(
    seed: int,
    *,
    faults: tuple[Fault, ...] | None = None,
    arbiter: ArbiterKind = ArbiterKind.PING,
    tell: Callable[[str], None] | None = None,
) -> Outcome:
    """Play one run from its seed."""
    settings = {node: pair.group_settings(node, arbiter=arbiter) for node in pair.NODES}
    world = World(
        seed, settings, tell=tell, gateway=GATEWAY if arbiter is ArbiterKind.PING else None
    )
    dice = world.timeline.dice
    planned = draw(dice, 3) if faults is None else faults
    world.sync_rate = dice.choice((None, None, 300_000))
    for node in pair.NODES:
        world.power_on(node)
    problem = (
        "" if world.run_until(lambda: is_settled(world), START_NS) else "the pair did not start"
    )
    for fault in planned:
        world.run_for(fault.wait_ns)
        strike(world, fault)
    world.run_for(max((fault.span_ns for fault in planned), default=0) + _SETTLE_NS)
    _mend(world)
    is_back = world.run_until(lambda: is_settled(world), RECOVERY_NS)
    world.run_for(2 * SECOND)
    world.checker.ended()
    if is_back:
        world.checker.in_sync()
    elif not problem:
        problem = "not in sync again: " + "; ".join(_standing(world, node) for node in pair.NODES)
    return Outcome(
        seed=seed,
        faults=planned,
        violations=tuple(world.checker.violations),
        problem=problem,
        simulated_ns=world.timeline.now,
        longest_stall_ns=world.workload.longest_stall_ns,
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
            later(fault.span_ns, lambda: world.record_problem.pop(fault.node, None))
        case FaultKind.SWITCHOVER:
            for each in world.hosts:
                if each.agent is not None and each.agent.state.role is Role.PRIMARY:
                    each.agent.order(OrderKind.SWITCHOVER)


def _thaw(host: Host, life: int) -> None:
    if host.life == life and host.is_frozen:
        host.thaw()


def is_settled(world: World) -> bool:
    """Whether one node serves and both agents call their copies in sync."""
    serving = [
        host
        for host in world.hosts
        if host.agent is not None
        and host.agent.state.role is Role.PRIMARY
        and host.agent.state.in_sync_since is not None
        and host.agent.state.dropping is None
        and host.virtual
    ]
    return len(serving) == 1


def _mend(world: World) -> None:
    world.heal()
    world.record_problem.clear()
    for host in world.hosts:
        if host.is_frozen:
            host.thaw()
        world.power_on(host.name)


def _standing(world: World, node: str) -> str:
    agent = world.host(node).agent
    if agent is None:
        return f"{node} has no agent"
    state = agent.state
    copies = ",".join(record.copy.value for _, record in state.records)
    return f"{node} {state.role.value} {copies} ({state.candidacy_refusal or state.refusal or state.why})"
