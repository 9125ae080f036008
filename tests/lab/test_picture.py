"""The picture of a run shows what was seen, where it was seen."""

from __future__ import annotations

from hafailover.lab.client import Answered
from hafailover.lab.observer import Sight
from hafailover.lab.outcome import Evidence, PhaseTime
from hafailover.lab.picture import lanes, phase_lanes
from hafailover.lab.progress import bar

SECOND = 1_000_000_000


def _sight(at_s: float, powered: str, mounted: str, addressed: str) -> Sight:
    return Sight(
        at_ns=int(at_s * SECOND),
        powered=frozenset(powered),
        mounted=frozenset(mounted),
        addressed=frozenset(addressed),
    )


def test_lanes() -> None:
    answered = [0.5, 1.5, 2.5, 7.5, 8.5, 9.5]
    evidence = Evidence(
        begin_ns=0,
        end_ns=10 * SECOND,
        answers=[
            Answered(at_ns=int(at * SECOND), asked_ns=0, node="A", mac="m") for at in answered
        ],
        acknowledged=[],
        lost_on={},
        survivor="B",
        sights=[
            _sight(0, "AB", "A", "A"),
            _sight(2.5, "B", "", ""),
            _sight(5.5, "B", "B", ""),
            _sight(6.5, "AB", "B", "B"),
        ],
    )
    assert lanes(evidence, 0, width=20) == [
        "          0 s       5 s",
        "A         ████        ────────",
        "B         ──────────▄▄████████",
        "client     █ █ █         █ █ █",
    ]


def test_phases_are_named_where_they_begin() -> None:
    phases = [
        PhaseTime(name="settled", start_ms=0, end_ms=500),
        PhaseTime(name="takeover", start_ms=500, end_ms=1000),
    ]
    assert phase_lanes(phases, 1000, width=40) == [" " * 10 + "|settled            |takeover"]


def test_phases_that_need_more_room_get_a_lane_of_their_own_and_stay_in_the_picture() -> None:
    phases = [
        PhaseTime(name="settled", start_ms=0, end_ms=100),
        PhaseTime(name="takeover", start_ms=100, end_ms=900),
        PhaseTime(name="failback", start_ms=900, end_ms=1000),
    ]
    assert [lane[10:] for lane in phase_lanes(phases, 1000, width=40)] == [
        "|settled" + " " * 20 + "failback|",
        "    |takeover",
    ]


def test_the_bar_grows() -> None:
    assert bar(0) == f"rebuild [{'·' * 40}]   0 %"
    assert bar(50).count("█") == 20
    assert bar(100) == f"rebuild [{'█' * 40}] 100 %"
