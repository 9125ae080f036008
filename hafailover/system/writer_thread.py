"""How does text get to a disk that may hang, without the event loop ever waiting for it?

A thread takes lines from a bounded queue and does nothing but write(2) and fsync(2), both of which
run without Python's global lock; what costs time in Python (encoding) is done before, in the loop,
one line at a time. A process of its own would cost ten megabytes for the same. When the disk hangs,
the queue fills, and lines are dropped and counted; the loop goes on.
"""

import os
import queue
import threading
import time
from pathlib import Path
from typing import Final

from hafailover.errors import StoreError
from hafailover.override import override

QUEUE_LINES_MAX: Final = 10_000
_BATCH_LINES: Final = 256
_SYNC_PERIOD_S: Final = 1.0


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
        self._descriptor = descriptor
        self._syncs = syncs
        self._synced_at = 0.0
        self._waiting = 0
        self._queue: queue.SimpleQueue[bytes | threading.Event | None] = queue.SimpleQueue()
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

    def rotate(self) -> None:
        """Begin a new file, where that means something."""

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
            if isinstance(item, threading.Event):
                self._turn()
                item.set()
            if item is None:
                self._finish()
                return

    def _put(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            if self._syncs and time.monotonic() - self._synced_at >= _SYNC_PERIOD_S:
                os.fsync(self._descriptor)
                self._synced_at = time.monotonic()
        except OSError:
            # Disk full, or the reader of the pipe is gone. There is nobody to tell but the counter.
            self.dropped += 1

    def _turn(self) -> None:
        """Begin a new file; called in the thread."""

    def _finish(self) -> None:
        if self._descriptor > 2:
            os.close(self._descriptor)


def _end_torn_line(path: Path, descriptor: int) -> None:
    """Keep what a power loss cut off in a line of its own."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            os.write(descriptor, b"\n")


class RotatedFile(LineWriter):
    """A file of lines with one predecessor (``.1``), appended to across restarts."""

    def __init__(self, path: Path) -> None:
        """Keep what an earlier life wrote as the predecessor, and open a new file.

        Raises:
            StoreError: The file cannot be made.
        """
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = self._open()
            _end_torn_line(path, descriptor)
        except OSError as error:
            raise StoreError(path, error.strerror or str(error)) from error
        super().__init__(path.name, descriptor, syncs=True)

    @override
    def rotate(self) -> None:
        """Have the thread begin a new file after what waits."""
        self._queue.put(threading.Event())

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)

    @override
    def _turn(self) -> None:
        try:
            self._path.rename(self._path.with_name(f"{self._path.name}.1"))
            fresh = self._open()
        except OSError:
            self.dropped += 1
            return
        os.close(self._descriptor)
        self._descriptor = fresh
