"""The lab says what it lacks, in one sentence, before it begins."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from hafailover.lab import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_mock import MockerFixture


def test_listing_scenarios_needs_neither_linux_nor_pyroute2() -> None:
    script = "import sys, hafailover.cli.lab; print('pyroute2' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert ended.stdout == b"False\n"


@pytest.mark.parametrize(
    ("platform", "access", "program", "sentence"),
    [
        ("freebsd14", True, "/bin/true", "needs Linux"),
        ("linux", False, "/bin/true", "needs /dev/fuse"),
        ("linux", True, None, "needs unshare(1)"),
    ],
)
def test_what_is_missing_is_named(
    mocker: MockerFixture, *, platform: str, access: bool, program: str | None, sentence: str
) -> None:
    mocker.patch.dict(os.environ)
    os.environ.pop("HAFAILOVER_LAB_INSIDE", None)
    mocker.patch.object(sys, "platform", platform)
    mocker.patch.object(os, "access", return_value=access)
    mocker.patch.object(shutil, "which", return_value=program)
    assert sentence in str(sandbox.missing())


def test_namespaces_that_may_not_be_made_are_named_with_the_reason(mocker: MockerFixture) -> None:
    mocker.patch.object(os, "access", return_value=True)
    refusal = subprocess.CompletedProcess([], 1, stdout="", stderr="Operation not permitted\n")
    mocker.patch.object(subprocess, "run", return_value=refusal)
    said = str(sandbox.missing())
    assert "may not make them here (Operation not permitted)" in said


INSIDE = """
import os, sys, time
from hafailover.lab import sandbox
sandbox.enter(["-c", sys.argv[1], sys.argv[1]])
try:
    print("inside", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("ended in order", flush=True)
    sys.exit(7)
"""


@contextmanager
def _place(*, is_in_background: bool = False) -> Iterator[subprocess.Popen[str]]:
    """Something that runs in a place of its own; in the background as by the "&" of a script."""
    heed = "trap '' INT; " if is_in_background else ""
    command = ("sh", "-c", f'{heed}exec "$@"', "sh", sys.executable, "-c", INSIDE, INSIDE)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as place:
        assert place.stdout is not None
        assert place.stdout.readline() == "inside\n"
        try:
            yield place
        finally:
            place.kill()


@pytest.mark.lab
@pytest.mark.usefixtures("able")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_outside_ends_in_order_inside(number: signal.Signals) -> None:
    with _place() as place:
        place.send_signal(number)
        said, _ = place.communicate(timeout=30)
        assert said == "ended in order\n"
        assert place.returncode == 7


@pytest.mark.lab
@pytest.mark.usefixtures("able")
def test_what_a_script_has_put_into_the_background_ends_in_order_too() -> None:
    with _place(is_in_background=True) as place:
        place.terminate()
        said, _ = place.communicate(timeout=30)
        assert said == "ended in order\n"


@pytest.mark.lab
@pytest.mark.usefixtures("able")
def test_who_is_killed_outside_takes_the_inside_with_it() -> None:
    with _place() as place:
        place.kill()
        # End of file: nobody inside holds the pipe any more.
        said, _ = place.communicate(timeout=30)
        assert said == ""


@pytest.mark.lab
@pytest.mark.usefixtures("able")
def test_inside_there_is_nothing_of_the_outside() -> None:
    script = (
        "import os; from hafailover.lab import sandbox; sandbox.enter([]); "
        "print(os.getpid(), "
        "open('/proc/net/dev').read().count(':'), sandbox.missing())"
    )
    ended = subprocess.run(
        sandbox.command(["-c", script]), capture_output=True, text=True, check=True
    )
    assert ended.stdout == "1 1 None\n"
