"""The example hooks for Nagios and Icinga write what those understand."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hafailover.courier.destinations import environment_of
from hafailover.group.actions import Severity
from hafailover.runtime.alerting import Alert
from tests.courier.test_open_alerts import alert

HOOKS = Path(__file__).parents[2] / "docs" / "examples" / "alerts"


def run(name: str, what: Alert, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [HOOKS / name],
        env={"PATH": os.environ["PATH"], **environment_of(what), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("severity", "state", "status"),
    [
        (Severity.CRITICAL, "raised", "2"),
        (Severity.WARNING, "repeated", "1"),
        (Severity.NOTE, "raised", "0"),
        (Severity.CRITICAL, "resolved", "0"),
    ],
)
def test_nagios_gets_a_passive_result(
    tmp_path: Path, severity: Severity, state: str, status: str
) -> None:
    pipe = tmp_path / "nagios.cmd"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    what = alert(severity=severity, state=state, text="only A;\nhas | the data")

    done = run("nagios-passive", what, NAGIOS_PIPE=str(pipe))

    assert done.returncode == 0, done.stderr
    line = os.read(reader, 4096).decode()
    os.close(reader)
    stamp, _, rest = line.partition(" ")
    assert stamp[1:-1].isdigit()
    assert rest == (
        f"PROCESS_SERVICE_CHECK_RESULT;A;hafailover web;{status};"
        f"unprotected {state}: only A  has   the data\n"
    )


def test_nagios_that_does_not_run_is_a_failure_that_is_tried_again(tmp_path: Path) -> None:
    done = run("nagios-passive", alert(), NAGIOS_PIPE=str(tmp_path / "none"))

    assert done.returncode == 1
    assert "does Nagios run?" in done.stderr


def test_icinga_gets_json(tmp_path: Path) -> None:
    curl = tmp_path / "curl"
    curl.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/args\ncat >{tmp_path}/body\n')
    curl.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    done = run("icinga-passive", alert(text='a "quoted\\" text\n'), PATH=path)

    assert done.returncode == 0, done.stderr
    body = json.loads((tmp_path / "body").read_text())
    assert body["service"] == "A!hafailover web"
    assert body["exit_status"] == 1
    assert body["plugin_output"].startswith("unprotected raised: a ")
    assert (tmp_path / "args").read_text().split()[-1].endswith("/v1/actions/process-check-result")


def test_the_hooks_are_sound_shell() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("needs shellcheck")
    done = subprocess.run(
        [shellcheck, *HOOKS.iterdir()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
