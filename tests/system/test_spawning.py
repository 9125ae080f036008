"""Children are ordinary, and their parent's priority is as it was."""

import os
import sys
from collections.abc import Iterator

import pytest

from hafailover.system import spawning
from hafailover.system.spawning import spawn

SHOW = "import os; print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.getpgrp() == os.getpid())"


def start() -> str:
    """Start a child that says how it is scheduled, once it may go on, and return what it said."""
    read, write = os.pipe()
    go_read, go_write = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, write, 1),
        (os.POSIX_SPAWN_DUP2, go_read, 0),
        (os.POSIX_SPAWN_CLOSE, go_write),
    ]
    program = f"import sys; sys.stdin.read(); {SHOW}"
    pid = spawn(sys.executable, [sys.executable, "-c", program], dict(os.environ), actions)
    for descriptor in (write, go_read, go_write):
        os.close(descriptor)
    said = b""
    while chunk := os.read(read, 100):
        said += chunk
    os.close(read)
    assert os.waitpid(pid, 0)[1] == 0
    return said.decode().strip()


@pytest.fixture
def realtime() -> Iterator[int]:
    policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, os.sched_param(1))
    except PermissionError:
        pytest.skip("needs the right to real-time priority")
    yield policy
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def test_an_ordinary_process_starts_ordinary_ones() -> None:
    assert start() == f"{os.SCHED_OTHER} True"


def test_a_realtime_process_starts_ordinary_ones_and_stays_what_it_is(realtime: int) -> None:
    assert start() == f"{os.SCHED_OTHER} True"
    assert os.sched_getscheduler(0) == realtime
    assert os.sched_getparam(0).sched_priority == 1


def test_where_children_inherit_the_priority_they_are_made_ordinary(
    realtime: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on FreeBSD, which has no SCHED_RESET_ON_FORK."""
    monkeypatch.setattr(spawning, "_RESET", 0)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    assert start() == f"{os.SCHED_OTHER} True"
    assert os.sched_getscheduler(0) == os.SCHED_FIFO


def test_a_failed_start_leaves_the_priority_too(realtime: int) -> None:
    with pytest.raises(FileNotFoundError):
        spawn("/nonexistent", ["x"], {}, [])
    assert os.sched_getscheduler(0) == realtime
