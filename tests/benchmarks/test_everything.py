"""A benchmark that fails takes nothing away from the others, and the page names it."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import everything
from benchmarks.figures import Figure, Scale, all_of, lacking, load, main, save
from benchmarks.parts import PARTS, Part

FIRST, SECOND, THIRD = PARTS[:3]
FIGURE = Figure(what="w", value=1.0, unit="ms", beside="keepalived", other=2.0)


def command(docs: Path, broken: dict[str, str]) -> everything.Command:
    """Have each part save one figure, but for those that do something else."""

    def words(part: Part) -> list[str]:
        target = docs / "performance" / f"{part.name}.json"
        document = json.dumps({"benchmark": part.name, "figures": [FIGURE_ROW]})
        code = f"from pathlib import Path; Path({str(target)!r}).write_text({document!r})"
        return [sys.executable, "-c", broken.get(part.name, code)]

    return words


FIGURE_ROW = {"what": "w", "value": 1.0, "unit": "ms", "beside": "keepalived", "other": 2.0}


def test_a_part_that_fails_is_named_and_the_others_are_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = {SECOND.name: "raise SystemExit(3)"}
    assert not everything.run([FIRST, SECOND, THIRD], tmp_path, command(tmp_path, broken))
    page = (tmp_path / "performance.md").read_text()
    assert f"## {FIRST.title}" in page
    assert f"## {THIRD.title}" in page
    assert f"## {SECOND.title}" not in page
    assert f"{SECOND.title} (not to its end: ended with status 3)" in page
    assert f"failed: {SECOND.name}" in capfd.readouterr().out


def test_a_part_that_does_not_end_is_ended(tmp_path: Path) -> None:
    short = replace(FIRST, minutes=0.0)
    broken = {FIRST.name: "import time; time.sleep(60)"}
    assert not everything.run([short, THIRD], tmp_path, command(tmp_path, broken), limit_s=1.0)
    assert lacking(tmp_path / "performance" / f"{FIRST.name}.json") == "not done after 0 minutes"
    assert load(tmp_path / "performance" / f"{THIRD.name}.json") == [FIGURE]


def test_what_an_earlier_run_measured_does_not_stand_for_what_fails(tmp_path: Path) -> None:
    old = tmp_path / "performance"
    old.mkdir()
    for part in (FIRST, THIRD):
        save(old / f"{part.name}.json", part.name, [FIGURE])
    assert not everything.run([FIRST], tmp_path, command(tmp_path, {FIRST.name: "1/0"}))
    assert load(old / f"{FIRST.name}.json") == []
    assert load(old / f"{THIRD.name}.json") == [FIGURE]


def test_figures_before_a_failure_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(scale: Scale) -> Iterator[Figure]:
        yield FIGURE
        raise TimeoutError("nobody took over")

    path = tmp_path / "x.json"
    monkeypatch.setattr(sys, "argv", ["x", "--json", str(path)])
    with pytest.raises(SystemExit):
        main("x", "about", run)
    assert load(path) == [FIGURE]
    assert lacking(path) == "TimeoutError: nobody took over"


def test_a_source_that_fails_takes_nothing_from_the_others() -> None:
    def broken() -> list[Figure]:
        raise TimeoutError("nobody took over")

    seen: list[Figure] = []
    with pytest.raises(RuntimeError, match="nobody took over"):
        seen.extend(all_of(lambda: [FIGURE], broken, lambda: [FIGURE]))
    assert seen == [FIGURE, FIGURE]


def test_the_plan_adds_up() -> None:
    lines = everything.plan([FIRST, SECOND]).splitlines()
    assert lines[-1].split()[0] == f"{FIRST.minutes + SECOND.minutes:.1f}"
    assert sum(part.minutes for part in PARTS) < 29
