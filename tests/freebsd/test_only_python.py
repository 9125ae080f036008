"""The suite asks of a FreeBSD host what it says: Python and pytest, under the names that packages give them."""

import re
import subprocess
import sys
from pathlib import Path

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
