"""Who pats the watchdog, and when not?

Every third of its span the event loop orders one pat, if every armed group allows it; a thread looks at
the clock once more and carries it out. So a loop that stands still orders none, and a device that takes
its time (one behind an IPMI controller waits for that controller) keeps nobody else waiting.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hafailover.group.events import Event, WatchdogArmed
from hafailover.system.watchdog_device import WatchdogDevice, explain
from hafailover.units import SECOND, Instant, Nanoseconds

PATS_PER_SPAN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pat:
    """Pat once, if it is not too late; ``done`` gets the problem, empty if there is none."""

    until_ns: int
    done: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Disarm:
    """Switch it off; ``done`` gets the problem, empty if there is none. ``is_own``: this life of the agent armed it."""

    done: Callable[[str], None]
    is_own: bool


class WatchdogPort:
    """The watchdog port over a device."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        device: WatchdogDevice,
        *,
        span: Nanoseconds,
        groups: Iterable[str],
        mark: Path,
        feed: Callable[[str, Event], None],
        say: Callable[[str], None],
    ) -> None:
        """Touch nothing yet.

        Args:
            loop: Where answers are delivered.
            device: What is patted.
            span: After so long without a pat it resets the host; a power of two.
            groups: All that may need it: none is disarmed before each of them has said what it needs.
            mark: A file that is there while an agent has it armed, and goes with the boot: by it the next life of the
                agent knows that it was no stranger.
            feed: Takes the answers.
            say: Takes what people should know.
        """
        self._loop = loop
        self._device = device
        self._span = span
        self._feed = feed
        self._say = say
        self._mark = mark
        self._unheard = set(groups)
        self._is_inherited = mark.exists()
        self._is_own = False
        self._is_marked = False
        self._allowed: dict[str, Instant] = {}
        self._arm_ids: dict[str, int] = {}
        """The last arming of each group."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_held_back = False
        self._orders: queue.SimpleQueue[_Pat | _Disarm | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def arm(self, group: str, arm_id: int, pat_until: Instant) -> None:
        """Arm it for a group; answered by ``WatchdogArmed``."""
        self._allowed[group] = pat_until
        self._unheard.discard(group)
        self._arm_ids[group] = arm_id
        self._is_own = True

        def answer(problem: str) -> None:
            if problem and self._arm_ids[group] == arm_id:
                self._forget(group)
            self._feed(group, WatchdogArmed(id=arm_id, problem=problem))

        self._order(_Pat(until_ns=min(self._allowed.values()), done=answer))
        self._wind_up()

    def allow(self, group: str, pat_until: Instant) -> None:
        """Take note until when an armed group allows the patting."""
        if group in self._allowed:
            self._allowed[group] = pat_until

    def disarm(self, group: str) -> None:
        """Disarm it when no group needs it, also if it was an earlier life of the agent that armed it."""
        self._forget(group)
        self._unheard.discard(group)
        if self._allowed:
            return
        if self._unheard and self._is_inherited:
            return
        self._order(_Disarm(done=self._disarmed, is_own=self._is_own))
        self._is_own = False

    def close(self) -> None:
        """End the patting. Whoever has not disarmed it wants to be reset."""
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._orders.put(None)
            self._thread.join(SECOND / 1e9)

    def _forget(self, group: str) -> None:
        """Let a group limit nothing any more: for one that was told it is not armed nobody says until when."""
        self._allowed.pop(group, None)
        if not self._allowed and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind_up(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self._span / PATS_PER_SPAN / 1e9, self._tick)

    def _tick(self) -> None:
        self._wind_up()
        until = min(self._allowed.values())
        is_late = time.monotonic_ns() >= until
        if is_late and not self._is_held_back:
            self._say("the watchdog is not patted any more: the grant ends. The host is reset soon")
        self._is_held_back = is_late
        if not is_late and self._orders.empty():
            self._order(_Pat(until_ns=until, done=self._patted))

    def _patted(self, problem: str) -> None:
        if problem:
            self._say(f"the watchdog could not be patted: {problem}")

    def _disarmed(self, problem: str) -> None:
        if problem:
            self._say(f"the watchdog could not be disarmed and may reset the host: {problem}")

    def _order(self, order: _Pat | _Disarm) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="watchdog", daemon=True)
            self._thread.start()
        self._orders.put(order)

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            problem = self._carry_out(order)
            try:
                self._loop.call_soon_threadsafe(order.done, problem)
            except RuntimeError:
                # The loop is closed: nobody wants to know any more.
                return

    def _carry_out(self, order: _Pat | _Disarm) -> str:
        try:
            if isinstance(order, _Disarm):
                if order.is_own or self._mark.exists():
                    self._device.disarm()
                    self._mark.unlink(missing_ok=True)
                    self._is_marked = False
            elif time.monotonic_ns() < order.until_ns:
                self._device.pat(self._span)
                self._note_armed()
            else:
                return "it came too late"
        except OSError as error:
            return explain(error)
        return ""

    def _note_armed(self) -> None:
        if self._is_marked:
            return
        # Without it the next life leaves the watchdog as it is: that costs a host reset at most.
        with contextlib.suppress(OSError):
            self._mark.touch()
        self._is_marked = True
