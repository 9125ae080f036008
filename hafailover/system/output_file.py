"""Where does a command write whose daemon writes on after the command, and after the agent, have ended?

The daemon would be killed by SIGPIPE at its first word if that went into a pipe that nobody reads any more.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

BYTES_MAX: Final = 1 << 20
"""More than this is thrown away when there is an occasion: the file is in the agent's way, and no log."""


class FileTail:
    """The last bytes of a file that a child writes to."""

    def __init__(self, descriptor: int, keep: int) -> None:
        self._descriptor = descriptor
        self._keep = keep
        self.is_cut = False

    def close(self) -> bytes:
        """Read no more, and return what was kept."""
        try:
            begin = max(0, os.fstat(self._descriptor).st_size - self._keep)
            self.is_cut = begin > 0
            return os.pread(self._descriptor, self._keep, begin)
        except OSError:
            return b""
        finally:
            os.close(self._descriptor)


def open_output(path: Path) -> int:
    """Open it empty; where that cannot be, what is said is lost, and the command runs all the same.

    Raises:
        OSError: There is not even a descriptor.
    """
    # Who holds it from an earlier run writes behind the others, and not into a hole.
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, flags, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def empty_if_long(path: Path) -> None:
    """Throw away what was written there if it is too much."""
    with suppress(OSError):
        if path.stat().st_size > BYTES_MAX:
            os.truncate(path, 0)
