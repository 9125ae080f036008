"""What can become of a pair, whenever faults strike it? Every moment of a story is tried, with every fault.

A story is played on the real core. At each of its moments (a storage step or a write of the records begins, or has
ended) the process is copied once for each fault, and the copies go on: so with up to three faults every order of
faults and steps is played. A state that was met before, with as many faults still to come or more, is not gone on from.
Time is abstracted: what is compared is where everything stands, not since when.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hafailover.group.settings import ArbiterKind
from hafailover.sim import operators, schedule
from hafailover.sim.canonical import node_state, whole_state
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.network import LAN
from hafailover.sim.striking import mend, strike
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.agent import Agent
    from hafailover.sim.world import World

SPAN_NS = 4 * SECOND
"""How long a fault lasts that ends by itself."""
_STORY_NS = 12 * SECOND
_CALM_NS = 2 * SECOND
"""Until an arbiter counts both copies, too, and a switchover is not refused."""

_SESSION = re.compile(r"-[0-9a-f]{8}")

FAULTS = (
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
OF_ARBITER = {
    ArbiterKind.ETCD: (
        Fault(kind=FaultKind.ETCD_DOWN, span_ns=SPAN_NS),
        Fault(kind=FaultKind.ETCD_PORT, node="A", span_ns=SPAN_NS),
        Fault(kind=FaultKind.ETCD_PORT, node="B", span_ns=SPAN_NS),
    ),
    ArbiterKind.FENCE: (Fault(kind=FaultKind.FENCE_DOWN, span_ns=SPAN_NS),),
    ArbiterKind.PING: (),
    ArbiterKind.NONE: (),
}
"""What strikes besides, with each arbiter."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault, and the moment of the story at which it struck."""

    moment: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Failure:
    """An order of faults after which a promise was broken, or the pair did not come back."""

    struck: tuple[Struck, ...]
    what: str


@dataclass(slots=True)
class Found:
    """What an exploration has found.

    Attributes:
        states: Hashes of the states met, each with the number of faults still to come.
        pairs: (state of A, state of B), in words: each had a way out.
        runs: How many times the story was played to its end.
        cut: How many times it was not, since the state was known.
    """

    states: set[tuple[int, int]] = field(default_factory=set)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    runs: int = 0
    cut: int = 0
    failures: list[Failure] = field(default_factory=list)


class _KnownError(Exception):
    """This state was met before."""


class Explorer:
    """Plays a switchover in every way that up to ``faults`` faults can disturb it."""

    def __init__(self, arbiter: ArbiterKind, *, faults: int, moments: int) -> None:
        """Explore a pair with this arbiter; only the first ``moments`` moments of a story can be disturbed."""
        self.found = Found()
        self._arbiter = arbiter
        self._faults = self._left = faults
        self._moments = moments
        self._moment = 0
        self._struck: tuple[Struck, ...] = ()
        self._pipe: int | None = None
        self._own_pairs: set[tuple[str, str]] = set()

    def explore(self) -> Found:
        """Play everything; return what was found."""
        world = schedule.start(1, arbiter=self._arbiter)
        world.run_for(_CALM_NS)
        world.on_moment = lambda agent, phase, what: self._pass(
            agent.world, agent, f"{phase} {what}"
        )
        try:
            operators.switch_over(world)
            world.run_for(_STORY_NS)
            world.on_moment = None
            self._end(world)
        except _KnownError:
            self.found.cut += 1
        if self._pipe is not None:
            self._report(self._pipe)
        return self.found

    def _pass(self, world: World, agent: Agent, what: str) -> None:
        """One moment of the story: go on undisturbed, and once with each fault in a copy."""
        self._moment += 1
        self._own_pairs.add((node_state(world, "A"), node_state(world, "B")))
        step = _SESSION.sub("", what)
        state = hash((whole_state(world), agent.host.name, step))
        if any((state, left) in self.found.states for left in range(self._left, self._faults + 1)):
            raise _KnownError
        self.found.states.add((state, self._left))
        if self._left and self._moment <= self._moments:
            for fault in (*FAULTS, *OF_ARBITER[self._arbiter]):
                if self._go_on_in_copy():
                    self._left -= 1
                    self._struck = (*self._struck, Struck(self._moment, fault))
                    world.timeline.after(0, lambda fault=fault: strike(world, fault))  # type: ignore[misc]
                    return

    def _go_on_in_copy(self) -> bool:
        """Copy the process: True in the copy; False in this one, when the copy has ended and told what it found."""
        sys.stdout.flush()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._pipe = writing
            self._own_pairs = set(self._own_pairs)
            self.found = Found(states=self.found.states)
            return True
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        if status or not said:
            raise RuntimeError(f"a copy of the exploration ended with status {status}")
        self._merge(pickle.loads(said))  # noqa: S301 - from our own child
        return False

    def _merge(self, other: Found) -> None:
        self.found.states |= other.states
        self.found.pairs |= other.pairs
        self.found.runs += other.runs
        self.found.cut += other.cut
        self.found.failures += other.failures

    def _report(self, pipe: int) -> None:
        """End this copy with what it found."""
        with os.fdopen(pipe, "wb") as stream:
            pickle.dump(self.found, stream)
        os._exit(0)

    def _end(self, world: World) -> None:
        """Mend everything; the pair has to come back, or to wait for a choice that only a human can make."""
        mend(world)
        is_back = schedule.recover(world)
        if is_back:
            world.checker.in_sync()
            world.checker.ended()
        told = [f"{each.invariant}: {each.text}" for each in world.checker.violations]
        if not is_back and not world.checker.was_apart:
            told.append(f"no way out: {schedule.why_not(world)}")
        self.found.failures += [Failure(self._struck, each) for each in told]
        self.found.pairs |= self._own_pairs
        self.found.runs += 1
