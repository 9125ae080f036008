"""Every benchmark still works. What it measures here, on a busy machine, is looked at by nobody."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import everything
from benchmarks.parts import PARTS

ROOT = Path(__file__).parents[2]


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_a_benchmark_works(name: str) -> None:
    if lack := everything.missing():
        assert os.environ.get("CI") != "true", lack
        pytest.skip(lack)
    command = ["scripts/bench", "--smoke", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"== {name}: done" in done.stdout
