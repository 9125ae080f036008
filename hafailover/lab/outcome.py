"""What came of a scenario?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hafailover.lab.client import longest_outage
from hafailover.lab.observer import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hafailover.lab.client import Answered
    from hafailover.lab.observer import Sight, Verdict
    from hafailover.lab.scenario import Promise
    from hafailover.lab.workload.records import Acknowledgement


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    """When a phase of the scenario was, in milliseconds since the lab was up."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened, for the timeline."""

    at_ms: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one run; its fields are the keys of the JSON."""

    scenario: str
    passed: bool
    failures: tuple[str, ...]
    """Each a sentence; empty if passed."""
    outage_ms: int
    """Longest time without an answer to the client, from the first fault or order on."""
    writes_acked: int
    writes_lost: int
    """Acknowledged records that the surviving copy does not hold."""
    write_stall_ms: int
    """Longest time that one acknowledged write took."""
    both_mounted_ms: int
    both_addressed_ms: int
    address_without_mount_ms: int
    phases: tuple[PhaseTime, ...]
    timeline: tuple[Moment, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the outcome for ``json.dumps``."""
        return {"schema": 1, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured in one run."""

    begin_ns: int
    """The first fault or order."""
    end_ns: int
    answers: Sequence[Answered]
    acknowledged: Sequence[Acknowledgement]
    lost_on: Mapping[str, int]
    """By node: acknowledged records that its image does not hold after a power cut."""
    survivor: str | None
    """The node that had the volume in the end."""
    sights: Sequence[Sight]

    @property
    def verdict(self) -> Verdict:
        """What the invariants say of the whole run."""
        return judge(self.sights, self.end_ns)

    @property
    def outage_ms(self) -> int:
        """Longest time without an answer."""
        return longest_outage(self.answers, self.begin_ns, self.end_ns).milliseconds

    @property
    def writes_lost(self) -> int:
        """Acknowledged records missing on the survivor; with none, on the better of both copies."""
        if self.survivor is not None:
            return self.lost_on[self.survivor]
        return min(self.lost_on.values(), default=len(self.acknowledged))

    @property
    def write_stall_ms(self) -> int:
        """Longest time that one acknowledged write took."""
        spans = [p.acknowledged_ns - p.begun_ns for p in self.acknowledged]
        return round(max(spans, default=0) / 1e6)


def broken(promise: Promise, evidence: Evidence) -> list[str]:
    """Return a sentence for every promise that was not kept."""
    verdict = evidence.verdict
    rows: list[tuple[str, int, int | None]] = [
        ("acknowledged writes lost", evidence.writes_lost, promise.writes_lost),
        ("ms without an answer to the client", evidence.outage_ms, promise.outage_ms),
        ("ms that one write took", evidence.write_stall_ms, promise.write_stall_ms),
        ("ms with both nodes mounted", verdict.both_mounted_ms, promise.both_mounted_ms),
        ("ms with the address on both", verdict.both_addressed_ms, promise.both_addressed_ms),
        (
            "ms with the address where the volume is not",
            verdict.address_without_mount_ms,
            promise.address_without_mount_ms,
        ),
    ]
    found = [
        f"{value} {what}, at most {limit} were promised"
        for what, value, limit in rows
        if limit is not None and value > limit
    ]
    if not evidence.acknowledged:
        found.append("not one write was acknowledged: the run shows nothing")
    return found
