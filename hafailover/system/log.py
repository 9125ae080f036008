"""How does the agent talk to people who read logs?

One line per thing worth saying, with the time, on standard error (daemon(8) puts it into a file) and
to syslog(3)'s socket. Neither may ever hold up the loop: standard error is written by a thread, the
socket does not block, and lines that find no room are counted. A text that is no Unicode is written
with escapes: nothing that is said may end the agent.
"""

import time
from collections.abc import Callable
from typing import Final

from hafailover.system.syslog import CRITICAL, NOTICE, WARNING, Syslog
from hafailover.system.writer_thread import LineWriter

__all__ = ["CRITICAL", "NOTICE", "WARNING", "Limit", "Log"]
_LINE_MAX: Final = 2000
LIMIT_LINES: Final = 50
LIMIT_SPAN_S: Final = 10.0
"""Syslog gets at most so many lines in so many seconds; standard error gets all."""


class Limit:
    """Lets so many lines through in each span of time, and says how many it held back."""

    def __init__(self) -> None:
        self._since = 0.0
        self._count = 0

    def let(self, line: str, now: float) -> tuple[str, ...]:
        """Return what may be said now: the line, or nothing; before it, what was left out."""
        if not 0 <= now - self._since < LIMIT_SPAN_S:
            held = self._count - LIMIT_LINES
            self._since, self._count = now, 1
            return (f"{held} lines were left out here", line) if held > 0 else (line,)
        self._count += 1
        return (line,) if self._count <= LIMIT_LINES else ()


class Log:
    """Writes lines for people."""

    def __init__(
        self,
        writer: LineWriter,
        *,
        node: str,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._wall = wall
        self._syslog = Syslog(node)
        self._limit = Limit()

    def say(self, text: str, level: int = NOTICE) -> None:
        """Write one line; a text of several lines becomes one."""
        line = " ".join(text.split("\n"))[:_LINE_MAX]
        now = self._wall()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        whole = f"{stamp}.{int(now * 1000) % 1000:03}Z {line}\n"
        self._writer.write(whole.encode(errors="backslashreplace"))
        for each in self._limit.let(line, now):
            self._syslog.send(each, level)

    def close(self, patience_s: float) -> None:
        """Write what waits, for at most so long."""
        self._syslog.close()
        self._writer.close(patience_s)
