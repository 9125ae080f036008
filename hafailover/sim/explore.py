"""What can become of a pair, whenever faults strike it? Every moment of a story is tried, with every fault.

A story is a switchover on the real core, until the pair is in order again. At each of its moments the process is copied
once for each fault, and the copies go on, with moments of their own: so with up to three faults every order of faults
and steps is played. A state that was met before, with as many faults still to come or more, is not gone on from.

Time is abstracted: what is compared is where everything stands, not since when (``canonical``). Every fault lasts for
the same span, and what a loss of power takes of a disk's cache is drawn once.

What is not tried, since it comes to the same:

* A moment lies between two events: a step begins or ends, a role or what stands in etcd changes, a fault strikes. What
  happens within one event cannot be parted: a step that ends, and the next one that begins with it, are one moment.
* Two faults at one moment lead to one state in either order. The second order is cut short there.
* A fault that would change nothing is left out, such as power taken from a host that is off.

Who is cut short has met a state from which another story goes on: one that is over, or one with more faults to come,
which goes on as soon as its copies have ended. So by induction every way leads to the end of some story. A state that a
story met itself since its last fault never cuts it short: a pair that goes round in a circle is found by the limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from hafailover.sim import operators, schedule
from hafailover.sim.canonical import node_state, whole_state
from hafailover.sim.copies import in_copy
from hafailover.sim.disturbances import FAULTS, changes_something
from hafailover.sim.known import Known, fingerprint
from hafailover.sim.striking import mend, strike
from hafailover.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.group.settings import ArbiterKind
    from hafailover.sim.faults import Fault

_CALM_NS = 2 * SECOND
"""Until an arbiter counts both copies, too, and a switchover is not refused; a story that rests for so long is over."""
_LIMIT_NS = 60 * SECOND
"""Who is not in order so long after the last fault is mended by hand, and has to come back then."""


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
        states: How many different states were met.
        pairs: (state of A, state of B), in words: each had a way out.
        runs: How many stories were played to their end.
        cut: How many were not, since a state of theirs was known.
    """

    states: int = 0
    pairs: set[tuple[str, str]] = field(default_factory=set)
    runs: int = 0
    cut: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Add what a copy of the process has found."""
        self.pairs |= other.pairs
        self.runs += other.runs
        self.cut += other.cut
        self.failures += other.failures


class _Story:
    """One switchover with its faults, from moment to moment."""

    def __init__(self, arbiter: ArbiterKind, *, tell: Callable[[str], None] | None = None) -> None:
        """Have a pair in service begin to switch over."""
        self.world = world = schedule.start(1, arbiter=arbiter, tell=tell)
        self.moment = 0
        self._struck: tuple[Struck, ...] = ()
        self._over_at: int = world.timeline.now
        self._moment_at: int = world.timeline.now
        self._is_moment = False
        self._broken_before = 0
        """How many promises were broken before the last fault struck."""
        self._stuck = ""
        world.run_for(_CALM_NS)
        world.on_moment = lambda *_: self._mark()
        operators.switch_over(world)

    def _mark(self) -> None:
        self._is_moment = True

    def next(self) -> bool:
        """Go on to the next moment; False if the story is over before."""
        world, before = self.world, self._outline()
        while not self._is_moment and self._outline() == before:
            if self._is_over() or not world.step_once():
                return False
        self._is_moment = False
        self.moment += 1
        self._moment_at = world.timeline.now
        return True

    def _outline(self) -> tuple[object, ...]:
        """Return what is a moment when it changes, though no step begins or ends with it."""
        standing = self.world.etcd.standing(self.world.settings["A"].name)
        return (
            standing.record,
            standing.holder is None,
            *(
                host.is_on if host.agent is None else host.agent.state.role
                for host in self.world.hosts
            ),
        )

    def _is_over(self) -> bool:
        now = self.world.timeline.now
        if now < max(self._over_at, self._moment_at + _CALM_NS):
            return False
        return now > self._over_at + _LIMIT_NS or schedule.is_at_rest(self.world)

    def strike(self, fault: Fault) -> None:
        """Let a fault strike; the next moment is right after it."""
        world = self.world
        self._struck = (*self._struck, Struck(self.moment, fault))
        self._over_at = max(self._over_at, world.timeline.now + fault.span_ns)
        self._broken_before = len(world.checker.violations)
        strike(world, fault)
        world.checker.look()
        self._is_moment = True

    def end(self) -> None:
        """Mend everything; the pair has to come back, or to wait for a choice that only a human can make."""
        world = self.world
        world.on_moment = None
        mend(world)
        # A kernel that writes to a peer that is gone, as it attaches its copy, lets go at one of its ticks.
        ticks = max(each.gate_timeout_s for each in world.settings["A"].volumes) * SECOND
        if schedule.recover(world, schedule.RECOVERY_NS + ticks):
            world.checker.in_sync()
            world.checker.ended()
        elif not world.checker.was_apart:
            self._stuck = f"no way out: {schedule.why_not(world)}"

    def failures(self) -> list[Failure]:
        """Return what was broken since the last fault struck; before, it is told by who was copied then."""
        violations = self.world.checker.violations[self._broken_before :]
        told = [f"{each.invariant}: {each.text}" for each in violations]
        return [Failure(self._struck, each) for each in (*told, self._stuck) if each]


class Explorer:
    """Plays a switchover in every way that up to ``faults`` faults can disturb it.

    With ``part`` (which, of how many) every so manieth first fault is tried only: all parts together are everything.
    """

    def __init__(
        self, arbiter: ArbiterKind, *, faults: int, part: tuple[int, int] = (1, 1)
    ) -> None:
        """Explore a pair with this arbiter."""
        self._arbiter = arbiter
        self._faults = self._left = faults
        self._which, self._parts = part
        self._firsts = 0
        self._known = Known()
        self._own: set[int] = set()
        """States that the story has met since its last fault."""
        self._found = Found()

    def explore(self) -> Found:
        """Play everything; return what was found."""
        self._play(_Story(self._arbiter))
        self._found.states = len(self._known)
        return self._found

    def _play(self, story: _Story) -> None:
        """Play a story to its end, and a copy of it for each fault at each of its moments."""
        while story.next():
            if not self._look_around(story):
                self._found.cut += 1
                break
        else:
            story.end()
            self._found.runs += 1
        self._found.failures += story.failures()

    def _look_around(self, story: _Story) -> bool:
        """Try every fault at this moment, in copies; False if another story goes on from here."""
        world = story.world
        self._found.pairs.add((node_state(world, "A"), node_state(world, "B")))
        state = fingerprint(whole_state(world))
        if state in self._own:
            return True
        if not self._known.add(state, self._left):
            return False
        self._own.add(state)
        if self._left:
            for fault in FAULTS[self._arbiter]:
                if changes_something(world, fault) and self._is_in_part():
                    self._found.add(in_copy(partial(self._disturbed, story, fault)))
        return True

    def _is_in_part(self) -> bool:
        """Whether this disturbance is to be tried; of the later ones of a story all are."""
        if self._left < self._faults:
            return True
        self._firsts += 1
        return self._firsts % self._parts == self._which % self._parts

    def _disturbed(self, story: _Story, fault: Fault) -> Found:
        """Go on with a story that a fault has struck; the story and this object are copies, and used up."""
        self._left -= 1
        self._own = set()
        self._found = Found()
        story.strike(fault)
        self._play(story)
        return self._found


def replay(
    arbiter: ArbiterKind,
    struck: tuple[Struck, ...],
    *,
    tell: Callable[[str], None] | None = None,
) -> list[Failure]:
    """Play the one story that these faults disturb at these moments; return what was broken."""
    story = _Story(arbiter, tell=tell)
    coming = list(struck)
    while story.next():
        if coming and coming[0].moment == story.moment:
            story.strike(coming.pop(0).fault)
    story.end()
    return story.failures()
