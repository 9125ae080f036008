"""The verdict of a drill, what is kept of it, and the page that tells of it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hafailover.drill.outcome import (
    Check,
    Drill,
    Exercise,
    Objectives,
    Outage,
    Phase,
    Verdict,
    from_json,
)
from hafailover.drill.report import render, span_text
from hafailover.drill.shelf import KEPT, Shelf
from hafailover.override import override

OUTAGE = Outage(
    move="move to B",
    seen_from="this node by ICMP to 192.0.2.10",
    begin_ms=2000,
    end_ms=5400,
    step_ms=50,
)
EXERCISE = Exercise(
    scenario="planned",
    title="A planned move <and back>",
    checks=(Check(what="B takes writes", is_ok=True, seen="5 marks on disk"),),
    phases=(Phase(name="A lets go", begin_ms=2000, end_ms=3100),),
    outages=(OUTAGE,),
    writes_acknowledged=91,
    writes_lost=0,
    length_ms=21_000,
)
DRILL = Drill(
    name="20261122T030000-aa",
    group="web",
    node="A",
    peer="B",
    begun_at="2026-11-22T03:00:00+01:00",
    objectives=Objectives(outage_ms=5_000, lost_writes=0, write_stall_ms=5_000),
    exercises=(EXERCISE,),
    left_behind="A serves; both copies are in sync",
)


def verdict_of(**changes: object) -> Verdict:
    exercise = replace(EXERCISE, **changes)  # type: ignore[arg-type]
    return replace(DRILL, exercises=(exercise,)).verdict


def test_objectives_that_are_kept_are_met() -> None:
    assert DRILL.verdict is Verdict.MET
    assert verdict_of(outages=(replace(OUTAGE, end_ms=7_000),)) is Verdict.MET
    assert verdict_of(write_stall_ms=5_000) is Verdict.MET


def test_each_objective_can_be_missed() -> None:
    assert verdict_of(outages=(OUTAGE, replace(OUTAGE, end_ms=7_001))) is Verdict.MISSED
    assert verdict_of(writes_lost=1) is Verdict.MISSED
    assert verdict_of(write_stall_ms=5_001) is Verdict.MISSED
    assert verdict_of(checks=(Check(what="x", is_ok=False, seen="y"),)) is Verdict.MISSED
    assert verdict_of(problem="interrupted") is Verdict.MISSED


def test_what_was_not_run_is_neither_met_nor_missed() -> None:
    assert replace(DRILL, exercises=()).verdict is Verdict.NOT_RUN
    assert replace(DRILL, exercises=(), refusal="not healthy").verdict is Verdict.NOT_RUN


def test_a_drill_is_kept_and_found_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(DRILL)
    shelf.put(replace(DRILL, name="20261123T030000-bb", group="mail"))
    (tmp_path / "drills" / "20261124T030000-cc.json").write_text("{broken")
    (tmp_path / "drills" / "20261125T030000-dd.json").write_text('{"schema": 99}')

    assert shelf.earlier("web") == (DRILL,)
    assert from_json(json.loads(json.dumps(DRILL.to_json()))) == DRILL


def test_only_so_many_drills_are_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    directory = tmp_path / "drills"
    directory.mkdir()
    for number in range(KEPT + 3):
        (directory / f"2025-{number:05}.json").write_text("{}")
    shelf.put(DRILL)
    kept = sorted(path.name for path in directory.iterdir())
    assert len(kept) == KEPT
    assert kept[-1] == f"{DRILL.name}.json"


_WITHOUT_END = ("meta", "line", "rect")


class Page(HTMLParser):
    """Counts what stands on a page, and finds what does not fit together."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in _WITHOUT_END:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag not in _WITHOUT_END:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_no_other_file() -> None:
    text = render(DRILL, [])
    page = Page(text)
    assert page.addresses == []
    assert page.seen.count("svg") == 1
    assert page.seen.count("rect") == 2
    assert "script" not in page.seen
    assert "url(" not in text
    assert "&lt;and back&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "3.4 s" in text


def test_the_page_compares_with_earlier_drills() -> None:
    earlier = replace(DRILL, name="20261101T030000-zz", begun_at="2026-11-01T03:00:00+01:00")
    assert "Beside earlier drills" not in render(DRILL, [])
    text = render(DRILL, [earlier])
    Page(text)
    assert "Beside earlier drills" in text
    assert text.index("(this one)") < text.index("2026-11-01")


def test_the_page_of_a_refused_drill_says_why() -> None:
    text = render(replace(DRILL, exercises=(), refusal="the pair is not healthy"), [])
    Page(text)
    assert "Nothing was run: the pair is not healthy." in text


@pytest.mark.parametrize("length_ms", [1, 99, 1_000, 61_000, 7_200_000])
def test_the_axis_has_a_readable_number_of_ticks(length_ms: int) -> None:
    text = render(replace(DRILL, exercises=(replace(EXERCISE, length_ms=length_ms),)), [])
    assert 1 <= len(re.findall("class='tick'", text)) <= 9


@pytest.mark.parametrize(
    ("span", "text"),
    [(None, "not measured"), (999, "999 ms"), (12_400, "12.4 s"), (200_000, "3 min 20 s")],
)
def test_spans_are_said_in_words(span: int | None, text: str) -> None:
    assert span_text(span) == text


def test_what_came_of_it_is_one_sentence() -> None:
    assert DRILL.in_words().startswith(DRILL.verdict.value)
    assert replace(DRILL, refusal="paused").in_words() == "not run: paused"
    slow = replace(DRILL, objectives=replace(DRILL.objectives, outage_ms=1))
    assert slow.in_words().startswith("missed: planned: ")


def test_the_report_is_drawn_by_a_browser_and_fits_on_paper(tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    page = tmp_path / "report.html"
    page.write_text(render(DRILL, [DRILL, DRILL]), encoding="utf-8")
    words = [chromium, "--headless", "--no-sandbox", "--disable-gpu"]
    words += [f"--user-data-dir={tmp_path}/c"]
    on_paper = f"--print-to-pdf={tmp_path}/report.pdf"

    drawn = subprocess.run(
        [*words, "--virtual-time-budget=1000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    subprocess.run([*words, on_paper, page.as_uri()], capture_output=True, check=False, timeout=100)

    assert "A lets go" in drawn.stdout, drawn.stderr
    assert "<svg" in drawn.stdout
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
