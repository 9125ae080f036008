"""Does the pair come through one random run? Some faults, one upon the other, then everything is mended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from time import process_time_ns
from typing import TYPE_CHECKING

from hafailover.group.actions import AlertKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import alone, limits, pair, several, stories, stubborn, unsteady
from hafailover.sim import faults as single
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.striking import mend, strike
from hafailover.sim.world import GATEWAY, World
from hafailover.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.group.settings import GroupSettings
    from hafailover.sim.checker import Violation

START_NS = 60 * SECOND
RECOVERY_NS = 150 * SECOND
STARTS = 16
"""Runs begin from one of so many worlds, which differ in how the two nodes came up; stories from as many others.

Those that try the margins of a lease begin from one more for each lease.
"""
_DOUBLED = 4
"""In every so manieth world of a story the group has two volumes."""
DRIFT_MAX = 5_000
"""No clock runs faster or slower by more parts in a million."""
FAULTS = 3
"""Faults of one run."""
_DRIFT = 0.005
"""How much etcd's clock may differ from the world's."""
_SPOILING = (
    FaultKind.DISK_ERRORS,
    FaultKind.DISK_HANGS,
    FaultKind.HAND,
    FaultKind.FORCE,
    FaultKind.USERS,
)
"""After these the kernel may have acknowledged what only one copy has, and no record could say so in time.

What an operator forces he may have to choose again: what he gave up is erased by nobody else.
"""
_SETTLE_NS = 20 * SECOND
_CALM_NS = SECOND


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended; ``violations`` is empty if every promise held.

    Attributes:
        problem: Why the pair is not in order at the end; empty if it is.
        is_split: Whether a partition that the arbiter does not guard against had both nodes serve.
        is_diverged: Whether it ended with two copies between which an operator has to choose.
    """

    seed: int
    arbiter: ArbiterKind
    faults: tuple[Fault, ...]
    violations: tuple[Violation, ...]
    problem: str
    is_split: bool
    is_diverged: bool
    simulated_ns: int
    longest_stall_ns: int
    cpu_ns: int = field(default=0, compare=False)

    @property
    def is_good(self) -> bool:
        """Whether every promise of this arbiter held."""
        return not self.violations and not self.problem


def run(
    seed: int,
    *,
    faults: tuple[Fault, ...] | None = None,
    arbiter: ArbiterKind = ArbiterKind.PING,
    tell: Callable[[str], None] | None = None,
) -> Outcome:
    """Play one run from its seed; ``faults`` replaces those that the seed would draw."""
    return play(start(start_of(seed), arbiter=arbiter, tell=tell), seed, faults=faults)


def draw(seed: int, arbiter: ArbiterKind) -> tuple[Fault, ...]:
    """Draw what strikes in the run of a seed: single faults, one of the stories, or what its range of seeds is for."""
    dice = Random(seed)  # noqa: S311 - reproducible, not secret
    if seed < stories.FIRST_SEED:
        return single.draw(dice, FAULTS, arbiter)
    if seed < alone.FIRST_SEED:
        return stories.draw(dice, arbiter)
    if seed >= unsteady.FIRST_SEED:
        return unsteady.draw(dice)
    if seed >= stubborn.FIRST_SEED:
        return stubborn.draw(dice, arbiter)
    if limits.FIRST_SEED <= seed < several.FIRST_SEED and arbiter is ArbiterKind.ETCD:
        return limits.draw(dice, start_of(seed))
    return alone.draw(dice, arbiter)


def start_of(seed: int) -> int:
    """Return the number of the world from which the run of a seed begins."""
    if seed >= stubborn.FIRST_SEED:
        return seed % STARTS + STARTS
    if seed >= several.FIRST_SEED:
        return 3 * STARTS + seed % STARTS
    if seed >= limits.FIRST_SEED:
        return 2 * STARTS + seed % len(limits.LEASES_S)
    return seed % STARTS + (STARTS if seed >= stories.FIRST_SEED else 0)


