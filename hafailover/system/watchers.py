"""Does the I/O of the data progress: the canary on a mounted volume, the fsync of an exported image?

A heartbeat says that an agent lives, not that its peer's disk still takes writes. So a number is
written and fsynced in each mounted volume again and again, by a worker process of that volume alone:
when a write hangs, only that process hangs. While one hangs none is added; a volume is touched only
for the moment of a write, so that it can be unmounted in between.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from hafailover.group.events import CanaryWritten, Event, ImageSynced
from hafailover.group.settings import TimerSettings
from hafailover.system.worker import Answer, StuckWorker, Worker
from hafailover.units import Nanoseconds, seconds

SYNC_PERIOD: Final = seconds(1)
SYNC_DEADLINE: Final = seconds(3)


class _Pulse:
    """One operation, done again and again."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker: Worker,
        *,
        operation: str,
        arguments: Callable[[int], Mapping[str, Any]],
        period: Nanoseconds,
        deadline: Nanoseconds,
        tell: Callable[[str], None],
    ) -> None:
        self._worker = worker
        self._operation = operation
        self._arguments = arguments
        self._period_s = period / 1e9
        self._deadline = deadline
        self._tell = tell
        self._loop = loop
        self._task = loop.create_task(self._beat())

    def end(self) -> tuple[StuckWorker, ...]:
        """Stop at once, also in the middle of a write; returns who could not be stopped."""
        self._task.cancel()
        self._worker.close()
        return self._worker.stuck

    async def _beat(self) -> None:
        sequence, due = 0, self._loop.time()
        while True:
            sequence += 1
            self._tell(await self._once(sequence))
            # Counted from the last beat's time and not from its end, but never two at once.
            due = max(due + self._period_s, self._loop.time())
            await asyncio.sleep(due - self._loop.time())

    async def _once(self, sequence: int) -> str:
        if stuck := self._worker.stuck:
            age_s = (self._loop.time() * 1e9 - stuck[0].since_ns) / 1e9
            return f"{self._operation} has hung for {age_s:.1f} s (pid {stuck[0].pid})"
        answer: Answer = await self._worker.call(
            self._operation, self._arguments(sequence), self._deadline
        )
        return "" if answer.is_done else answer.problem


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
        self._pulses: dict[tuple[str, str, str], _Pulse] = {}

    def watch_canary(self, group: str, volume: str, mount_point: str, *, is_on: bool) -> None:
        """Begin or end to write the canary of a volume."""
        timers = self._timers[group]
        self._set(
            ("canary", group, volume),
            lambda: _Pulse(
                self._loop,
                Worker(self._loop, f"canary {group}/{volume}"),
                operation="canary",
                arguments=lambda number: {"mount_point": mount_point, "sequence": number},
                period=timers.canary_period,
                deadline=timers.canary_deadline,
                tell=lambda problem: self._feed(
                    group, CanaryWritten(volume=volume, problem=problem)
                ),
            ),
            is_on=is_on,
        )

    def watch_image(self, group: str, volume: str, image: str, *, is_on: bool) -> None:
        """Begin or end to fsync an exported image."""
        self._set(
            ("image", group, volume),
            lambda: _Pulse(
                self._loop,
                Worker(self._loop, f"fsync {group}/{volume}"),
                operation="sync_image",
                arguments=lambda _: {"path": image},
                period=SYNC_PERIOD,
                deadline=SYNC_DEADLINE,
                tell=lambda problem: self._feed(group, ImageSynced(volume=volume, problem=problem)),
            ),
            is_on=is_on,
        )

    def close(self) -> None:
        """End everything."""
        for key in tuple(self._pulses):
            self._pulses.pop(key).end()

    def _set(self, key: tuple[str, str, str], begin: Callable[[], _Pulse], *, is_on: bool) -> None:
        running = self._pulses.pop(key, None)
        if running is not None:
            running.end()
        if is_on:
            self._pulses[key] = begin()
