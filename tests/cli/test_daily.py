"""The commands of every day: forces that have to be typed, moments and spans, the live page, completion, support."""

import json
import subprocess
import sys
import tarfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest
from click.testing import CliRunner

from hafailover.cli import orders
from hafailover.cli.completion import completion
from hafailover.cli.history import history
from hafailover.cli.journal_files import read_moment
from hafailover.cli.live_text import render_live
from hafailover.cli.support import HIDDEN, support
from tests.cli.json_schemas import assert_fits
from tests.cli.test_status_text import DOCUMENT, GROUP

ROOT = Path(__file__).parents[2]


class Client:
    """Stands where the control client does, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def __init__(self, path: Path) -> None:
        assert path.name == "control.sock"

    def ask(self, word: str, group: str | None, *, patience_s: float, **options: Any) -> Any:
        assert group in (None, "web")
        assert patience_s > 0
        self.asked.append((word, options))
        return DOCUMENT if word == "status" else {"text": "done"}

    def close(self) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    monkeypatch.setattr(orders, "ControlClient", Client)
    Client.asked = []
    return Client.asked


FORCES = {
    "--force-copy": "lose writes of B",
    "--peer-is-off": "B is off",
    "--accept-mixture": "accept damaged files",
}


@pytest.mark.parametrize(("force", "phrase"), FORCES.items())
@pytest.mark.parametrize("typed", ["", "yes", "y", "force"])
def test_a_force_is_not_given_without_its_own_words(
    asked: list[tuple[str, dict[str, Any]]], force: str, phrase: str, typed: str
) -> None:
    words = ["--socket", "/run/control.sock", force]
    ended = CliRunner().invoke(orders.promote, words, input=f"{typed}\n")
    assert ended.exit_code == 1
    assert [word for word, _ in asked] == ["status"]
    assert f"Type '{phrase}' to go on" in ended.output


def test_all_forces_are_given_once_each_was_typed(
    asked: list[tuple[str, dict[str, Any]]],
) -> None:
    words = ["--socket", "/run/control.sock", *FORCES, "--json"]
    ended = CliRunner().invoke(orders.promote, words, input="\n".join(FORCES.values()) + "\n")
    assert ended.exit_code == 0, ended.output
    word, options = asked[-1]
    assert word == "promote"
    flags = ("force_copy", "peer_is_off", "accept_mixture")
    assert all(options[flag] is True for flag in flags)
    assert options["seen_epoch"] == 3
    assert json.loads(ended.output.splitlines()[-1])["accepted"] is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T03:00:00+00:00", "2026-11-22T03:00:00+00:00"),
        ("2026-11-22T03:00", datetime(2026, 11, 22, 3, 0).astimezone().isoformat()),
    ],
)
def test_moments_are_read(text: str, expected: str) -> None:
    context = click.Context(history)
    found = read_moment(context, history.params[0], text)
    assert found == datetime.fromisoformat(expected).timestamp() * 1e9


@pytest.mark.parametrize(("text", "ago_s"), [("2h", 7200), ("90s", 90)])
def test_moments_can_be_so_long_ago(text: str, ago_s: int) -> None:
    found = read_moment(click.Context(history), history.params[0], text)
    assert found is not None
    assert abs(time.time() - ago_s - found / 1e9) < 5


def test_a_moment_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(click.BadParameter, match="is no moment such as"):
        read_moment(click.Context(history), history.params[0], "yesterday")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_live_page_fits_its_terminal(width: int) -> None:
    long = {**GROUP, "why": "because " * 40, "headline": "x " * 100, "doing": ["y " * 90]}
    notes = ["12:00:00  web: " + "z" * 200]
    page = render_live(
        {**DOCUMENT, "groups": [GROUP, long]}, notes, width=width, clock="12:00:00", colour=False
    )
    assert max(map(len, page.splitlines())) < width


def test_the_live_page_shows_both_nodes_beside_each_other() -> None:
    page = render_live(DOCUMENT, ["note"], width=80, clock="12:00:00", colour=False)
    lines = page.splitlines()
    assert lines[0] == "web  DEGRADED" + " " * 58 + "12:00:00"
    assert "            A (this node)                    B" in lines
    assert "sites       sole, mounted                    syncing, exported" in lines
    assert any(line.endswith("42 %, 12 MB/s, 3 min left") for line in lines)
    assert any("UNPROTECTED for 61 s" in line for line in lines)
    coloured = render_live(DOCUMENT, ["note"], width=80, clock="12:00:00", colour=True)
    assert click.unstyle(coloured) == page
    assert coloured != page


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_every_shell_gets_its_completion(shell: str) -> None:
    ended = CliRunner().invoke(completion, [shell])
    assert ended.exit_code == 0
    assert "complete" in ended.output
    assert "hafailover" in ended.output


def test_bash_asks_the_program_what_can_follow() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hafailover"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "_HAFAILOVER_COMPLETE": "bash_complete",
            "COMP_WORDS": "hafailover sw",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "plain,switchover", ended.stderr


SECRETS = ("s3cr3t-vrrp", "s3cr3t-hook", "s3cr3t-header", "s3cr3t-url", "s3cr3t-apprise", "s3cr3t1")
CONFIGURATION = """
version: 1
nodes:
  A: {lan: 192.0.2.11, replication: 10.0.0.11}
  B: {lan: 192.0.2.12, replication: 10.0.0.12}