def start(number: int, *, arbiter: ArbiterKind, tell: Callable[[str], None] | None = None) -> World:
    """Return the world from which every run with the same ``start_of`` goes on: both nodes up."""
    world = found(number, arbiter=arbiter, tell=tell)
    for node in pair.NODES:
        world.power_on(node)
    settle(world, START_NS)
    return world


def play(world: World, seed: int, *, faults: tuple[Fault, ...] | None = None) -> Outcome:
    """Go on from a started world: strike, mend, and see what has become of it."""
    arbiter = world.settings["A"].arbiter
    began = process_time_ns()
    planned = draw(seed, arbiter) if faults is None else faults
    if not is_settled(world):
        return _outcome(world, seed, arbiter, planned, "the pair did not start")
    dice = world.timeline.dice
    dice.seed(seed)
    if arbiter is ArbiterKind.ETCD:
        world.etcd.rate = 1 + dice.uniform(-_DRIFT, _DRIFT)
    world.sync_rate = dice.choice((None, None, 300_000))
    for name in pair.NODES:
        drift = dice.randrange(-DRIFT_MAX, DRIFT_MAX)
        for host in world.everywhere(name):
            host.set_drift(drift)
            host.set_sync_rate()
    if limits.FIRST_SEED <= seed < several.FIRST_SEED:
        limits.set_clocks(world)
    world.run_for(dice.randrange(SECOND))
    over_at: int = world.timeline.now
    for fault in planned:
        world.run_for(fault.wait_ns)
        strike(world, fault)
        over_at = max(over_at, world.timeline.now + fault.span_ns)
    world.run_for(over_at - world.timeline.now)
    # Some faults leave nothing to be mended: then nothing is waited for either.
    settle(world, _SETTLE_NS)
    if alone.FIRST_SEED <= seed < limits.FIRST_SEED:
        alone.judge(world, is_spoiled=any(each.kind in _SPOILING for each in planned))
    mend(world)
    recover(world)
    problem = "; ".join(filter(None, [_judge(each, planned) for each in world.groups]))
    outcome = _outcome(world, seed, arbiter, planned, problem)
    return replace(outcome, cpu_ns=process_time_ns() - began)


def _judge(world: World, planned: tuple[Fault, ...]) -> str:
    """Look at one group at the end; return why it is not in order, empty if it is."""
    if _is_settled(world):
        world.checker.in_sync()
        world.checker.ended()
    elif not _may_await_choice(world, planned):
        world.checker.ended()
        return "not in sync again: " + "; ".join(standing(world, node) for node in pair.NODES)
    return ""


def _outcome(
    world: World, seed: int, arbiter: ArbiterKind, faults: tuple[Fault, ...], problem: str
) -> Outcome:
    return Outcome(
        seed=seed,
        arbiter=arbiter,
        faults=faults,
        violations=tuple(one for each in world.groups for one in each.checker.violations),
        problem=problem,
        is_split=any(each.checker.is_split for each in world.groups),
        is_diverged=any(_awaits_choice(each) for each in world.groups),
        simulated_ns=world.timeline.now,
        longest_stall_ns=max(each.workload.longest_stall_ns for each in world.groups),
    )


def found(seed: int, *, arbiter: ArbiterKind, tell: Callable[[str], None] | None = None) -> World:
    """Make the world of a run, with both hosts still off."""
    settings = {node: _settings(seed, node, arbiter) for node in pair.NODES}
    gateway = GATEWAY if arbiter is ArbiterKind.PING else None
    world = World(seed, settings, tell=tell, gateway=gateway)
    if seed >= 3 * STARTS:
        several.add_group(world)
    return world


def _settings(seed: int, node: str, arbiter: ArbiterKind) -> GroupSettings:
    settings = pair.group_settings(node, arbiter=arbiter)
    if 2 * STARTS <= seed < 3 * STARTS:
        return limits.with_lease(settings, seed)
    if not STARTS <= seed < 2 * STARTS or seed % _DOUBLED:
        return settings
    second = pair.volumes(node, 2)[1]
    (first,) = settings.volumes
    return replace(settings, volumes=(first, replace(second, gate_timeout_s=first.gate_timeout_s)))


