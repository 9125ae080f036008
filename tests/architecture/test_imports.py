"""Who may import whom: the contracts in setup.cfg hold."""

import re
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


def test_no_shell_and_no_environment_of_the_agents_reaches_a_child() -> None:
    """The few places where a whole environment is named are those that choose from it."""
    package = ROOT / "hafailover"
    shells = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0] not in {"lab", "emulation"}
        and re.search(r"shell=True|os\.system|os\.popen|[\"']/bin/sh[\"']", path.read_text())
    ]
    assert shells == []
    given = [
        f"{path.name}: {line.strip()}"
        for path in (package / "system").glob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"(?<!in )\bos\.environ\b(?!\.get)", line)
    ]
    # A worker's environment is already the one that the agent made for it.
    chosen = ("search_path(os.environ)", "python_environment(os.environ)")
    assert [line for line in given if not any(each in line for each in chosen)] == [
        "work.py: argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)]",
    ]


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
