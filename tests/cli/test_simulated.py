"""The lab's scenarios in the simulator: for machines on which nobody may make namespaces."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hafailover.cli.lab import SCENARIOS, lab
from hafailover.lab import sandbox
from hafailover.lab.scenario import Fault, Verb, load
from tests.cli.json_schemas import assert_fits

ROOT = Path(__file__).parents[2]
PLAYED = (
    "lan-cut",
    "primary-agent-killed",
    "primary-power",
    "replication-cut",
    "return-and-rebuild",
    "secondary-power",
    "switchover",
)


def run(*words: str) -> Result:
    return CliRunner().invoke(lab, ["run", *words])


@pytest.mark.parametrize("name", PLAYED)
def test_a_scenario(name: str) -> None:
    ended = run("--simulated", "--json", name)
    outcome = json.loads(ended.output)
    assert_fits("lab", outcome)
    assert outcome["passed"], outcome["failures"]
    assert ended.exit_code == 0
    assert outcome["scenario"] == name
    assert outcome["writes_acked"] > 50
    assert outcome["writes_lost"] == outcome["both_mounted_ms"] == 0
    assert outcome["phases"][0]["name"] == "settled"


def test_the_takeover_is_told_in_order_with_picture_and_table() -> None:
    ended = run("--simulated", "primary-power")
    told = [
        "In the simulator",
        "fault: power-off A",
        "B has the volume mounted",
        "B has the floating address",
        "|takeover",
        "stands by",
        "writes lost                      0",
        "passed",
    ]
    places = [ended.output.find(words) for words in told]
    assert -1 not in places
    assert places == sorted(places)
    [outage] = [line.split()[1] for line in ended.output.splitlines() if "outage" in line]
    assert 3000 < int(outage) < 20000


def test_what_does_not_come_true_fails(tmp_path: Path) -> None:
    story = tmp_path / "story.yaml"
    story.write_text("about: x\nsteps: [{wait: {primary: B, within: 20s}}]\n")
    ended = run("--simulated", str(story))
    assert ended.exit_code == 1
    assert "step 1: within 20.0 s not: B has the volume mounted" in ended.output


def test_a_fault_that_only_the_lab_knows_is_refused() -> None:
    beyond = [
        path.stem
        for path in SCENARIOS.glob("*.yaml")
        for step in load(path).steps
        if isinstance(step, Fault) and step.verb is Verb.MEMBER
    ]
    ended = run("--simulated", beyond[0])
    assert ended.exit_code == 1
    assert "only the lab can" in ended.output


def test_the_lab_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "missing", lambda: "The lab needs more.")
    ended = run("primary-power")
    assert ended.exit_code == 69
    assert "The lab needs more." in ended.output


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The demo's script beside an environment in which the lab's command is played."""
    for path in ("scripts/demo", "scripts/venv", ".venv/bin/python"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "scripts/demo").write_bytes((ROOT / "scripts/demo").read_bytes())
    (tmp_path / "scripts/venv").write_text("#!/bin/sh\n")
    (tmp_path / ".venv/bin/python").write_text(
        '#!/bin/sh\necho "$@"\ncase "$*" in *--simulated*) exit 0;; *) exit "$LAB";; esac\n'
    )
    for path in ("scripts/demo", "scripts/venv", ".venv/bin/python"):
        (tmp_path / path).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("lab_status", "words", "played", "status"),
    [
        (0, [], ["return-and-rebuild"], 0),
        (1, ["switchover"], ["switchover"], 1),
        (69, [], ["return-and-rebuild", "--simulated return-and-rebuild"], 0),
        (69, ["switchover"], ["switchover", "--simulated switchover"], 0),
        (0, ["--simulated", "lan-cut"], ["--simulated lan-cut"], 0),
    ],
)
def test_the_demo_falls_back_to_the_simulator(
    checkout: Path, lab_status: int, words: list[str], played: list[str], status: int
) -> None:
    ended = subprocess.run(
        [checkout / "scripts/demo", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LAB": str(lab_status)},
    )
    lines = ended.stdout.splitlines()
    assert [line for line in lines if line.startswith("-m")] == [
        f"-m hafailover lab run {words}" for words in played
    ]
    assert ended.returncode == status
    assert any("simulator" in line for line in lines) == ("--simulated" in played[-1])


def test_a_misspelt_scenario_is_answered_with_the_nearest_name() -> None:
    ended = run("primry-power")

    assert ended.exit_code == 2
    assert 'did you mean "primary-power"?' in ended.output