def shrink(outcome: Outcome) -> Outcome:
    """Return a run with the same seed and fewer, shorter faults that still breaks something."""
    smallest = outcome
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for faults in _simpler(smallest.faults):
            tried = run(outcome.seed, faults=faults, arbiter=outcome.arbiter)
            if not tried.is_good:
                smallest, is_smaller = tried, True
                break
    return smallest


def _simpler(faults: tuple[Fault, ...]) -> list[tuple[Fault, ...]]:
    """Return what to try instead: one fault fewer, then one fault of half the span."""
    fewer = [faults[:index] + faults[index + 1 :] for index in range(len(faults))]
    shorter = [
        (*faults[:index], replace(fault, span_ns=fault.span_ns // 2), *faults[index + 1 :])
        for index, fault in enumerate(faults)
        if fault.span_ns > SECOND
    ]
    return fewer + shorter


def settle(world: World, limit_ns: int) -> bool:
    """Let the world go on until the pair is in order; return whether it is."""
    return world.run_until(lambda: is_settled(world), limit_ns)


def is_settled(world: World) -> bool:
    """Whether of every group one node serves, sees its storage, and both agents call their copies in sync.

    Who is blind does not know yet what the kernel has let go, and says so by an alert. Who was away listens, and
    decides nothing until it has.
    """
    return all(_is_settled(each) for each in world.groups)


def _is_settled(world: World) -> bool:
    serving = [
        host
        for host in world.hosts
        if host.agent is not None
        and host.virtual
        and host.agent.state.role is Role.PRIMARY
        and host.agent.state.in_sync_since is not None
        and host.agent.state.dropping is None
        and host.agent.state.listen_until is None
        and host.agent.state.facts is not None
        and host.agent.state.facts.is_complete
    ]
    if len(serving) != 1:
        return False
    return all(
        record.copy is CopyState.IN_SYNC
        for host in world.hosts
        for record in world.records[host.name].values()
    )


def standing(world: World, node: str) -> str:
    """Say in a few words where a node stands."""
    agent = world.host(node).agent
    if agent is None:
        return f"{node} has no agent"
    state = agent.state
    copies = ",".join(record.copy.value for _, record in state.records)
    why = state.candidacy_refusal or state.refusal or state.why
    return f"{node} {state.role.value} {copies} ({why})"


def recover(world: World, patience_ns: int = RECOVERY_NS) -> bool:
    """Let the pair come back by itself, for so long after a first wait; return whether it did.

    Who waits for an operator's choice comes back no more.
    """
    world.run_until(lambda: is_at_rest(world), RECOVERY_NS)
    world.run_for(_CALM_NS)
    if not is_at_rest(world):
        settle(world, patience_ns)
    return is_settled(world)


def is_at_rest(world: World) -> bool:
    """Whether every group is in order, or waits for an operator to choose between the copies."""
    return all(_is_settled(each) or _awaits_choice(each) for each in world.groups)


def why_not(world: World) -> str:
    """Say why a pair does not come back by itself; a choice between the copies is named as such."""
    if _awaits_choice(world):
        return "the copies have diverged: an operator chooses the one to keep"
    return "; ".join(standing(world, node) for node in pair.NODES)


def _may_await_choice(world: World, faults: tuple[Fault, ...]) -> bool:
    """Whether it is in order that only an operator can choose between the copies now.

    That is so if the nodes were apart, or if something besides took the one copy away, past the agent, that was newest.
    """
    is_spoiled = len(faults) > 1 and any(each.kind in _SPOILING for each in faults)
    if _awaits_choice(world):
        return is_spoiled or world.checker.was_apart
    return is_spoiled and _awaits_operator(world)


def _awaits_operator(world: World) -> bool:
    """Whether nobody serves, and an agent has raised the alert that it takes an operator."""
    return any(
        alert.kind is AlertKind.WAITING_FOR_OPERATOR
        for host in world.hosts
        if host.agent is not None
        for alert in host.agent.state.alerts
    )


def _awaits_choice(world: World) -> bool:
    """Whether an agent has raised the alert that only an operator can choose between the copies."""
    return any(
        alert.kind is AlertKind.DIVERGED
        for host in world.hosts
        if host.agent is not None
        for alert in host.agent.state.alerts
    )
