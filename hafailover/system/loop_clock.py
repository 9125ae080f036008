"""The clock and the one timer of the agent's driver, in asyncio's terms."""

import asyncio
import time
from collections.abc import Callable

from hafailover.units import SECOND, Instant


class MonotonicClock:
    """CLOCK_MONOTONIC, which asyncio counts by as well."""

    def now(self) -> Instant:
        """Return the present instant."""
        return Instant(time.monotonic_ns())


def wall_offset() -> int:
    """Return the Unix time, in nanoseconds, at which the monotonic clock stood at zero."""
    return time.time_ns() - time.monotonic_ns()


class LoopAlarm:
    """The timer: one handle in the loop, moved as the nearest deadline moves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, instant: Instant | None) -> None:
        """Go off at ``instant``; None = never."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if instant is not None:
            self._handle = self._loop.call_at(instant / SECOND, self._ring)
