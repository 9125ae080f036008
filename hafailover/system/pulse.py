"""One operation on a disk that a process of its own does again and again (``pulse_process``).

That it went well is news to nobody: it is read whenever the agent is awake anyway, and counts from when it was. So a
healthy disk wakes nobody up. What went wrong, or took long, rings. One that hangs is killed once, and while it is still
there no other is added.
"""

import asyncio
import contextlib
import marshal
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hafailover.system.pulse_process import PROBLEM_BYTES_MAX, TIME_BYTES
from hafailover.system.spawning import spawn
from hafailover.units import Nanoseconds

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from hafailover.system.pulse_process import main; main()"
)
"""Isolated from the environment and without site-packages (-I -S), so it must be told the path."""
_NOTE_BYTES_MAX: Final = 2 * TIME_BYTES + PROBLEM_BYTES_MAX
_NOTES_MAX: Final = 64
_START_NS: Final = 1_000_000_000
"""So long a child may take to be there: a busy machine loads Python slowly."""
_REAP_DELAYS: Final = (0.05, 1.0, 10.0)

Told = Callable[[str, int, int], None]
"""Is told the host's error (empty: none), for how long it was under way, and how long ago it came back, in ns."""


class Pulse:
    """The agent's end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        operation: str,
        arguments: Mapping[str, Any],
        period: Nanoseconds,
        deadline: Nanoseconds,
        tell: Told,
    ) -> None:
        """Begin, as soon as ``read`` is called.

        Args:
            loop: The agent's.
            operation: One of a worker.
            arguments: Its arguments; ``sequence``, if it is there, counts up from there.
            period: From one beginning to the next.
            deadline: For one time.
            tell: Of one that does not come back it is told nothing: the core knows by the silence.
        """
        self._loop = loop
        packed = marshal.dumps(dict(arguments)).hex()
        self._words = (operation, str(period), packed)
        self._period = period
        self._deadline = deadline
        self._tell = tell
        self._child: _Child | None = None
        self._started_ns = -period
        self._due_ns = 0
        """When the next time begins, or began."""
        self._leaving: int | None = None
        self._is_over = False

    @property
    def pid(self) -> int | None:
        """The process that does it now, if there is one."""
        return None if self._child is None else self._child.pid

    def read(self) -> None:
        """Tell what is noted, and see to it that somebody does the work."""
        if self._child is None:
            self._start()
            return
        notes = self._child.notes()
        for note in notes:
            self._take(note)
            if self._is_over:
                return
        # Whoever has just said something does not hang, though this process may have been away.
        if not notes and time.monotonic_ns() > self._due_ns + self._deadline:
            self._give_up()

    def end(self) -> None:
        """Stop at once, also in the middle of a write."""
        self._is_over = True
        self._give_up()

    def _start(self) -> None:
        now = time.monotonic_ns()
        if self._is_over or self._is_leaving() or now < self._started_ns + self._period:
            return
        self._started_ns = self._due_ns = now
        self._due_ns += _START_NS
        try:
            self._child = _Child(self._words)
        except OSError:
            return
        self._loop.add_reader(self._child.bell, self._ring)

    def _is_leaving(self) -> bool:
        """Whether an earlier child is still there."""
        if self._leaving is not None:
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(self._leaving, os.WNOHANG)[0]:
                    return True
            self._leaving = None
        return False

    def _ring(self) -> None:
        """The child has something to say at once, or is gone."""
        assert self._child is not None  # noqa: S101 - the bell is its own
        is_gone = not self._child.rang()
        self.read()
        if is_gone:
            self._give_up()

    def _take(self, note: bytes) -> None:
        began = int.from_bytes(note[:TIME_BYTES], "big")
        took = int.from_bytes(note[TIME_BYTES : 2 * TIME_BYTES], "big")
        self._due_ns = began + max(self._period, took)
        problem = note[2 * TIME_BYTES :].decode(errors="replace")
        self._tell(problem, took, max(0, time.monotonic_ns() - began - took))

    def _give_up(self) -> None:
        """Kill the child with whatever it started, and remember it until it is gone."""
        if self._child is None:
            return
        child, self._child = self._child, None
        self._loop.remove_reader(child.bell)
        child.kill()
        self._leaving = child.pid
        for delay in _REAP_DELAYS:
            self._loop.call_later(delay, self._is_leaving)


class _Child:
    """The process, its notes, and its bell."""

    def __init__(self, words: tuple[str, ...]) -> None:
        """Start it.

        Raises:
            OSError: No process can be started.
        """
        self.bell, their_bell = socket.socketpair()
        # Datagrams: what ends a record of SOCK_SEQPACKET is not the same in all versions of FreeBSD.
        self._notes, their_notes = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for each in (self.bell, self._notes, their_notes):
            each.setblocking(False)  # noqa: FBT003 - the standard library's signature
        with their_bell, their_notes:
            try:
                self.pid = spawn(
                    sys.executable,
                    (sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT, *words),
                    {"LC_ALL": "C", "PATH": os.defpath},
                    [
                        (os.POSIX_SPAWN_DUP2, their_bell.fileno(), 0),
                        (os.POSIX_SPAWN_DUP2, their_notes.fileno(), 1),
                        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                    ],
                )
            except OSError:
                self.bell.close()
                self._notes.close()
                raise

    def notes(self) -> list[bytes]:
        """Return what has been noted and was not returned yet, oldest first."""
        found: list[bytes] = []
        with contextlib.suppress(OSError):
            while len(found) < _NOTES_MAX and (note := self._notes.recv(_NOTE_BYTES_MAX)):
                found.append(note)
        return found

    def rang(self) -> bool:
        """Take what rang; False: nothing did, the child is gone."""
        try:
            return bool(self.bell.recv(_NOTE_BYTES_MAX))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def kill(self) -> None:
        """End it, whatever it does."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.bell.close()
        self._notes.close()
