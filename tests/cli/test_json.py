"""What is printed for programs fits the schemas that are published, and they are all described."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema.exceptions import ValidationError

from hafailover.cli.check import check
from hafailover.cli.status import status
from hafailover.group.view import describe
from hafailover.sim.world import World
from hafailover.units import SECOND, Instant
from hafailover.web.answers import answer
from tests.cli.json_schemas import NAMES, assert_fits, validator
from tests.cli.test_daily import CONFIGURATION
from tests.cli.test_status_text import DOCUMENT
from tests.drill.test_outcome import DRILL
from tests.sim.worlds import running
from tests.web.test_answers import NOTHING, heard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_described_and_has_a_version(name: str) -> None:
    schema = validator(name).schema
    assert schema["title"]
    assert {"const": 1} in (schema["properties"].get("schema"), schema["properties"].get("version"))
    assert f"json/{name}.schema.json" in (ROOT / "docs" / "json.md").read_text()


def test_a_schema_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValidationError):
        validator("status").validate({"schema": 2, "groups": []})
    with pytest.raises(ValidationError):
        validator("drill").validate({**DRILL.to_json(), "verdict": "splendid"})


def described(world: World) -> list[dict[str, Any]]:
    now = Instant(world.timeline.now)
    agents = [host.agent for host in world.hosts if host.agent is not None]
    return [describe(agent.state, agent.settings, now) for agent in agents]


def test_the_status_fits_in_good_and_bad_days() -> None:
    world = running()
    days = described(world)
    world.power_off("A")
    for _ in range(16):
        world.run_for(SECOND)
        days += described(world)
    world.power_on("A")
    for _ in range(12):
        world.run_for(SECOND // 2)
        days += described(world)
    for group in days:
        assert_fits("status", {**DOCUMENT, "groups": [json.loads(json.dumps(group))]})


def test_the_status_without_an_agent_fits() -> None:
    ended = CliRunner().invoke(status, ["--json", "--socket", "/nowhere/control.sock"])
    assert_fits("status", json.loads(ended.output))


def test_the_check_fits_for_a_usable_file_and_another(tmp_path: Path) -> None:
    config = tmp_path / "hafailover.yaml"
    for text in (CONFIGURATION.replace("@DIR@", str(tmp_path)), "version: 1\n"):
        config.write_text(text)
        ended = CliRunner().invoke(check, ["--config", str(config), "--offline", "--json"])
        assert_fits("check", json.loads(ended.output))


def test_a_drill_fits() -> None:
    assert_fits("drill", json.loads(json.dumps(DRILL.to_json())))


@pytest.mark.parametrize("path", ["/health", "/primary", "/secondary"])
def test_a_judgement_over_http_fits(path: str) -> None:
    for what in (heard(), NOTHING):
        assert_fits("judgement", json.loads(answer(path, what).body))
