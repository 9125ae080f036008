"""One worker process and the stream of messages to and from it (``worker_process`` has the form)."""

import asyncio
import contextlib
import marshal
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hafailover.system.child_stream import ChildStream
from hafailover.system.spawning import spawn

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_PROGRAM: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from hafailover.system.worker_process import main; main()"
)
"""Isolated from the environment and without site-packages (-I -S), so it must be told the path."""
_ANSWER_BYTES_MAX: Final = 8 << 20
_HEADER: Final = 4


class WorkerStream:
    """A child in a process group of its own; never waits for it, whatever it does."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        environment: Mapping[str, str],
        *,
        take: Callable[[Mapping[str, Any]], None],
        lost: Callable[[], None],
    ) -> None:
        """Start a child.

        Args:
            loop: Where the callbacks are called.
            environment: All that the child sees of it.
            take: Called with every message.
            lost: Called once when the stream has ended or carries nonsense; close it then.

        Raises:
            OSError: If no process can be started.
        """
        self._take = take
        ours, theirs = socket.socketpair()
        try:
            self.pid = _spawn(theirs.fileno(), environment)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._stream = ChildStream(loop, ours, took=self._took, lost=lost, most=_ANSWER_BYTES_MAX)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message as soon as the child reads."""
        data = marshal.dumps(dict(message))
        self._stream.send(len(data).to_bytes(_HEADER, "big") + data)

    def kill(self) -> None:
        """Kill the child with whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Call nobody any more; a child that is idle ends at the end of its input."""
        self._stream.close()

    def _took(self, received: bytearray) -> None:
        length = int.from_bytes(received[:_HEADER], "big")
        # A worker speaks only when it was asked, so there is never more than one message.
        if len(received) > _HEADER and len(received) == _HEADER + length:
            data = bytes(received[_HEADER:])
            received.clear()
            self._take(marshal.loads(data))  # noqa: S302 - from our own child


def _spawn(stream: int, environment: Mapping[str, str]) -> int:
    return spawn(
        sys.executable,
        (sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT),
        environment,
        [
            (os.POSIX_SPAWN_DUP2, stream, 0),
            (os.POSIX_SPAWN_DUP2, stream, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
    )