networks: {lan: {interface: lnc1}, replication: {interface: lnc0}}
channel: {key_file: @DIR@/key}
arbiter: {kind: ping, targets: [192.0.2.1]}
paths: {state: @DIR@/state, run: @DIR@/run}
alerts:
  exec: [{command: [/usr/local/bin/tell, --token, s3cr3t-hook]}]
  webhook: [{url: "https://h.example.net/s3cr3t-url", headers: {Authorization: s3cr3t-header}}]
  apprise: ["mailto://u:s3cr3t-apprise@example.net"]
groups:
  web:
    vrid: 51
    priority: {A: 200, B: 100}
    vrrp: {version: 2, password: s3cr3t1}
    addresses: [192.0.2.10/32]
    volumes: {sites: {image: /images/sites.img, size: 500M, mount_point: /home/sites}}
"""


def test_the_archive_for_others_has_everything_but_secrets(tmp_path: Path) -> None:
    config = tmp_path / "hafailover.yaml"
    config.write_text(CONFIGURATION.replace("@DIR@", str(tmp_path)))
    (tmp_path / "key").write_text("s3cr3t-key" * 4)
    state = tmp_path / "state"
    (state / "lineage").mkdir(parents=True)
    (state / "lineage" / "web.sites.record").write_bytes(b"record")
    password = b"s3cr3t1\0".hex()
    line = f'{{"line":"step","event":{{"advertisement":{{"authentication":"{password}"}}}}}}\n'
    for name in ("journal.jsonl", "journal.jsonl.1"):
        (state / name).write_text(line)
    target = tmp_path / "out.tar.gz"

    ended = CliRunner().invoke(support, ["--config", str(config), "--output", str(target)])

    assert ended.exit_code == 0, ended.output
    with tarfile.open(target) as archive:
        contents = {
            Path(each.name).name: (archive.extractfile(each) or sys.exit()).read()
            for each in archive.getmembers()
        }
    assert set(contents) == {
        "about.txt",
        "configuration.json",
        "status.json",
        "journal.jsonl",
        "journal.jsonl.1",
        "web.sites.record",
    }
    everything = b"\n".join(contents.values())
    for secret in (*SECRETS, "s3cr3t", password):
        assert secret.encode() not in everything
    form = json.loads(contents["configuration.json"])
    assert form["groups"]["web"]["vrrp"]["password"] == HIDDEN
    assert form["alerts"]["exec"][0]["command"] == ["/usr/local/bin/tell", HIDDEN, HIDDEN]
    assert form["groups"]["web"]["vrid"] == "51"
    assert "no agent answers" in json.loads(contents["status.json"])["problem"]
    assert json.loads(contents["journal.jsonl"])["event"]["advertisement"]["authentication"] == (
        "0" * len(password)
    )


def test_an_archive_is_made_of_a_configuration_that_cannot_be_used(tmp_path: Path) -> None:
    config = tmp_path / "hafailover.yaml"
    config.write_text("version: 1\ngroups: {web: {vrrp: {password: s3cr3t-and-too-long}}}\n")
    target = tmp_path / "out.tar.gz"
    words = ["--config", str(config), "--socket", "/nowhere", "--output", str(target), "--json"]

    ended = CliRunner().invoke(support, words)

    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.output)
    assert_fits("support", told)
    assert told["file"] == str(target)
    with tarfile.open(target) as archive:
        everything = b"".join(
            (archive.extractfile(each) or sys.exit()).read() for each in archive.getmembers()
        )
    assert b"s3cr3t" not in everything
    assert b'"usable": false' in everything


def test_what_is_read_of_a_journal_is_what_was_asked_for(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    lines = [
        {"line": "clock", "offset": 1_800_000_000_000_000_000},
        *(
            {
                "line": "step",
                "group": group,
                "now": at * 1_000_000_000,
                "event": {"is": "DeadlineReached"},
                "actions": [{"is": "Note", "text": f"note {at}"}],
            }
            for at, group in ((1, "web"), (2, "mail"), (3, "web"))
        ),
    ]
    journal.with_name("journal.jsonl.1").write_text(
        "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in lines[:2])
    )
    journal.write_text(
        "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in [lines[0], *lines[2:]])
    )

    def told(*words: str) -> list[str]:
        ended = CliRunner().invoke(history, ["--journal", str(journal), "--json", *words])
        assert ended.exit_code == 0, ended.output
        return [each["text"] for each in json.loads(ended.output)["entries"]]

    assert told() == ["note 1", "note 2", "note 3"]
    assert told("web") == ["note 1", "note 3"]
    assert told("-n", "1") == ["note 3"]
    assert told("--since", "2027-01-15T08:00:02+00:00") == ["note 2", "note 3"]
    assert told("--until", "2027-01-15T08:00:02+00:00") == ["note 1"]

    ended = CliRunner().invoke(history, ["--journal", str(journal), "wob"])
    assert (ended.exit_code, "tells of no group 'wob'; it tells of: mail, web" in ended.output) == (
        1,
        True,
    )
