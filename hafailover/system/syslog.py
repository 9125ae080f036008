"""How do lines get to syslogd(8), which may not be there yet, or be another one than a moment ago?

A datagram socket stays connected to the syslogd that was there when it connected: after a restart of that one, every
line is refused until somebody connects again.
"""

import errno
import socket
import time
from collections.abc import Callable, Iterable
from typing import Final

SOCKETS: Final = ("/var/run/log", "/dev/log")
REOPEN_S: Final = 1.0
"""The socket is opened at most so often: who writes many lines must not spend the loop's time on it."""
NOTICE: Final = 5
WARNING: Final = 4
CRITICAL: Final = 2
_FACILITY_DAEMON: Final = 3
_NO_ROOM: Final = (errno.EAGAIN, errno.ENOBUFS)
"""It is there and does not keep up."""


class Syslog:
    """A connection that does not block, and is made anew when it is broken."""

    def __init__(
        self,
        node: str,
        *,
        paths: Iterable[str] = SOCKETS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a connection, if there is somebody to connect to yet."""
        self._node = node
        self._paths = tuple(paths)
        self._now = now
        self._link: socket.socket | None = None
        self._lost = 0
        self._open()

    def send(self, line: str, level: int) -> None:
        """Send one line; what was lost before it is counted and told first."""
        if self._lost and self._pass(f"{self._lost} lines were lost here", WARNING):
            self._lost = 0
        if not self._pass(line, level):
            self._lost += 1

    def close(self) -> None:
        """Let go of the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _pass(self, line: str, level: int) -> bool:
        text = f"<{_FACILITY_DAEMON * 8 + level}>hafailover[{self._node}]: {line}"
        packet = text.encode(errors="backslashreplace")
        try:
            return self._try(packet)
        except OSError as error:
            if error.errno in _NO_ROOM:
                return False
        self.close()
        try:
            return self._try(packet)
        except OSError:
            return False

    def _try(self, packet: bytes) -> bool:
        if self._link is None and self._now() - self._opened_at >= REOPEN_S:
            self._open()
        if self._link is None:
            return False
        self._link.send(packet)
        return True

    def _open(self) -> None:
        self._opened_at = self._now()
        for path in self._paths:
            try:
                self._link = _connected(path)
            except OSError:
                continue
            return


def _connected(path: str) -> socket.socket:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        link.settimeout(0)
        link.connect(path)
    except OSError:
        link.close()
        raise
    return link
