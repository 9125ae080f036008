"""How does the agent talk to people who read logs?

One line per thing worth saying, with the time, on standard error (daemon(8) puts it into a file) and
to syslog(3)'s socket. Neither may ever hold up the loop: standard error is written by a thread, the
socket does not block, and lines that find no room are counted.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hafailover.system.writer_thread import LineWriter

_SOCKETS: Final = ("/var/run/log", "/dev/log")
_FACILITY_DAEMON: Final = 3
_LINE_MAX: Final = 2000
NOTICE: Final = 5
WARNING: Final = 4
CRITICAL: Final = 2


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
        self._node = node
        self._wall = wall
        self._syslog = _open_syslog()

    def say(self, text: str, level: int = NOTICE) -> None:
        """Write one line; a text of several lines becomes one."""
        line = " ".join(text.split("\n"))[:_LINE_MAX]
        now = self._wall()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        self._writer.write(f"{stamp}.{int(now * 1000) % 1000:03}Z {line}\n".encode())
        if self._syslog is not None:
            packet = f"<{_FACILITY_DAEMON * 8 + level}>hafailover[{self._node}]: {line}"
            with contextlib.suppress(OSError):
                self._syslog.send(packet.encode())

    def close(self, patience_s: float) -> None:
        """Write what waits, for at most so long."""
        if self._syslog is not None:
            self._syslog.close()
        self._writer.close(patience_s)


def _open_syslog() -> socket.socket | None:
    for path in _SOCKETS:
        if not Path(path).is_socket():
            continue
        link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        link.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            link.connect(path)
        except OSError:
            link.close()
            continue
        return link
    return None
