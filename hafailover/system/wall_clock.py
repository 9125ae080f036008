"""Who tells the core what time of the day it is? The core has no clock of its own but the monotonic one.

Only groups with a failback window are told; it is local time, as the host's time zone has it, daylight saving included.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from hafailover.group.events import Event, WallClockTold
from hafailover.group.settings import GroupSettings

PERIOD_S: Final = 30.0
"""So often, since the clock can be set at any time."""


class WallClock:
    """Tells the minute of the day, again and again."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        groups: Iterable[GroupSettings],
        feed: Callable[[str, Event], None],
        *,
        now: Callable[[], time.struct_time] = time.localtime,
    ) -> None:
        """Make it; ``now`` returns the local time."""
        self._loop = loop
        self._names = [group.name for group in groups if group.failback.window is not None]
        self._feed = feed
        self._now = now
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Tell now, and from now on."""
        if not self._names:
            return
        told = self._now()
        for name in self._names:
            self._feed(name, WallClockTold(minute=told.tm_hour * 60 + told.tm_min))
        self._timer = self._loop.call_later(PERIOD_S, self.start)

    def close(self) -> None:
        """Tell no more."""
        if self._timer is not None:
            self._timer.cancel()
