"""Lines reach the disk, and a disk that hangs reaches nobody."""

import errno
import fcntl
import os
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hafailover.errors import StoreError
from hafailover.group.events import LatenessSeen, Started
from hafailover.runtime.driver import Driver
from hafailover.runtime.journal import ANEW_PERIOD, Journal, Loss
from hafailover.runtime.replay import replay
from hafailover.system.writer_thread import QUEUE_LINES_MAX, LineWriter, RotatedFile
from tests.runtime.toy import ToyState, World, toy_core

PATIENCE_S = 30.0


def test_lines_are_written_in_order_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    subject = LineWriter("test", os.open(path, os.O_WRONLY | os.O_CREAT))
    for number in range(1000):
        assert subject.write(b"%d\n" % number)
    subject.close(PATIENCE_S)
    assert path.read_text().split() == [str(number) for number in range(1000)]


def test_a_reader_that_hangs_costs_lines_and_no_time() -> None:
    read, write = os.pipe()
    subject = LineWriter("test", write)
    line = b"x" * 1000 + b"\n"
    taken = sum(subject.write(line) for _ in range(QUEUE_LINES_MAX + 1000))
    assert QUEUE_LINES_MAX <= taken < QUEUE_LINES_MAX + 1000
    assert subject.dropped == QUEUE_LINES_MAX + 1000 - taken
    drain(read, taken * len(line))
    subject.close(PATIENCE_S)
    os.close(read)


def drain(descriptor: int, size: int) -> None:
    while size:
        size -= len(os.read(descriptor, 1 << 20))
    assert fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)) == bytes(4)


def test_a_full_disk_is_counted() -> None:
    subject = LineWriter("test", os.open("/dev/full", os.O_WRONLY))
    subject.write(b"x\n")
    subject.close(PATIENCE_S)
    assert subject.loss == Loss(lines=1, bytes=2, gaps=1)


class Disk:
    """Lets only so many more bytes through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 30
        self._write = os.write
        monkeypatch.setattr("hafailover.system.writer_thread.os.write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if data and not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_line_that_found_half_its_room_is_taken_back(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "journal.jsonl"
    subject = RotatedFile(path)
    disk.room = 12
    for number in range(3):
        subject.write(b"line %d\n" % number)
    until(lambda: subject.loss.lines == 2)
    assert path.read_bytes() == b"line 0\n"
    disk.room = 1 << 30
    subject.write(b"rests on what was lost\n")
    subject.resume()
    subject.write(b"line 4\n")
    subject.close(PATIENCE_S)
    assert path.read_bytes() == b"line 0\nline 4\n"
    assert subject.loss == Loss(lines=3, bytes=2 * 7 + 23, gaps=1)


def test_a_journal_on_a_disk_that_was_full_replays(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "journal.jsonl"
    subject = RotatedFile(path)
    journal = Journal(subject, {"g": ToyState}, header={}, bytes_max=1 << 20)
    world, cores = World(), {"g": toy_core()}
    driver = Driver(cores, world.ports(), journal)

    def ask(number: int) -> None:
        driver.feed("g", LatenessSeen(late_ns=number))
        while journal.pump():
            pass

    driver.feed("g", Started(boot="b", incarnation="i", entropy="00"))
    ask(0)
    until(lambda: b"late 0" in path.read_bytes())
    disk.room = 20
    ask(1)
    until(lambda: subject.loss.lines)
    disk.room = 1 << 30
    for number in range(2, 5):
        world.time += ANEW_PERIOD
        ask(number)
    subject.close(PATIENCE_S)
    assert journal.dropped >= 1
    with path.open("rb") as lines:
        steps = list(replay(lines, cores))
    assert all(step.is_same for step in steps)
    asked = [LatenessSeen(late_ns=number) for number in (2, 3, 4)]
    assert [step.event for step in steps if step.event in asked] == asked


def test_half_a_line_that_cannot_be_taken_back_is_ended(disk: Disk) -> None:
    read, write = os.pipe()
    subject = LineWriter("test", write)
    disk.room = 3
    subject.write(b"line 0\n")
    until(lambda: subject.loss.lines)
    disk.room = 1 << 30
    subject.write(b"line 1\n")
    subject.close(PATIENCE_S)
    assert os.read(read, 100) == b"lin\nline 1\n"
    os.close(read)


def test_a_turn_that_failed_is_made_up_for_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    subject = RotatedFile(path)
    opened = os.open
    asked = threading.Event()

    def refuse(*arguments: Any) -> int:
        asked.set()
        if threading.current_thread() is subject._thread:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
        return opened(*arguments)

    monkeypatch.setattr("hafailover.system.writer_thread.os.open", refuse)
    subject.write(b"1\n")
    subject.rotate()
    subject.write(b"2\n")
    assert asked.wait(PATIENCE_S)
    monkeypatch.setattr("hafailover.system.writer_thread.os.open", opened)
    for number in range(3, 6):
        subject.rotate()
        subject.write(b"%d\n" % number)
    subject.close(PATIENCE_S)
    assert path.read_bytes() == b"5\n"
    assert path.with_name("journal.jsonl.1").read_bytes() == b"4\n"
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith("new")] == []


def test_a_turn_that_failed_in_its_middle_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    subject = RotatedFile(path)
    path.rename(path.with_name("journal.jsonl.1"))
    subject.write(b"1\n")
    subject.rotate()
    subject.write(b"2\n")
    subject.close(PATIENCE_S)
    assert path.read_bytes() == b"2\n"
    assert path.with_name("journal.jsonl.1").read_bytes() == b"1\n"


def test_a_file_is_turned_between_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "deep/journal.jsonl"
    subject = RotatedFile(path)
    subject.write(b"1\n")
    subject.write(b"2\n")
    subject.rotate()
    subject.write(b"3\n")
    subject.close(PATIENCE_S)
    assert path.read_bytes() == b"3\n"
    assert path.with_name("journal.jsonl.1").read_bytes() == b"1\n2\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_restart_appends(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for line in (b"1\n", b"2\n"):
        subject = RotatedFile(path)
        subject.write(line)
        subject.close(PATIENCE_S)
    assert path.read_bytes() == b"1\n2\n"


def test_a_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        RotatedFile(tmp_path / "file/deep/journal.jsonl")
