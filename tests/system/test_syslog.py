"""Lines reach the syslogd that is there now, and what none took is counted."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hafailover.system.syslog import NOTICE, REOPEN_S, Syslog


class Daemon:
    """A syslogd that can be started and stopped, and a clock that is set by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = 100.0
        self._socket: socket.socket | None = None

    def start(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(str(self.path))

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self.path.unlink()

    def heard(self) -> list[str]:
        assert self._socket is not None
        lines = []
        while True:
            try:
                lines.append(self._socket.recv(4096).decode().partition(": ")[2])
            except BlockingIOError:
                return lines

    def client(self) -> Syslog:
        return Syslog("A", paths=[str(self.path)], now=lambda: self.time)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    subject = Daemon(tmp_path / "log")
    yield subject
    subject.stop()


def test_a_syslogd_that_was_restarted_gets_the_next_line(daemon: Daemon) -> None:
    daemon.start()
    subject = daemon.client()
    subject.send("one", NOTICE)
    assert daemon.heard() == ["one"]
    daemon.stop()
    daemon.start()
    daemon.time += REOPEN_S
    subject.send("two", NOTICE)
    assert daemon.heard() == ["two"]
    subject.close()


def test_a_syslogd_that_comes_late_is_told_what_it_missed(daemon: Daemon) -> None:
    subject = daemon.client()
    subject.send("one", NOTICE)
    daemon.start()
    subject.send("still within the second", NOTICE)
    assert daemon.heard() == []
    daemon.time += REOPEN_S
    subject.send("three", NOTICE)
    assert daemon.heard() == ["2 lines were lost here", "three"]
    subject.send("four", NOTICE)
    assert daemon.heard() == ["four"]
    subject.close()


def test_a_syslogd_that_does_not_keep_up_costs_lines_that_are_counted(daemon: Daemon) -> None:
    daemon.start()
    subject = daemon.client()
    for number in range(2000):
        subject.send(f"{number}", NOTICE)
    heard = len(daemon.heard())
    assert 0 < heard < 2000
    subject.send("last", NOTICE)
    assert daemon.heard() == [f"{2000 - heard} lines were lost here", "last"]
    subject.close()


def test_without_descriptors_a_line_is_lost_and_nothing_else(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = daemon.client()
    daemon.start()
    daemon.time += REOPEN_S

    def none_left(*_: object) -> socket.socket:
        raise OSError(24, os.strerror(24))

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", none_left)
        subject.send("one", NOTICE)
    daemon.time += REOPEN_S
    subject.send("two", NOTICE)
    assert daemon.heard() == ["1 lines were lost here", "two"]
    subject.close()
