"""Every benchmark still works. What it measures here, on a busy machine, is looked at by nobody."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("address_takeover", "data_failover", "many_groups", "at_rest", "under_fsck")


def play(name: str, directory: Path) -> list[dict[str, object]]:
    result = directory / f"{name}.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", "--smoke", "--json", str(result)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    figures: list[dict[str, object]] = json.loads(result.read_text())["figures"]
    assert figures
    return figures


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_works(name: str, tmp_path: Path) -> None:
    able = os.geteuid() == 0 and shutil.which("keepalived") and os.access("/dev/fuse", os.W_OK)
    if not able:
        assert os.environ.get("CI") != "true", "needs root, keepalived and /dev/fuse"
        pytest.skip("needs root, keepalived and /dev/fuse")
    play(name, tmp_path)


@pytest.mark.slow
def test_the_machine_room_works(tmp_path: Path) -> None:
    assert len(play("machine_room", tmp_path)) > 5
