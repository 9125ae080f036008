"""Each scenario of the lab, played by the command that a person uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hafailover.cli.lab import SCENARIOS
from hafailover.lab import sandbox

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="session")
def lab_possible() -> None:
    missing = sandbox.missing()
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


CORPUS = Path(__file__).parents[1] / "scenarios"
FROM_CORPUS = ("story-one-switchover-there-and-back",)
"""Of the stories that the simulator plays with every change: what is played with real agents, too."""


@pytest.mark.usefixtures("lab_possible")
@pytest.mark.parametrize(
    "name", [*sorted(path.stem for path in SCENARIOS.glob("*.yaml")), *FROM_CORPUS]
)
def test_scenario(name: str) -> None:
    story = str(CORPUS / f"{name}.yaml") if name in FROM_CORPUS else name
    command = [sys.executable, "-m", "hafailover", "lab", "run", story, "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout, ended.stderr
    outcome = json.loads(ended.stdout)
    told = "\n".join(f"{moment['at_ms']:8} {moment['what']}" for moment in outcome["timeline"])
    assert outcome["passed"], f"{outcome['failures']}\n{told}"
    assert ended.returncode == 0
    assert outcome["scenario"] == name
    assert outcome["writes_acked"] > 100
    assert outcome["writes_lost"] == outcome["both_mounted_ms"] == 0
    assert outcome["address_without_mount_ms"] == 0
    assert all(phase["start_ms"] <= phase["end_ms"] for phase in outcome["phases"])


@pytest.mark.usefixtures("lab_possible")
def test_alerts_reach_the_command_that_the_configuration_names() -> None:
    with tempfile.TemporaryDirectory() as short:  # UNIX sockets have short names
        story = Path(short) / "story.yaml"
        # Alerts are delivered by a process of low priority: on a busy host that takes a while.
        story.write_text(
            "about: x\nsteps: [{wait: {primary: A, writes: 20, within: 90s}}, {pass: 8s}]\n"
        )
        command = [sys.executable, "-m", "hafailover", "lab", "run", "--keep", str(story)]
        environment = {**os.environ, "TMPDIR": short}
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        [log] = Path(short).glob("*/A/var/log/alerts.jsonl")
        alerts = [json.loads(line) for line in log.read_text().splitlines()]
    # A busy host can have been late before it served, and says so first.
    [served] = [each for each in alerts if each["text"].startswith("A serves")]
    assert (served["node"], served["group"], served["state"]) == ("A", "web", "raised")
