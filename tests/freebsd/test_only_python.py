"""The suite asks of a FreeBSD host what it says: Python and pytest, under the names that packages give them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.freebsd.hosts import is_freebsd
from tests.freebsd.transcript import lasting

pytestmark = pytest.mark.skipif(is_freebsd(), reason="it runs itself here")
ROOT = Path(__file__).parents[2]
PARTS = ("contract", "hosts", "transcript", "wires", "wire_end")


def test_nothing_but_the_standard_library_is_imported() -> None:
    """Without site-packages (-S); what is not named here imports pytest, and one of these."""
    imports = "; ".join(f"import tests.freebsd.{part}" for part in PARTS)
    done = subprocess.run(
        [sys.executable, "-S", "-c", imports],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_document_starts_it_by_a_python_that_is_there() -> None:
    """The package python311 brings python3.11; python3 is one of its own."""
    text = (ROOT / "docs" / "freebsd.md").read_text()
    [line] = re.findall(r"^    (.*scripts/freebsd-conformance.*)$", text, re.MULTILINE)
    assert line.split()[0] == "python3.11"
    assert "pkg install python311 py311-pytest" in text


def test_the_script_runs_and_reports_with_nothing_but_pytest(tmp_path: Path) -> None:
    """One contract: no plug-in, and no fixture that only the whole suite would find."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "freebsd-conformance"), str(tmp_path), "01-md"],
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every contract is kept" in done.stdout
    report = (tmp_path / "report.txt").read_text()
    assert "1 passed" in report
    kept = (ROOT / "tests/freebsd/transcripts/emulated/01-md.txt").read_text().splitlines()
    assert lasting((tmp_path / "01-md.txt").read_text()) == kept
    assert "emulated/01-md.txt" not in report
