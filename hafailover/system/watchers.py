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
from hafailover.system.worker import Answer, AnswerKind, StuckWorker, Worker
from hafailover.units import Nanoseconds, seconds

_HOSTS_WORD: Final = (AnswerKind.FAILED, AnswerKind.REFUSED)
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
        tell: Callable[[str, int], None],
    ) -> None:
        """``tell``: is told the host's error, empty if there was none, and for how long it was under way, in ns.

        Of one that does not come back nothing is told: that is no error, and the core knows by the silence.
        """
        self._worker = worker
        self._operation = operation
        self._arguments = arguments
        self._period_s = period / 1e9
        self._deadline = deadline
        self._tell = tell
        self._loop = loop
        self._sequence = 0
        self._due = self._began = loop.time()
        self._is_over = False
        # Callbacks and no task: several beats a second are most of what a host at rest does.
        self._timer: asyncio.Handle = loop.call_soon(self._beat)

    def end(self) -> tuple[StuckWorker, ...]:
        """Stop at once, also in the middle of a write; returns who could not be stopped."""
        self._is_over = True
        self._timer.cancel()
        self._worker.close()
        return self._worker.stuck

    def _beat(self) -> None:
        self._sequence += 1
        self._began = self._loop.time()
        if self._worker.stuck:
            self._again()
            return
        arguments = self._arguments(self._sequence)
        self._worker.ask(self._operation, arguments, self._deadline, self._answered)

    def _answered(self, answer: Answer) -> None:
        if not self._is_over and (answer.is_done or answer.kind in _HOSTS_WORD):
            problem = "" if answer.is_done else answer.problem
            self._tell(problem, round((self._loop.time() - self._began) * 1e9))
        self._again()

    def _again(self) -> None:
        # What was told may have ended it.
        if self._is_over:
            return
        # Counted from the last beat's time and not from its end, but never two at once.
        self._due = max(self._due + self._period_s, self._loop.time())
        self._timer = self._loop.call_at(self._due, self._beat)


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
                tell=lambda problem, took_ns: self._feed(
                    group, CanaryWritten(volume=volume, problem=problem, took_ns=took_ns)
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
                tell=lambda problem, _: self._feed(
                    group, ImageSynced(volume=volume, problem=problem)
                ),
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
