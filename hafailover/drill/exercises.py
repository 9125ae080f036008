"""The exercises themselves: what is ordered, what is waited for, what is verified."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from hafailover.drill.marks import Marker
from hafailover.drill.outcome import Check, Exercise, Outage, Phase
from hafailover.drill.pair import AbandonedError, Pair
from hafailover.drill.probing import Prober
from hafailover.errors import ControlError
from hafailover.units import MILLISECOND

_MOVE_S: Final = 240.0
"""A move waits for services to stop, and for file systems to be unmounted and checked."""
_CALM_S: Final = 2.0
_MARKS_MIN: Final = 5
_STALLED_S: Final = 600.0


class Scenario(Enum):
    """What can be exercised; the value is its name, with a title for the report."""

    PLANNED = "planned"
    LOSE_PRIMARY = "lose-primary"
    LOSE_SECONDARY = "lose-secondary"


TITLES: Final = {
    Scenario.PLANNED: "A planned move to the other node, and back",
    Scenario.LOSE_PRIMARY: "The primary is lost, its copy with it; it is rebuilt and takes the group back",
    Scenario.LOSE_SECONDARY: "The secondary is lost, returns and is rebuilt",
}


LOSES_A_COPY: Final = frozenset({Scenario.LOSE_PRIMARY, Scenario.LOSE_SECONDARY})


@dataclass(slots=True)
class Course:
    """One exercise under way: its clock, and what was found so far."""

    pair: Pair
    probers: Sequence[Prober]
    marker: Marker
    tell: Callable[[str], None]
    home: str
    peer: str
    zero_ns: int = field(default_factory=time.monotonic_ns)
    checks: list[Check] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    stall_ms: int | None = None
    lost: int | None = None
    counted: int = 0
    """How many acknowledged writes were looked for."""

    def now_ms(self) -> int:
        """Return the time since the beginning."""
        return (time.monotonic_ns() - self.zero_ns) // MILLISECOND

    def check(self, what: str, seen: str, *, is_ok: bool) -> None:
        """Note a verification."""
        self.checks.append(Check(what=what, is_ok=is_ok, seen=seen))
        self.tell(f"  {'ok ' if is_ok else 'NOT'} {what}: {seen}")

    def phase(self, name: str, begin_ms: int) -> int:
        """Note a phase that ends now, and return the time."""
        end_ms = self.now_ms()
        self.phases.append(Phase(name=name, begin_ms=begin_ms, end_ms=end_ms))
        self.tell(f"  {end_ms - begin_ms:>8} ms  {name}")
        return end_ms

    def order(self, word: str, *, limit_s: float = 0.0) -> None:
        """Give an order that begins something; one that is refused is given again for ``limit_s``.

        Raises:
            AbandonedError: It was refused.
        """
        try:
            self.pair.order_once_possible(word, "a drill", limit_s)
        except ControlError as error:
            raise AbandonedError(f"{word} was refused: {error.message}") from error


def run(scenario: Scenario, course: Course) -> Exercise:
    """Run one exercise to its end, or to where it has to be given up."""
    title, problem = TITLES[scenario], ""
    course.tell(f"{scenario.value}: {title}")
    time.sleep(_CALM_S)
    try:
        _STORIES[scenario](course)
    except AbandonedError as error:
        problem = str(error)
        course.tell(f"  GIVEN UP: {problem}")
    return Exercise(
        scenario=scenario.value,
        title=title,
        problem=problem,
        checks=tuple(course.checks),
        phases=tuple(course.phases),
        outages=tuple(course.outages),
        writes_acknowledged=course.counted or course.marker.count,
        writes_lost=course.lost,
        write_stall_ms=course.stall_ms,
        length_ms=course.now_ms(),
    )


def _planned(course: Course) -> None:
    _move_away(course, "switchover")
    _come_home(course)


def _lose_primary(course: Course) -> None:
    _move_away(course, "give-up")
    _come_home(course)


def _move_away(course: Course, word: str) -> None:
    """Have the peer serve; verify that nothing is left here and that it takes writes."""
    pair, home, peer = course.pair, course.home, course.peer
    begin_ns, begin_ms = time.monotonic_ns(), course.now_ms()
    # A small copy is rebuilt before the address has answered, so this looks from the beginning on.
    rebuild = _Rebuild(course)
    course.order(word)
    pair.wait(
        f"{home} lets go",
        lambda seen: rebuild.note(seen)["role"] not in ("primary", "demoting"),
        _MOVE_S,
    )
    left_ms = course.phase(f"{home} lets go", begin_ms)
    pair.wait(
        f"{peer} serves",
        lambda seen: rebuild.note(seen)["peer"]["role"] == "primary",
        _MOVE_S,
    )
    led_ms = course.phase(f"{peer} takes over", left_ms)
    _await_answer(course)
    course.phase(f"{course.pair.group} answers at {peer}", led_ms)
    _note_outages(course, f"move to {peer}", begin_ns)
    seen = pair.look()
    for volume in seen["volumes"]:
        name = volume["name"]
        is_down = volume["mounted"] is False and volume["mirror"] is None
        course.check(
            f"{home} has {name} neither mounted nor in a mirror",
            _upness(volume),
            is_ok=is_down,
        )
        course.check(
            f"{home} has no ggate of {name}", f"{volume['gates']} there", is_ok=volume["gates"] == 0
        )
    is_away = not seen["addresses_wanted"]
    course.check(f"{home} has no floating address", "none" if is_away else "up", is_ok=is_away)
    _check_writes(course, f"{peer} takes writes")
    _confirm_copies(course, rebuild)
    if word == "give-up":
        course.phase("the lost copy is rebuilt", led_ms)
        rebuild.check()


def _come_home(course: Course) -> None:
    """Fail back, and look for everything that was written anywhere."""
    pair, home, peer = course.pair, course.home, course.peer
    begin_ns, begin_ms = time.monotonic_ns(), course.now_ms()
    if pair.look()["role"] != "primary":
        course.order("switchover", limit_s=_MOVE_S)
    pair.wait(
        f"{peer} lets go", lambda seen: seen["peer"]["role"] not in ("primary", "demoting"), _MOVE_S
    )
    left_ms = course.phase(f"{peer} lets go", begin_ms)
    pair.wait(
        f"{home} serves",
        lambda seen: seen["role"] == "primary" and seen["addresses_wanted"],
        _MOVE_S,
    )
    led_ms = course.phase(f"{home} takes over", left_ms)
    _await_answer(course)
    course.phase(f"{course.pair.group} answers at {home}", led_ms)
    _note_outages(course, f"move back to {home}", begin_ns)
    _check_writes(course, f"{home} takes writes again")
    _count_lost(course)
    begin_ms = course.now_ms()
    _confirm_copies(course, _Rebuild(course))
    course.phase("both copies are in service", begin_ms)


def _lose_secondary(course: Course) -> None:
    """Lose the second copy; verify that writes go on, that it is said, and that the copy comes back."""
    pair, home, peer = course.pair, course.home, course.peer
    begin_ns, begin_ms = time.monotonic_ns(), course.now_ms()
    course.order("withdraw")
    seen = pair.wait(
        f"{home} goes on alone", lambda seen: seen["unprotected_ms"] is not None, _MOVE_S
    )
    alone_ms = course.phase(f"{home} notices, and goes on alone", begin_ms)
    _check_writes(course, "writes go on beside the lost secondary")
    course.stall_ms = course.marker.longest_wait_ms(begin_ns, time.monotonic_ns())
    pair_role = seen["role"]
    course.check(f"{home} has gone on serving", pair_role, is_ok=pair_role == "primary")
    alerts: set[str] = set()
    rebuilt = _Rebuild(course)

    def note(seen: dict[str, Any]) -> None:
        alerts.update(each["kind"] for each in seen["alerts"])
        rebuilt.note(seen)

    note(seen)
    pair.wait_for_copies(_STALLED_S, note)
    course.phase(f"{peer} returns and is rebuilt", alone_ms)
    course.check(
        "the loss was alerted", ", ".join(sorted(alerts)) or "no alert", is_ok=bool(alerts)
    )
    rebuilt.check()
    _note_outages(course, f"loss of {peer}", begin_ns)
    _count_lost(course)


def _upness(volume: dict[str, Any]) -> str:
    mounted = {True: "mounted", False: "not mounted", None: "mount unknown"}[volume["mounted"]]
    return f"{mounted}, {'a mirror runs' if volume['mirror'] else 'no mirror'}"


def _await_answer(course: Course) -> None:
    since_ns = time.monotonic_ns()
    asked = [each for each in course.probers if each.has_answers]
    end = time.monotonic() + _MOVE_S
    while not all(each.has_answer_since(since_ns) for each in asked):
        if time.monotonic() > end:
            raise AbandonedError(f"not within {_MOVE_S:.0f} s: the address answers")
        time.sleep(0.02)


def _note_outages(course: Course, move: str, begin_ns: int) -> None:
    end_ns = time.monotonic_ns()
    for prober in course.probers:
        found = prober.longest_gap(move, begin_ns, end_ns, course.zero_ns)
        if found is not None:
            course.outages.append(found)
            course.tell(f"  {found.length_ms:>8} ms  without an answer, {found.seen_from}")


def _check_writes(course: Course, what: str) -> None:
    """Verify that marks reach the disk of whoever serves now."""
    before, end = course.marker.count, time.monotonic() + _MOVE_S
    while course.marker.count < before + _MARKS_MIN and time.monotonic() < end:
        time.sleep(0.05)
    gained = course.marker.count - before
    course.check(what, f"{gained} marks on disk", is_ok=gained >= _MARKS_MIN)


def _count_lost(course: Course) -> None:
    total = course.marker.count
    try:
        lost = course.marker.lost()
    except OSError as error:
        course.check("every acknowledged write is there", str(error), is_ok=False)
        return
    course.lost, course.counted = len(lost), total
    seen = f"{total - len(lost)} of {total} marks are there, from both nodes"
    course.check("every acknowledged write is there", seen, is_ok=True)


class _Rebuild:
    """Sees a rebuild go on."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._percents: list[int] = []
        self._was_behind = False

    def note(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Take note of how the copies stand, and hand it on."""
        for volume in seen["volumes"]:
            states = (volume["copy"], volume["peer_copy"])
            self._was_behind |= "syncing" in states or "stale" in states
            percent = volume["rebuild_percent"]
            if percent is not None and percent not in self._percents:
                self._percents.append(percent)
        return seen

    def check(self) -> None:
        """Verify that it was seen, and that it has ended."""
        shown = ", ".join(f"{each} %" for each in self._percents[:1] + self._percents[-1:])
        seen = f"seen at {shown}" if self._percents else "seen, too short for a percentage"
        if not (self._percents or self._was_behind):
            seen = "the copy never fell behind"
        self._course.check(
            "the rebuild was seen and has ended",
            seen,
            is_ok=bool(self._percents) or self._was_behind,
        )


def _confirm_copies(course: Course, rebuild: _Rebuild) -> None:
    """Wait for two copies in sync: whatever comes next needs them."""
    course.pair.wait_for_copies(_STALLED_S, rebuild.note)
    course.check("both copies are in sync", course.pair.look()["headline"], is_ok=True)


_STORIES: Final = {
    Scenario.PLANNED: _planned,
    Scenario.LOSE_PRIMARY: _lose_primary,
    Scenario.LOSE_SECONDARY: _lose_secondary,
}
