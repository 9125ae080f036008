"""The command line as a process: what it says, and what it ends with."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hafailover.cli import orders, run, status
from hafailover.cli.main import COMMANDS
from hafailover.errors import RequestRefusedError, UnusableConfigurationError, WrongHostError
from hafailover.runtime.settings import NodeSettings
from tests.cli.settings import data_node, plain_node

ROOT = Path(__file__).parents[2]


def hafailover(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hafailover", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_help_names_every_command_and_loads_none() -> None:
    ended = hafailover("--help")
    assert ended.returncode == 0
    assert all(f"  {name}  " in ended.stdout for name in COMMANDS)
    code = (
        "import sys; sys.argv = ['hafailover', '--help']\n"
        "from hafailover.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(set(sys.modules) & {'asyncio', 'yaml', 'scapy', 'pyroute2'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    ended = hafailover(name, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "Usage:" in ended.stdout


def test_an_unknown_command_is_a_usage_error() -> None:
    ended = hafailover("dance")
    assert ended.returncode == 2
    assert "No such command 'dance'" in ended.stderr


def test_status_without_an_agent_is_unknown(tmp_path: Path) -> None:
    ended = hafailover("status", "--socket", str(tmp_path / "none.sock"))
    assert ended.returncode == 3
    assert "no agent answers at" in ended.stderr
    assert "hint: " in ended.stderr


def test_status_as_json_without_an_agent_is_json(tmp_path: Path) -> None:
    ended = hafailover("status", "--json", "--socket", str(tmp_path / "none.sock"))
    assert ended.returncode == 3
    assert json.loads(ended.stdout)["groups"] == []


def test_what_is_wrong_with_the_command_line_is_unknown_to_monitoring_and_not_down(
    tmp_path: Path,
) -> None:
    config = ("--config", str(tmp_path / "none.yaml"))
    for words, said in (
        (("--wat",), "No such option '--wat'"),
        (("--json", "--watch"), "--watch is for a person"),
        (("--nagios", "--watch"), "--watch is for a person"),
        (("--nagios", *config), "none.yaml:1:1: cannot be read"),
    ):
        ended = hafailover("status", *words)
        assert (ended.returncode, said in ended.stdout + ended.stderr) == (3, True), ended


def test_a_group_that_the_agent_does_not_know_is_unknown_and_not_degraded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Refusing:
        def __init__(self, _socket: Path) -> None:
            pass

        def ask(self, _word: str, group: str, **_options: object) -> None:
            raise RequestRefusedError(f"there is no group {group}")

        def close(self) -> None:
            pass

    monkeypatch.setattr(status, "ControlClient", Refusing)
    for form in ((), ("--json",), ("--nagios",)):
        words = ["--socket", str(tmp_path / "sock"), "wob", *form]
        ended = CliRunner().invoke(status.status, words, standalone_mode=False)
        assert (ended.return_value, "there is no group wob" in ended.output) == (3, True), ended


def test_an_order_without_an_agent_is_unavailable(tmp_path: Path) -> None:
    ended = hafailover("switchover", "--socket", str(tmp_path / "none.sock"), "web")
    assert (ended.returncode, ended.stdout) == (69, "")


def test_a_configuration_that_is_missing_ends_with_its_status(tmp_path: Path) -> None:
    ended = hafailover("run", "--config", str(tmp_path / "none.yaml"))
    assert ended.returncode == 78
    assert "none.yaml:1:1" in ended.stderr


def test_what_cannot_be_written_or_read_is_said_without_a_traceback(tmp_path: Path) -> None:
    config = ("--config", str(tmp_path / "none.yaml"))
    text = tmp_path / "text"
    text.write_text("no journal\n")
    for words, code, said in (
        (("support", *config, "--output", "/nowhere/x.tgz"), 71, "/nowhere/x.tgz: No such file"),
        (("drill", "--report", "/nowhere/x.html"), 2, "/nowhere/x.html cannot be written"),
        (("history", "--journal", str(text)), 1, "is no journal of hafailover"),
        (("history", "--journal", "/nowhere"), 1, "--journal names another file"),
        (("replay", str(text)), 2, "is no journal of hafailover"),
        (("explain", "--journal", str(text)), 2, "--journal needs --at"),
    ):
        ended = hafailover(*words)
        assert (ended.returncode, said in ended.stderr) == (code, True), ended
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("where", "code", "said"),
    [(">/dev/full", 71, "hafailover: No space left on device\n"), (">&-", 0, "")],
)
def test_an_output_that_is_full_or_closed_ends_with_its_status_and_no_traceback(
    tmp_path: Path, where: str, code: int, said: str
) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(
        '{"line":"clock","offset":1800000000000000000}\n'
        '{"line":"step","group":"web","now":1,"event":{"is":"DeadlineReached"},'
        '"actions":[{"is":"Note","text":"well"}]}\n'
    )
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m hafailover history --journal {journal} {where}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (code, said)


@pytest.mark.parametrize("word", ["soon", "0s"])
def test_a_span_that_is_none_is_a_usage_error(tmp_path: Path, word: str) -> None:
    ended = hafailover("pause", "--for", word, "--socket", str(tmp_path / "none.sock"))
    assert ended.returncode == 2
    assert f"'{word}' is not a span such as 90s, 30m, 2h or 1d" in ended.stderr


@pytest.mark.parametrize("order", ["switchover", "pause", "promote", "resolve --keep a"])
def test_a_reason_that_would_move_a_terminal_is_a_usage_error(order: str) -> None:
    for text in ("red \x1b[31m", "two\nlines"):
        ended = hafailover(*order.split(), "--reason", text)
        assert (ended.returncode, "one line of text is taken" in ended.stderr) == (2, True), ended


@pytest.mark.parametrize("text", ["", "größere Platte", "um 12\u00a0Uhr", "磁盘\u3000更换"])
def test_a_reason_is_taken_in_any_language(text: str) -> None:
    command = orders.pause.make_context("pause", ["--reason", text, "web"])
    assert command.params["reason"] == text


@pytest.mark.parametrize(
    ("text", "span"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400)]
)
def test_spans_are_read(text: str, span: int) -> None:
    command = orders.pause.make_context("pause", ["--for", text, "web"])
    assert command.params["span"] == span


def test_run_refuses_data_on_a_host_that_is_not_freebsd() -> None:
    with pytest.raises(WrongHostError) as caught:
        run.refuse_wrong_host(data_node(), {}, "Linux")
    assert "this host runs Linux" in caught.value.message
    assert "hafailover lab" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "environment", "system"),
    [
        (data_node(), {}, "FreeBSD"),
        (data_node(), {"HAFAILOVER_LAB": "1"}, "Linux"),
        (plain_node(), {}, "Linux"),
    ],
)
def test_run_accepts_what_it_can_do(
    settings: NodeSettings, environment: dict[str, str], system: str
) -> None:
    run.refuse_wrong_host(settings, environment, system)


@pytest.mark.parametrize(
    ("image", "mount_point", "real"),
    [
        ("img/a.img", "srv/data", None),
        ("img/a.img", "srv/not-there-yet", None),
        ("home/a.img", "srv/data", "usr/home/a.img"),
        ("img/link.img", "srv/data", "img/a.img"),
        ("img/a.img", "home/data", "usr/home/data"),
        ("img/a.img", "srv/link", "srv/data"),
    ],
)
def test_a_path_that_the_kernel_would_show_as_another_is_refused(
    tmp_path: Path, image: str, mount_point: str, real: str | None
) -> None:
    for directory in ("img", "srv/data", "usr/home"):
        (tmp_path / directory).mkdir(parents=True)
    for name in ("img/a.img", "usr/home/a.img"):
        (tmp_path / name).touch()
    for link, target in (("home", "usr/home"), ("img/link.img", "a.img"), ("srv/link", "data")):
        (tmp_path / link).symlink_to(target)
    settings = data_node()
    [volume] = settings.groups[0].volumes
    volume = replace(volume, image=f"{tmp_path}/{image}", mount_point=f"{tmp_path}/{mount_point}")
    settings = replace(settings, groups=(replace(settings.groups[0], volumes=(volume,)),))
    if real is None:
        run.refuse_wrong_host(settings, {}, "FreeBSD")
        return
    with pytest.raises(UnusableConfigurationError) as caught:
        run.refuse_wrong_host(settings, {}, "FreeBSD")
    assert caught.value.message.endswith(f"leads through a symbolic link to {tmp_path}/{real}")
