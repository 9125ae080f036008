"""Does the I/O of the data progress: the canary on a mounted volume, the fsync of an exported image?

A heartbeat says that an agent lives, not that its peer's disk still takes writes. So a number is
written and fsynced in each mounted volume again and again, by a process of that volume alone:
when a write hangs, only that process hangs. While one hangs none is added; a volume is touched only
for the moment of a write, so that it can be unmounted in between.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from hafailover.group.events import CanaryWritten, Event, ImageSynced
from hafailover.group.settings import TimerSettings
from hafailover.group.stalling import IMAGE_PERIOD
from hafailover.system.pulse import Pulse
from hafailover.units import seconds

SYNC_PERIOD: Final = IMAGE_PERIOD
SYNC_DEADLINE: Final = seconds(3)
READ_PERIOD_S: Final = 0.1
"""What went well is read at most so often; far less than the time after which it would be missed."""


class WatcherPort:
    """The canaries and image watches of all groups."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timers: Mapping[str, TimerSettings],
        feed: Callable[[str, Event], None],
    ) -> None:
        """Make the port; ``timers`` are those of each group."""
        self._loop = loop
        self._timers = timers
        self._feed = feed
        self._pulses: dict[tuple[str, str, str], Pulse] = {}
        self._read_at = loop.time()

    def watch_canary(self, group: str, volume: str, mount_point: str, *, is_on: bool) -> None:
        """Begin or end to write the canary of a volume."""
        timers = self._timers[group]

        def tell(problem: str, took_ns: int, age_ns: int) -> None:
            event = CanaryWritten(volume=volume, problem=problem, took_ns=took_ns, age_ns=age_ns)
            self._feed(group, event)

        self._set(
            ("canary", group, volume),
            lambda: Pulse(
                self._loop,
                operation="canary",
                arguments={"mount_point": mount_point, "sequence": 0},
                period=timers.canary_period,
                deadline=timers.canary_deadline,
                tell=tell,
            ),
            is_on=is_on,
        )

    def watch_image(self, group: str, volume: str, image: str, *, is_on: bool) -> None:
        """Begin or end to fsync an exported image."""

        def tell(problem: str, _took_ns: int, age_ns: int) -> None:
            self._feed(group, ImageSynced(volume=volume, problem=problem, age_ns=age_ns))

        self._set(
            ("image", group, volume),
            lambda: Pulse(
                self._loop,
                operation="sync_image",
                arguments={"path": image},
                period=SYNC_PERIOD,
                deadline=SYNC_DEADLINE,
                tell=tell,
            ),
            is_on=is_on,
        )

    def read(self) -> None:
        """Tell what has come back since the last time, unless that was a moment ago.

        To be called whenever the agent is awake, before it decides anything: what came back in time must count.
        """
        now = self._loop.time()
        if now - self._read_at < READ_PERIOD_S:
            return
        self._read_at = now
        for pulse in tuple(self._pulses.values()):
            pulse.read()

    def close(self) -> None:
        """End everything."""
        for key in tuple(self._pulses):
            self._pulses.pop(key).end()

    def _set(self, key: tuple[str, str, str], begin: Callable[[], Pulse], *, is_on: bool) -> None:
        running = self._pulses.pop(key, None)
        if running is not None:
            running.end()
        if is_on:
            pulse = self._pulses[key] = begin()
            pulse.read()
