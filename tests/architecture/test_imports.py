"""Who may import whom: the contracts in setup.cfg hold."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_import_contracts_are_kept() -> None:
    program = Path(sys.executable).parent / "lint-imports"

    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-4000:]


def test_every_process_of_a_running_agent_is_started_in_one_place() -> None:
    """Only there a real-time parent neither waits for its child nor passes its priority on."""
    starts = ("os.posix_spawn", "create_subprocess", "Popen(")
    found = {
        path.name
        for path in (ROOT / "hafailover" / "system").glob("*.py")
        if any(start in path.read_text() for start in starts)
    }

    # work starts fstat(1) and sysctl(8) from within a worker, which is an ordinary process.
    assert found == {"spawning.py", "work.py"}


def test_the_command_line_starts_without_the_heavy_parts() -> None:
    """A check of a file alone loads neither scapy nor an event loop."""
    code = (
        "import sys, hafailover.cli.check; "
        "print([m for m in ('scapy', 'asyncio', 'pyroute2') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "[]", done.stderr
