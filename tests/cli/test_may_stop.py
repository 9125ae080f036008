"""Whether a host may be stopped: only who serves alone takes data away."""

import json
from pathlib import Path
from typing import Any

import pytest

from hafailover.cli.may_stop import missing
from tests.cli.json_schemas import assert_fits
from tests.cli.test_main import hafailover

VOLUME: dict[str, Any] = {"rebuild_percent": None}
GROUP: dict[str, Any] = {
    "group": "web",
    "role": "primary",
    "in_sync": True,
    "volumes": [VOLUME],
    "peer": {"name": "B", "heard": True},
}


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({}, ""),
        ({"in_sync": False}, "web: the copy of B is not in sync"),
        ({"in_sync": False, "role": "standby"}, ""),
        ({"in_sync": False, "volumes": []}, ""),
        ({"peer": {"name": "B", "heard": False}}, "web: B is not heard"),
        (
            {"in_sync": False, "volumes": [VOLUME, {"rebuild_percent": 42}]},
            "web: the copy of B is not in sync, it is being rebuilt, 42 %",
        ),
    ],
)
def test_only_who_serves_alone_takes_data_away(differs: dict[str, Any], said: str) -> None:
    assert missing({**GROUP, **differs}) == said


def test_without_an_agent_nobody_knows(tmp_path: Path) -> None:
    ended = hafailover("may-stop", "--socket", str(tmp_path / "none.sock"))
    assert ended.returncode == 3
    assert "no agent answers at" in ended.stderr

    ended = hafailover("may-stop", "--json", "--socket", str(tmp_path / "none.sock"))
    document = json.loads(ended.stdout)
    assert ended.returncode == 3
    assert_fits("may-stop", document)
    assert document["may_stop"] is None
