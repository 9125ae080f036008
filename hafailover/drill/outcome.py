"""What came of a drill, as values: one for each exercise, and the verdict against the objectives."""

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Final

JSON_VERSION: Final = 1


class Verdict(Enum):
    """What a drill ends with; the value is what the report says."""

    MET = "met"
    MISSED = "missed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was verified."""

    what: str
    is_ok: bool
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One span of an exercise, in milliseconds from its beginning."""

    name: str
    begin_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The longest time without an answer, as one observer saw it, in milliseconds from the beginning.

    Attributes:
        move: Which part of the exercise it falls into.
        seen_from: Who asked, and how.
        step_ms: Time between two questions: the outage is known no better than that.
    """

    move: str
    seen_from: str
    begin_ms: int
    end_ms: int
    step_ms: int

    @property
    def length_ms(self) -> int:
        """How long it lasted."""
        return self.end_ms - self.begin_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One exercise that was run, to its end or to where it was given up."""

    scenario: str
    title: str
    problem: str = ""
    """Why it was given up; empty if it ran to its end."""
    checks: tuple[Check, ...] = ()
    phases: tuple[Phase, ...] = ()
    outages: tuple[Outage, ...] = ()
    writes_acknowledged: int = 0
    writes_lost: int | None = None
    """None: nobody could look."""
    write_stall_ms: int | None = None
    """The longest that a write waited beside a lost secondary; None in exercises that move the group."""
    length_ms: int = 0

    @property
    def outage_ms(self) -> int | None:
        """What clients felt at worst; None if nobody asked."""
        return max((each.length_ms for each in self.outages), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """What a drill is judged by, from the configuration."""

    outage_ms: int
    lost_writes: int
    write_stall_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """A whole drill."""

    name: str
    group: str
    node: str
    peer: str
    begun_at: str
    """ISO 8601, with the offset from UTC."""
    objectives: Objectives
    exercises: tuple[Exercise, ...] = ()
    refusal: str = ""
    """Why nothing was run."""
    left_behind: str = ""
    """How the group stands at the end, in words."""
    notes: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """Whether the objectives were met; an exercise that was given up is one that missed them."""
        if self.refusal or not self.exercises:
            return Verdict.NOT_RUN
        return Verdict.MISSED if any(map(self.misses, self.exercises)) else Verdict.MET

    def in_words(self) -> str:
        """Say in one sentence what came of it; the verdict is the beginning."""
        if self.refusal or not self.exercises:
            return f"{Verdict.NOT_RUN.value}: {self.refusal or 'there was nothing to run'}"
        missed = [
            f"{each.scenario}: {text}" for each in self.exercises for text in self.misses(each)
        ]
        return f"{self.verdict.value}: {'; '.join(missed) or 'every objective, in each exercise'}"

    def misses(self, exercise: Exercise) -> tuple[str, ...]:
        """Say what of the objectives and verifications an exercise missed."""
        found = [exercise.problem] if exercise.problem else []
        found += [f"{each.what}: {each.seen}" for each in exercise.checks if not each.is_ok]
        limits = self.objectives
        outage, lost, stall = exercise.outage_ms, exercise.writes_lost, exercise.write_stall_ms
        if outage is not None and outage > limits.outage_ms:
            found.append(f"outage {outage} ms, the objective is {limits.outage_ms} ms")
        if lost is not None and lost > limits.lost_writes:
            found.append(f"{lost} acknowledged writes lost, the objective is {limits.lost_writes}")
        if stall is not None and stall > limits.write_stall_ms:
            found.append(f"writes waited {stall} ms, the objective is {limits.write_stall_ms} ms")
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        document = asdict(self)
        for exercise, shown in zip(self.exercises, document["exercises"], strict=True):
            shown["outage_ms"] = exercise.outage_ms
            shown["misses"] = list(self.misses(exercise))
        return {"schema": JSON_VERSION, "verdict": self.verdict.value, **document}


def from_json(document: dict[str, Any]) -> Drill:
    """Return an earlier drill from its plain data.

    Raises:
        KeyError, TypeError, ValueError: It is none of this version.
    """
    if document["schema"] != JSON_VERSION:
        raise ValueError(f"schema {document['schema']}")
    fields = {name: document[name] for name in Drill.__dataclass_fields__}
    fields["objectives"] = Objectives(**fields["objectives"])
    fields["exercises"] = tuple(map(_exercise, fields["exercises"]))
    fields["notes"] = tuple(fields["notes"])
    return Drill(**fields)


def _exercise(document: dict[str, Any]) -> Exercise:
    fields = {name: document[name] for name in Exercise.__dataclass_fields__}
    for name, kind in (("checks", Check), ("phases", Phase), ("outages", Outage)):
        fields[name] = tuple(kind(**each) for each in fields[name])
    return Exercise(**fields)
