"""Is carp(4) loaded while the agent runs? From then on a raw socket hears nothing of protocol 112.

The module brings its sysctl tree along (seen on 14.0), and asking for one of its names takes some microseconds: often
enough to be heard again before anybody counts the other router as silent.
"""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

PERIOD_S: Final = 0.5
_NAME: Final = b"net.inet.carp.allow"


def has_carp() -> bool:
    """Return whether the kernel knows carp(4), by sysctlbyname(3)."""
    size = ctypes.c_size_t()
    asked = ctypes.CDLL(None).sysctlbyname(_NAME, None, ctypes.byref(size), None, 0)
    return bool(asked == 0)


class CarpWatch:
    """Looks until it has come, then calls ``found`` once."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, look: Callable[[], bool], found: Callable[[], None]
    ) -> None:
        """Begin to look."""
        self._loop, self._look, self._found = loop, look, found
        self._timer = loop.call_later(PERIOD_S, self._turn)

    def _turn(self) -> None:
        if self._look():
            self._found()
        else:
            self._timer = self._loop.call_later(PERIOD_S, self._turn)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()
