"""How does one child process run: what it writes, how it ends, and when it counts as stuck?"""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

READ_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came back from a child.

    Attributes:
        status: Exit status, negative for a signal, None when it did not end within its deadline.
        stdout: The last bytes it wrote there, as many as were asked for.
        stderr: The same for standard error.
        took_ns: From start to end, or to being abandoned.
        problem: Why it could not be started or was abandoned; empty when it ended.
        is_cut: Whether it wrote more than was kept.
    """

    status: int | None
    stdout: bytes = b""
    stderr: bytes = b""
    took_ns: int = 0
    problem: str = ""
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckChild:
    """A child that was killed at its deadline and is still there: it waits inside the kernel."""

    pid: int
    argv: tuple[str, ...]
    since_ns: int
    """When it was started, on the monotonic clock."""
    unit: str = ""
    """``md10`` or ``ggate11``: what it may still act on; empty = nothing of the kind."""


class Output(Protocol):
    """What a child writes to, and we read of."""

    is_cut: bool
    """Whether there was more than was kept; known once it is closed."""

    def close(self) -> bytes:
        """Read no more, and return what was kept."""
        ...


class Tail:
    """The last bytes of a stream, read as they come so that the writer never waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int, keep: int) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._keep = keep
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self.is_cut = False
        os.set_blocking(descriptor, False)
        loop.add_reader(descriptor, self._read)

    def close(self) -> bytes:
        """Take what is still in the pipe, stop reading, and return what was kept."""
        if self._descriptor >= 0:
            while self._read():
                pass
        self._stop()
        kept = b"".join(self._chunks)
        self.is_cut = self.is_cut or len(kept) > self._keep
        return kept[-self._keep :]

    def _read(self) -> bool:
        if self._descriptor < 0:
            return False
        try:
            chunk = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            self._stop()
            return False
        self._chunks.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._chunks[0]) >= self._keep:
            self._size -= len(self._chunks.popleft())
            self.is_cut = True
        return len(chunk) == READ_BYTES

    def _stop(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


class Child:
    """One running child; calls ``done`` exactly once, at its end or at its deadline."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        pid: int,
        argv: tuple[str, ...],
        outputs: tuple[Output, Output],
        deadline_ns: int,
        unit: str,
        done: Callable[["Child", Ended], None],
    ) -> None:
        self.pid = pid
        self.unit = unit
        self.argv = argv
        self.started_ns = time.monotonic_ns()
        self.is_abandoned = False
        self._done = done
        self._stdout, self._stderr = outputs
        self._deadline_ns = deadline_ns
        self._timer = loop.call_later(deadline_ns / 1e9, self._abandon)

    def ended(self, status: int) -> None:
        """Take note that the child was reaped."""
        self._timer.cancel()
        if not self.is_abandoned:
            self._report(status, "")

    def end(self) -> None:
        """Kill the child and everything in its process group, and forget about its answer."""
        self._timer.cancel()
        if not self.is_abandoned:
            self.is_abandoned = True
            self._stdout.close()
            self._stderr.close()
            self._kill()

    def cut_short(self) -> None:
        """Kill the child before its deadline and answer at once, as nobody waits for its work any more."""
        if not self.is_abandoned:
            self._timer.cancel()
            self._give_up(f"{self.argv[0]} was killed: its work is not wanted any more")

    def _abandon(self) -> None:
        seconds = self._deadline_ns / 1e9
        self._give_up(f"{self.argv[0]} did not end within {seconds:g} s and was killed")

    def _give_up(self, problem: str) -> None:
        """Kill the group, once, and answer at once: one in the D state cannot be waited for."""
        self.is_abandoned = True
        self._kill()
        self._report(None, problem)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _report(self, status: int | None, problem: str) -> None:
        stdout, stderr = self._stdout.close(), self._stderr.close()
        self._done(
            self,
            Ended(
                status=status,
                stdout=stdout,
                stderr=stderr,
                took_ns=time.monotonic_ns() - self.started_ns,
                problem=problem,
                is_cut=self._stdout.is_cut or self._stderr.is_cut,
            ),
        )
