"""The page says what was measured, beside what, and which goals were missed."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.figures import Figure, load, save
from benchmarks.parts import PARTS

FAST = Figure(
    what="takeover <quiet>",
    value=100.0,
    unit="ms",
    beside="keepalived",
    other=99.0,
    goal=1.02,
    goal_is="ratio at most",
    bound="three intervals",
)
SLOW = Figure(
    what="runs", value=4.5, unit="1/s", goal=100.0, goal_is="value at least", bound="Python"
)


@pytest.mark.parametrize(
    ("goal_is", "value", "other", "is_met"),
    [
        ("value at most", 5.0, None, True),
        ("value at most", 5.1, None, False),
        ("value at least", 5.0, None, True),
        ("value at least", 4.9, None, False),
        ("ratio at most", 10.0, 2.0, True),
        ("ratio at most", 10.1, 2.0, False),
        ("ratio at least", 9.9, 2.0, False),
        ("ratio at least", 10.0, None, None),
    ],
)
def test_a_goal_is_judged(
    goal_is: str, value: float, other: float | None, is_met: bool | None
) -> None:
    figure = Figure(what="w", value=value, unit="u", other=other, goal=5.0, goal_is=goal_is)
    assert figure.is_met is is_met


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path / "x.json", "x", [FAST, SLOW])
    assert load(tmp_path / "x.json") == [FAST, SLOW]


def test_the_page_names_the_goals_that_were_missed(tmp_path: Path) -> None:
    save(tmp_path / "address_takeover.json", "address_takeover", [FAST])
    save(tmp_path / "machine_room.json", "machine_room", [SLOW])
    report.write(tmp_path, tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "1 of 2 goals were met. Missed:" in page
    assert "- runs: 4.5 1/s, goal at least 100 1/s. Bounded by Python." in page
    assert "Not measured this time: Failover of data, beside scripts written by hand; " in page
    row = "| takeover <quiet> | 100 ms | keepalived: 99 | 1.01 | at most 1.02 times: met | three intervals |"
    assert row in page
    for name in ("address_takeover", "machine_room"):
        ET.parse(tmp_path / "performance" / f"{name}.svg")  # noqa: S314 - just written


def test_the_page_says_why_a_goal_is_missed(tmp_path: Path) -> None:
    simulator = Figure(
        what="simulator: three-fault schedules per second and core",
        value=4.5,
        unit="1/s",
        goal=100.0,
        goal_is="value at least",
    )
    save(tmp_path / "machine_room.json", "machine_room", [simulator])
    report.write(tmp_path, tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "## Where a goal is missed, and why" in page
    assert "**The simulator.**" in page
    assert "**The start.**" not in page


def test_growth_shows_where_the_scale_is_one() -> None:
    """Bars of different figures can be compared; elsewhere the longer one of each has the whole width."""
    rows = [
        Figure(
            what=f"outage, return, {size} MB", value=100.0, unit="ms", beside="scripts", other=other
        )
        for size, other in ((64, 200.0), (1024, 400.0))
    ]
    data, cost = (
        next(part for part in PARTS if part.name == name)
        for name in ("data_failover", "many_groups")
    )
    assert widths(report.picture(data, rows)) == [75.0, 150.0, 75.0, 300.0]
    assert widths(report.picture(replace(cost, pictured=("outage",)), rows)) == [150, 300, 75, 300]
    assert widths(report.picture(data, [FAST])) == []


def widths(svg: str) -> list[float]:
    root = ET.fromstring(svg)  # noqa: S314 - just drawn
    _, *found = root.iter("{http://www.w3.org/2000/svg}rect")
    return [float(each.attrib["width"]) for each in found]
