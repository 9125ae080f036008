"""How does text get to a disk that may hang, without the event loop ever waiting for it?

A thread takes lines from a bounded queue and does nothing but write(2) and fsync(2), both of which
run without Python's global lock; what costs time in Python (encoding) is done before, in the loop,
one line at a time. A process of its own would cost ten megabytes for the same. When the disk hangs,
the queue fills, and lines are dropped and counted; the loop goes on. When the disk is full, what got
there of a line is ended, or taken away again, so that whole lines stand before and after it.
"""

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from hafailover.errors import StoreError
from hafailover.override import override
from hafailover.runtime.journal import Loss

QUEUE_LINES_MAX: Final = 10_000
_BATCH_LINES: Final = 256
_SYNC_PERIOD_S: Final = 1.0
_Item = bytes | Callable[[], None] | None
"""A line, something to do between two lines, or the end."""


class LineWriter:
    """Writes lines to a descriptor in a thread of its own."""

    def __init__(self, name: str, descriptor: int, *, syncs: bool = False) -> None:
        """Start the thread.

        Args:
            name: Of the thread, for humans.
            descriptor: Where lines go; closed at the end if it is not a standard stream.
            syncs: Whether what was written is made durable about every second.
        """
        self.dropped = 0
        """Lines that were not taken, for want of room in the queue."""
        self.loss = Loss()
        """What was taken and yet did not get there; only the thread writes this."""
        self._is_torn = False
        self._descriptor = descriptor
        self._syncs = syncs
        self._synced_at = 0.0
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> bool:
        """Take a line; False = the queue was full and it was dropped."""
        if self._queue.qsize() >= QUEUE_LINES_MAX:
            self.dropped += 1
            return False
        self._queue.put(line)
        return True

    def close(self, patience_s: float) -> None:
        """Write what waits, for at most so long, and end."""
        self._queue.put(None)
        self._thread.join(patience_s)

    def _serve(self) -> None:
        while True:
            item = self._queue.get()
            batch: list[bytes] = []
            while isinstance(item, bytes):
                batch.append(item)
                if len(batch) >= _BATCH_LINES or self._queue.empty():
                    break
                item = self._queue.get()
            self._put(b"".join(batch))
            if callable(item):
                item()
            if item is None:
                self._finish()
                return

    def _put(self, data: bytes) -> None:
        done = 0
        try:
            if self._is_torn and data:
                os.write(self._descriptor, b"\n")
                self._is_torn = False
            while done < len(data):
                done += os.write(self._descriptor, data[done:])
            if self._syncs and time.monotonic() - self._synced_at >= _SYNC_PERIOD_S:
                os.fsync(self._descriptor)
                self._synced_at = time.monotonic()
        except OSError:
            # Disk full, or the reader of the pipe is gone. There is nobody to tell but who looks.
            self._lose(data, done)

    def _lose(self, data: bytes, done: int) -> None:
        """Give up what is left of ``data``, of which so many bytes are written: whole lines stay."""
        whole = data.rfind(b"\n", 0, done) + 1
        if done > whole:
            self._is_torn = not self._take_back(done - whole)
        self._count(data[whole:], gaps=1)

    def _take_back(self, _length: int) -> bool:
        """Take so many bytes off the end; False = they stay."""
        return False

    def _count(self, lost: bytes, *, gaps: int = 0) -> None:
        self.loss = Loss(
            lines=self.loss.lines + max(1, lost.count(b"\n")),
            bytes=self.loss.bytes + len(lost),
            gaps=self.loss.gaps + gaps,
        )

    def _finish(self) -> None:
        if self._descriptor > 2:
            os.close(self._descriptor)


def _end_torn_line(path: Path, descriptor: int) -> None:
    """Keep what a power loss cut off in a line of its own."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            os.write(descriptor, b"\n")


class RotatedFile(LineWriter):
    """A file of lines with one predecessor (``.1``), appended to across restarts.

    Its lines rest on one another: once one is lost, so is what follows, until the writer begins anew.
    """

    def __init__(self, path: Path) -> None:
        """Keep what an earlier life wrote as the predecessor, and open a new file.

        Raises:
            StoreError: The file cannot be made.
        """
        self._path = path
        self._has_gap = False
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _open(path)
            _end_torn_line(path, descriptor)
        except OSError as error:
            raise StoreError(path, error.strerror or str(error)) from error
        super().__init__(path.name, descriptor, syncs=True)

    def rotate(self) -> None:
        """Have the thread begin a new file after what waits."""
        self._queue.put(self._turn)

    def resume(self) -> None:
        """Have the thread write again, after something was lost."""
        self._queue.put(self._mend)

    @override
    def _put(self, data: bytes) -> None:
        if not self._has_gap:
            super()._put(data)
        elif data:
            self._count(data)

    @override
    def _lose(self, data: bytes, done: int) -> None:
        super()._lose(data, done)
        self._has_gap = True

    @override
    def _take_back(self, length: int) -> bool:
        try:
            size = os.fstat(self._descriptor).st_size
            os.ftruncate(self._descriptor, size - length)
        except OSError:
            return False
        return True

    def _mend(self) -> None:
        self._has_gap = False

    def _turn(self) -> None:
        """Begin a new file; where that cannot be, the old one goes on, and the next turn tries again."""
        self._has_gap = False
        beside = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh = _open(beside, os.O_TRUNC)
        except OSError:
            return
        try:
            # After a turn that failed in its middle the file is the predecessor already.
            with suppress(FileNotFoundError):
                self._path.rename(self._path.with_name(f"{self._path.name}.1"))
            beside.rename(self._path)
        except OSError:
            os.close(fresh)
            return
        os.close(self._descriptor)
        self._descriptor = fresh
        self._is_torn = False


def _open(path: Path, flags: int = 0) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | flags, 0o600)
