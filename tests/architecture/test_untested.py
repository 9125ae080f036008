"""What a test run left out is named in one line, so that nobody takes it for tested."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "untested"


def run(report: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, report], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.strip()


def write(directory: Path, *cases: str) -> Path:
    report = directory / "report.xml"
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return report


def test_a_run_without_gaps_is_silent(tmp_path: Path) -> None:
    assert run(write(tmp_path, "<testcase/>", "<testcase/>")) == (0, "")


def test_gaps_are_counted_by_reason(tmp_path: Path) -> None:
    root = '<testcase><skipped message="needs root"/></testcase>'
    peer = '<testcase><skipped message="needs keepalived"/></testcase>'

    assert run(write(tmp_path, root, peer, root, "<testcase/>")) == (
        1,
        "not tested on this host: needs root (2); needs keepalived (1)",
    )


def test_a_run_that_broke_off_tested_nothing(tmp_path: Path) -> None:
    assert run(tmp_path / "absent")[0] == 1
