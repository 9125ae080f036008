"""How is a scenario of the lab played on a machine that lets nobody make namespaces?

In the simulator: the same decisions, the same emulated FreeBSD and the same story, but one process,
a clock of its own, and no real packet, process or file. What it tells of durations follows from the
model, not from a measurement.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hafailover.cli.chronicle import Chronicle
from hafailover.cli.simulated_faults import CannotPlayError, Faults
from hafailover.cli.simulated_orders import order_of
from hafailover.cli.simulated_witness import Witness
from hafailover.config.spans import parse_duration, parse_window
from hafailover.group import actions as ask
from hafailover.group import view
from hafailover.group.settings import (
    ArbiterKind,
    Automatism,
    FailbackSettings,
    RebuildSettings,
    ServiceSettings,
)
from hafailover.lab import agent_view, scenario, timeline
from hafailover.lab.outcome import Evidence, Moment, Outcome, PhaseTime, broken
from hafailover.lab.scenario import NODES, Expect, Fault, Operator, Pass, Phase, Truth, Wait
from hafailover.sim import pair
from hafailover.sim.world import GATEWAY, World
from hafailover.units import MILLISECOND, Nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hafailover.group.settings import GroupSettings
    from hafailover.lab.configuration import Tuning
    from hafailover.sim.agent import Agent

SEED: Final = 1
_SERVICES: Final = (
    ServiceSettings(name="writer", start=("start",), stop=("stop",), check=("check",)),
)
_RECENT_NS: Final = 500 * MILLISECOND


class Play:
    """One scenario in one simulated world."""

    def __init__(
        self, story: scenario.Scenario, tell: Callable[[int, str], None], seed: int = SEED
    ) -> None:
        """Play ``story``; ``tell`` gets every moment (in ms) as the lab's runner tells it."""
        tuning = story.tuning
        kind = ArbiterKind(tuning.arbiter)
        settings = {node: _settings(node, kind, tuning) for node in NODES}
        gateway = GATEWAY if kind is ArbiterKind.PING else None
        self._story = story
        self._tell = tell
        self._world = World(seed, settings, gateway=gateway)
        self._world.sync_rate = tuning.rebuild_rate or None
        self._faults = Faults(self._world)
        self._answer = ""
        self.chronicle = Chronicle(self._world)
        """What happened, in the few lines that matter."""
        self._listen = self._world.on_said
        self._world.on_said = self._answered
        self._witness = Witness(self._world)
        self._disturbed_ns: int | None = None
        self._phases: list[tuple[str, int]] = []
        self._moments: list[tuple[int, str]] = []
        self._told = 0

    def play(self) -> tuple[Outcome, Evidence]:
        """Play all steps, cut the power of everything, and count.

        Raises:
            CannotPlayError: A fault of the story is not known to the simulator.
        """
        failures: list[str] = []
        if "simulator" not in self._story.where:
            raise CannotPlayError(f"{self._story.name} is for the lab only")
        for node in NODES:
            self._world.power_on(node)
        self._witness.begin()
        for number, step in enumerate(self._story.steps, 1):
            problem = self._do(step)
            if problem:
                failures.append(f"step {number}: {problem}")
                self._note(failures[-1])
                break
        evidence = self._gather()
        failures += broken(self._story.promise, evidence)
        signed = self._signed_for()
        failures += [
            f"{each.invariant}: {each.text}"
            for each in self._world.checker.violations
            if each.invariant not in signed
        ]
        return self._outcome(evidence, failures), evidence

    def _signed_for(self) -> set[str]:
        """Return the promises that the story gives up in so many words.

        What is missing where a copy is forced, or etcd restored, is counted by the story itself.
        """
        steps = self._story.steps
        words = {word for step in steps if isinstance(step, Operator) for word in step.arguments}
        words |= {word for step in steps if isinstance(step, Fault) for word in step.words}
        rows = (
            ("S7", "--accept-mixture" in words),
            ("S6", self._story.tuning.address_first),
            ("S5", "--force-copy" in words or {"etcd", "restored"} <= words),
        )
        return {invariant for invariant, is_given_up in rows if is_given_up}

    @property
    def _now(self) -> int:
        return self._world.timeline.now

    def _do(self, step: scenario.Step) -> str:
        """Play one step; returns what went wrong, or nothing."""
        match step:
            case Phase(name=name):
                self._phases.append((name, self._now))
                self._note(f"phase: {name}")
            case Pass(span_ns=span):
                self._until(lambda: False, span)
            case Fault():
                self._disturb(f"fault: {step.verb.value} {' '.join(step.words)}")
                self._faults.cause(step)
            case Operator():
                self._disturb(f"operator: hafailover {' '.join(step.arguments)} on {step.node}")
                return self._order(step)
            case Wait(truth=truth, within_ns=within):
                before = len(self._witness.acknowledged)
                if not self._until(lambda: not self._missing(truth, before), within):
                    return f"within {scenario.shown(within)} not: {self._missing(truth, before)}"
            case Expect(truth=truth):
                missing = self._missing(truth, len(self._witness.acknowledged))
                return f"expected {missing}" if missing else ""
        return ""

    def _until(self, holds: Callable[[], bool], limit_ns: int) -> bool:
        def look() -> bool:
            self._witness.look()
            self.chronicle.look()
            self._tell_sights()
            return holds()

        return self._world.run_until(look, limit_ns)

    def _missing(self, truth: Truth, before: int) -> str:
        """Return what of ``truth`` is not so, as words; empty if all of it is."""
        seen = self._witness
        rows = (
            (truth.primary, seen.mounted(), "has the volume mounted"),
            (truth.address, seen.addressed(), "has the floating address"),
            (truth.answers, seen.answering(_RECENT_NS), "answers the client"),
        )
        for wanted, found, what in rows:
            if wanted is not None and found != ({wanted} - {scenario.NOBODY}):
                return f"{wanted} {what}"
        if truth.writes is not None and len(seen.acknowledged) < before + truth.writes:
            return f"{truth.writes} more writes are acknowledged"
        if truth.copies is not None and (wrong := self._wrong_copies(truth.copies)):
            return wrong
        if truth.answer is not None and truth.answer not in self._answer:
            return f"the last order was answered with {truth.answer!r}, but with {self._answer!r}"
        return agent_view.wrong_roles(self._roles(), truth.roles or {}) or agent_view.wrong_alerts(
            self._alerts(), truth.alerts or {}
        )

    def _wrong_copies(self, wanted: str | Mapping[str, str]) -> str:
        """Compare what each agent that runs says of its copies."""
        for node, copy in scenario.wanted_copies(wanted).items():
            agent = self._world.host(node).agent
            if agent is None:
                return f"an agent on {node} says {copy}"
            said = view.describe(agent.state, agent.settings, self._world.timeline.now)
            found = {agent_view.copy_said(said, volume) for volume in said["volumes"]}
            if found != {copy}:
                return f"the copy on {node} is {copy} (it is {' and '.join(sorted(found))})"
        return ""

    def _roles(self) -> dict[str, str]:
        agents = {host.name: host.agent for host in self._world.hosts}
        return {
            node: agent.state.role.value if agent else agent_view.DOWN
            for node, agent in agents.items()
        }

    def _alerts(self) -> dict[str, set[str]]:
        agents = {host.name: host.agent for host in self._world.hosts}
        return {
            node: {each.kind.value for each in agent.state.alerts} if agent else set()
            for node, agent in agents.items()
        }

    def _order(self, step: Operator) -> str:
        agent = self._world.host(step.node).agent
        if agent is None:
            return f"no agent runs on {step.node}"
        kind, options = order_of(step.arguments)
        agent.order(kind, **options)
        return ""

    def _answered(self, agent: Agent, action: ask.Action) -> None:
        if isinstance(action, ask.Reply):
            self._answer = f"{'taken' if action.accepted else 'refused'}: {action.text}"
        if self._listen is not None:
            self._listen(agent, action)

    def _disturb(self, what: str) -> None:
        if self._disturbed_ns is None:
            self._disturbed_ns = self._now
            self.chronicle.begin()
        self._note(what)

    def _tell_sights(self) -> None:
        told, self._told = self._told, len(self._witness.sights)
        for at, what in timeline.sighted(self._witness.sights, told):
            self._tell(at // MILLISECOND, what)

    def _note(self, what: str) -> None:
        self._tell_sights()
        self._moments.append((self._now, what))
        self.chronicle.add("story", what)
        self._tell(self._now // MILLISECOND, what)

    def _gather(self) -> Evidence:
        world, seen = self._world, self._witness
        end_ns, survivors = self._now, seen.mounted()
        for node in NODES:
            world.power_off(node)
        return Evidence(
            begin_ns=self._disturbed_ns or 0,
            end_ns=end_ns,
            answers=tuple(seen.answers),
            acknowledged=tuple(seen.acknowledged),
            lost_on={host.name: len(world.workload.lost(host)) for host in world.hosts},
            survivor=next(iter(survivors), None),
            sights=tuple(seen.sights),
        )

    def _outcome(self, evidence: Evidence, failures: list[str]) -> Outcome:
        starts = [*self._phases, ("", evidence.end_ns)]
        verdict = evidence.verdict
        seen = [
            *self._moments,
            *timeline.sighted(evidence.sights),
            *timeline.answered(evidence.answers),
        ]
        return Outcome(
            scenario=self._story.name,
            passed=not failures,
            failures=tuple(failures),
            outage_ms=evidence.outage_ms,
            writes_acked=len(evidence.acknowledged),
            writes_lost=evidence.writes_lost,
            write_stall_ms=evidence.write_stall_ms,
            both_mounted_ms=verdict.both_mounted_ms,
            both_addressed_ms=verdict.both_addressed_ms,
            address_without_mount_ms=verdict.address_without_mount_ms,
            phases=tuple(
                PhaseTime(name=name, start_ms=at // MILLISECOND, end_ms=end // MILLISECOND)
                for (name, at), (_, end) in pairwise(starts)
            ),
            timeline=tuple(Moment(at_ms=at // MILLISECOND, what=what) for at, what in sorted(seen)),
        )


def _settings(node: str, kind: ArbiterKind, tuning: Tuning) -> GroupSettings:
    base = pair.group_settings(node, arbiter=kind)
    return pair.group_settings(
        node,
        arbiter=kind,
        failback=FailbackSettings(
            mode=Automatism(tuning.failback),
            hold=Nanoseconds(parse_duration(tuning.failback_hold)),
            window=parse_window(tuning.failback_window) if tuning.failback_window else None,
        ),
        rejoin=Automatism(tuning.rejoin),
        rebuild=RebuildSettings(attempts=tuning.attempts),
        timers=replace(base.timers, failovers=tuning.failovers),
        services=_SERVICES,
        address_first=tuning.address_first,
        volumes=pair.volumes(node, tuning.volumes),
    )
