"""How is a scenario played?"""

from __future__ import annotations

import asyncio
import shlex
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from hafailover.lab import agent_view, audit, faults, timeline
from hafailover.lab.outcome import Evidence, Moment, Outcome, PhaseTime, broken
from hafailover.lab.scenario import (
    NOBODY,
    Expect,
    Fault,
    Operator,
    Pass,
    Phase,
    Scenario,
    Step,
    Truth,
    Wait,
    shown,
)
from hafailover.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.world import World

_LOOK_SECONDS: Final = 0.05
_RECENT_NS: Final = SECOND // 2
"""An answer to the client counts as present for so long."""


class StepFailedError(Exception):
    """What a step waited for or expected was not so."""


class Runner:
    """Plays one scenario on one lab that is up."""

    def __init__(
        self, world: World, scenario: Scenario, tell: Callable[[int, str], None] | None = None
    ) -> None:
        """Play ``scenario``; ``tell`` gets every moment of the story as it happens."""
        self._world = world
        self._scenario = scenario
        self._tell = tell
        self.begin_ns = time.monotonic_ns()
        """When the play began."""
        self._disturbed_ns: int | None = None
        self._phases: list[tuple[str, int]] = []
        self._moments: list[tuple[int, str]] = []
        self._told = 0
        self._answer = ""
        self.evidence: Evidence | None = None
        """What was measured, once the play is over."""

    async def play(self) -> Outcome:
        """Play all steps, cut the power of everything, and count."""
        failures: list[str] = []
        try:
            for number, step in enumerate(self._scenario.steps, 1):
                await self._do(number, step)
        except StepFailedError as problem:
            failures.append(str(problem))
            self._note(str(problem))
        self._tell_sights()
        end_ns = time.monotonic_ns()
        self.evidence = evidence = await self._gather(end_ns)
        failures += broken(self._scenario.promise, evidence)
        return self._outcome(evidence, failures)

    async def _do(self, number: int, step: Step) -> None:
        """Play one step."""
        match step:
            case Phase(name=name):
                self._phases.append((name, time.monotonic_ns()))
                self._note(f"phase: {name}")
            case Pass(span_ns=span):
                await asyncio.sleep(span / 1e9)
            case Fault():
                self._disturb(f"fault: {step.verb.value} {' '.join(step.words)}")
                await self._cause(step)
            case Operator():
                await self._order(number, step)
            case Wait(truth=truth, within_ns=within, is_needed=is_needed):
                missing = await self._wait(truth, within)
                if missing and is_needed:
                    raise StepFailedError(f"step {number}: within {shown(within)} not: {missing}")
            case Expect(truth=truth):
                missing = await self._missing(truth, self._count())
                if missing:
                    raise StepFailedError(f"step {number}: expected {missing}")

    async def _cause(self, fault: Fault) -> None:
        try:
            await faults.cause(self._world, fault)
        except OSError as problem:
            if not self._scenario.is_random:
                raise
            self._note(f"without effect: {problem}")

    def _disturb(self, what: str) -> None:
        if self._disturbed_ns is None:
            self._disturbed_ns = time.monotonic_ns()
        self._note(what)

    def _tell_sights(self) -> None:
        """Tell what the observer has seen since the last time."""
        told, self._told = self._told, len(self._world.observer.sights)
        for at, what in timeline.sighted(self._world.observer.sights, told):
            if self._tell is not None:
                self._tell(self._milliseconds(at), what)

    def _note(self, what: str) -> None:
        self._tell_sights()
        now = time.monotonic_ns()
        self._moments.append((now, what))
        if self._tell is not None:
            self._tell(self._milliseconds(now), what)

    async def _order(self, number: int, step: Operator) -> None:
        self._disturb(f"operator: hafailover {shlex.join(step.arguments)} on {step.node}")
        verb, *rest = step.arguments
        ended = await self._world.nodes[step.node].run(*self._world.hafailover(verb, *rest))
        said = (ended.error or ended.output).strip()
        self._answer = f"{'refused' if ended.status else 'taken'}: {said}"
        if ended.status != 0 and not self._asks_for_answer(number):
            raise StepFailedError(f"step {number}: the order ended with {ended.status}: {said}")

    def _asks_for_answer(self, number: int) -> bool:
        """Whether the step after the one of this number looks at the answer to an order, which may be a refusal."""
        following = self._scenario.steps[number : number + 1]
        return any(isinstance(each, Wait | Expect) and each.truth.answer for each in following)

    async def _wait(self, truth: Truth, within_ns: int) -> str:
        """Look until ``truth`` holds; return what still does not after so long, empty if all does."""
        end = time.monotonic_ns() + within_ns
        before = self._count()
        while missing := await self._missing(truth, before):
            self._tell_sights()
            if time.monotonic_ns() > end:
                return missing
            await asyncio.sleep(_LOOK_SECONDS)
        return ""

    def _count(self) -> int:
        return len(self._world.acknowledged())

    async def _missing(self, truth: Truth, before: int) -> str:
        """Return what of ``truth`` is not so, as words; empty if all of it is."""
        sight = self._world.observer.look()
        if truth.primary is not None and not _is(truth.primary, sight.mounted):
            return f"{truth.primary} has the volume mounted"
        if truth.address is not None and not _is(truth.address, sight.addressed):
            return f"{truth.address} has the floating address"
        if truth.answers is not None and not _is(truth.answers, self._answering()):
            return f"the client is answered by {truth.answers}"
        if truth.writes is not None and self._count() < before + truth.writes:
            return f"{truth.writes} more writes are acknowledged"
        if truth.answer is not None and truth.answer not in self._answer:
            return f"the last order was answered with {truth.answer!r}, but with {self._answer!r}"
        return await agent_view.missing(self._world, truth)

    def _answering(self) -> frozenset[str]:
        """Return the nodes that answered the client just now."""
        since = time.monotonic_ns() - _RECENT_NS
        last = self._world.answers()[-1:]
        return frozenset(answer.node for answer in last if answer.at_ns >= since)

    async def _gather(self, end_ns: int) -> Evidence:
        """Cut all power and look at what is left."""
        world = self._world
        sight = world.observer.look()
        survivor = next(iter(sight.mounted), None)
        acknowledged = world.acknowledged()
        for node in world.nodes.values():
            await node.power_off()
        lost_on = {
            name: await audit.count_lost(world.image(name), acknowledged) for name in world.nodes
        }
        return Evidence(
            begin_ns=self._disturbed_ns or self.begin_ns,
            end_ns=end_ns,
            answers=tuple(world.answers()),
            acknowledged=acknowledged,
            lost_on=lost_on,
            survivor=survivor,
            sights=[sight for sight in world.observer.sights if sight.at_ns <= end_ns],
        )

    def _milliseconds(self, moment_ns: int) -> int:
        return round((moment_ns - self.begin_ns) / 1e6)

    def _outcome(self, evidence: Evidence, failures: list[str]) -> Outcome:
        starts = [*self._phases, ("", evidence.end_ns)]
        phases = tuple(
            PhaseTime(
                name=name, start_ms=self._milliseconds(at), end_ms=self._milliseconds(following)
            )
            for (name, at), (_, following) in pairwise(starts)
        )
        seen = [
            *self._moments,
            *timeline.sighted(evidence.sights),
            *timeline.answered(evidence.answers),
        ]
        verdict = evidence.verdict
        return Outcome(
            scenario=self._scenario.name,
            passed=not failures,
            failures=tuple(failures),
            outage_ms=evidence.outage_ms,
            writes_acked=len(evidence.acknowledged),
            writes_lost=evidence.writes_lost,
            write_stall_ms=evidence.write_stall_ms,
            both_mounted_ms=verdict.both_mounted_ms,
            both_addressed_ms=verdict.both_addressed_ms,
            address_without_mount_ms=verdict.address_without_mount_ms,
            phases=phases,
            timeline=tuple(
                Moment(at_ms=self._milliseconds(at), what=what)
                for at, what in sorted(seen)
                if at <= evidence.end_ns
            ),
        )


def _is(wanted: str, found: frozenset[str]) -> bool:
    """Whether exactly the wanted node was found, or nobody if nobody is wanted."""
    return found == (frozenset() if wanted == NOBODY else frozenset({wanted}))
