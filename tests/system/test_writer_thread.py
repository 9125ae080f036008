"""Lines reach the disk, and a disk that hangs reaches nobody."""

import fcntl
import os
import termios
from pathlib import Path

import pytest

from hafailover.errors import StoreError
from hafailover.system.writer_thread import QUEUE_LINES_MAX, LineWriter, RotatedFile

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
    assert subject.dropped == 1


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
