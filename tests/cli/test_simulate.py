"""``hafailover simulate``: summary, story, exit status, and the command that repeats a broken run."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hafailover.cli.simulate import simulate
from hafailover.sim import matrix, partitions
from hafailover.sim.workload import Workload
from tests.cli.json_schemas import assert_fits

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "web-pair.yaml"


def play(*words: str) -> Result:
    return CliRunner().invoke(simulate, list(words))


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disks on which the first acknowledged record cannot be found again."""
    monkeypatch.setattr(Workload, "lost", lambda _self, _host: [("sites", 1, 1)])


def test_a_few_runs_are_summed_up() -> None:
    ended = play("--seeds", "3")

    assert ended.exit_code == 0, ended.output
    assert ended.output.startswith("3 runs with arbiter ping, ")
    assert "promises broken          0\n" in ended.output


def test_the_json_says_the_same() -> None:
    ended = play("--seeds", "3", "--arbiter", "none", "--json")

    found = json.loads(ended.output)
    assert ended.exit_code == 0
    assert_fits("simulate", found)
    assert (found["arbiter"], found["runs"], found["broken"]) == ("none", 3, [])
    assert found["simulated_s"] > 10


def test_one_run_is_told_as_a_story() -> None:
    ended = play("--seed", "2")

    assert ended.exit_code == 0
    assert "POWER ON" in ended.output
    assert "mount -t ufs" in ended.output
    assert ended.output.splitlines()[-1].startswith("no promise broken")


def test_one_run_as_json() -> None:
    ended = play("--seed", "2", "--json")

    found = json.loads(ended.output)
    assert_fits("simulate", found)
    assert found["is_good"] is True
    assert found["seed"] == 2
    assert len(found["faults"]) == 3


@pytest.mark.usefixtures("forgetful")
def test_a_broken_promise_is_named_made_small_and_can_be_repeated() -> None:
    ended = play("--seeds", "1", "--json")

    assert_fits("simulate", json.loads(ended.output))
    broken = json.loads(ended.output)["broken"]
    assert ended.exit_code == 1
    assert [each["invariant"] for each in broken[0]["violations"]] == ["S5", "L2"]
    assert broken[0]["smallest"] == []
    again = CliRunner().invoke(simulate, broken[0]["command"].split()[2:])
    assert again.exit_code == 1
    assert again.output.splitlines()[-1].startswith("broken: ")


@pytest.mark.usefixtures("forgetful")
def test_the_summary_prints_the_command_that_repeats_a_broken_run() -> None:
    ended = play("--seeds", "1")

    assert ended.exit_code == 1
    assert "  repeat it: hafailover simulate --seed 1 --arbiter ping\n" in ended.output


def test_a_matrix_is_printed_for_every_group_of_a_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which faults there are is cut down here; what they do is tested with the simulator."""
    rows, cuts = matrix.rows, partitions.partitions
    monkeypatch.setattr(matrix, "rows", lambda arbiter: rows(arbiter)[6:7])
    monkeypatch.setattr(partitions, "partitions", lambda arbiter: cuts(arbiter)[:1])

    ended = play("--config", str(EXAMPLE))
    found = play("--json")

    assert ended.exit_code == 0, ended.output
    assert "a switchover is ordered  B" in ended.output
    assert "in none of them both nodes write" in ended.output
    document = json.loads(found.output)
    assert_fits("simulate", document)
    assert [each["fault"] for each in document["groups"][0]["faults"]] == [
        "a switchover is ordered"
    ]


def test_a_configuration_with_nothing_to_simulate_is_refused() -> None:
    ended = play("--config", str(EXAMPLE.with_name("plain-vrrp.yaml")))

    assert ended.exit_code == 1
    assert "nothing to simulate" in ended.output


def test_a_part_of_an_exploration_is_named_and_what_is_none_is_refused() -> None:
    ended = play("--explore", "1", "--part", "1/200", "--json")

    found = json.loads(ended.output)
    assert_fits("simulate", found)
    assert ended.exit_code == 0, ended.output
    assert found["part"] == [1, 200]
    for text in ("3/2", "0/2", "2", "a/b"):
        refused = play("--explore", "1", "--part", text)
        assert refused.exit_code == 2
        assert f"{text} names no part" in refused.output


@pytest.mark.parametrize(
    "arguments",
    [("--part", "1/2"), ("--explore", "1", "--seeds", "3"), ("--explore", "1", "--seed", "3")],
)
def test_an_option_that_would_be_passed_over_is_refused(arguments: tuple[str, ...]) -> None:
    refused = play(*arguments)

    assert refused.exit_code == 2
    assert "--explore" in refused.stderr


def test_an_undisturbed_story_is_explored() -> None:
    ended = play("--explore", "0")

    assert ended.exit_code == 0, ended.output
    assert "promises broken       0" in ended.output
