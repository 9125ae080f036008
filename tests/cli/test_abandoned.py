"""A configuration that does not name what this host has up is refused: no agent would look after it, nor stop it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hafailover.cli.check import check
from hafailover.lineage.changes import exported, touched
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.runtime.record_slots import SLOTS, encode_slot
from hafailover.system.host import BOOT_VARIABLE
from tests.cli.test_main import hafailover
from tests.config.texts import PAIR, changed

BOOT = "this-boot"
ENVIRONMENT = {"HAFAILOVER_LAB": "yes", BOOT_VARIABLE: BOOT}
FOUNDED = LineageRecord(sequence=1, lineage="aaaaaaaaaaaaaaaa", copy=CopyState.IN_SYNC)
SERVING = touched(FOUNDED, session="s", boot=BOOT, epoch=1)
FOLLOWING = exported(FOUNDED, session="s", boot=BOOT, is_rebuild=False)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(BOOT_VARIABLE, BOOT)
    (tmp_path / "lineage").mkdir()
    return tmp_path


def config(state: Path, text: str = PAIR) -> str:
    path = state / "hafailover.yaml"
    path.write_text(f"{text}paths: {{state: {state}, run: {state / 'run'}}}\n")
    return str(path)


def keep(state: Path, group: str, volume: str, record: LineageRecord) -> None:
    content = encode_slot(group, volume, record) * SLOTS
    (state / "lineage" / f"{group}.{volume}.record").write_bytes(content)


@pytest.mark.parametrize("record", [SERVING, FOLLOWING])
@pytest.mark.parametrize("old", ["  web:", "      data:"])
def test_a_name_that_is_taken_away_under_what_is_up_is_refused(
    state: Path, record: LineageRecord, old: str
) -> None:
    """With the file the agent would leave the mount, the address and the export to nobody."""
    keep(state, "web", "data", record)
    path = config(state, changed(old, old.replace(old.strip(), "other:")))

    checked = CliRunner().invoke(check, ["--config", path, "--node", "a", "--offline"])
    as_json = CliRunner().invoke(check, ["--config", path, "--node", "a", "--offline", "--json"])
    ran = hafailover("run", "--config", path, "--node", "a", **ENVIRONMENT)

    assert checked.exit_code == 78
    assert "web/data is in use on this host" in checked.stderr
    assert json.loads(as_json.stdout)["usable"] is False
    assert "web/data is in use on this host" in ran.stderr
    assert ran.returncode == 78


@pytest.mark.parametrize(
    ("group", "record"),
    [
        ("web", SERVING),
        ("old", FOUNDED),
        ("old", touched(FOUNDED, session="s", boot="an-earlier-boot", epoch=1)),
    ],
)
def test_what_is_named_or_is_not_up_is_no_reason(
    state: Path, group: str, record: LineageRecord
) -> None:
    keep(state, group, "data", record)

    ended = CliRunner().invoke(check, ["--config", config(state), "--node", "a", "--offline"])

    assert ended.exit_code == 0


def test_an_arbiter_is_not_changed_under_its_grant(state: Path) -> None:
    """The next life would not renew it: its watchdog, which nobody pats any more, resets the host."""
    (state / "run").mkdir()
    (state / "run" / "watchdog-armed").touch()

    ended = CliRunner().invoke(check, ["--config", config(state), "--node", "a", "--offline"])

    assert ended.exit_code == 78
    assert "serves by a grant of etcd" in ended.stderr


def test_a_record_that_cannot_be_read_is_named(state: Path) -> None:
    """It may be that of a volume that is up: nothing is concluded, and the remedy is told."""
    (state / "lineage" / "old.data.record").mkdir()

    ran = hafailover("run", "--config", config(state), "--node", "a", **ENVIRONMENT)

    assert ran.returncode == 71
    assert "old.data.record" in ran.stderr
    assert "move its record away" in ran.stderr
