"""When are the addresses of a Master announced again?

A round is one gratuitous ARP request or unsolicited neighbour advertisement per address. Mastership
begins with a burst of rounds, a second burst follows after a delay, single rounds refresh it.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from hafailover.units import Instant, later
from hafailover.vrrp.settings import AnnounceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """The addresses are not up here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcing:
    """The addresses are up here; each field says when something is due, None if nothing is."""

    burst_left: int
    """Rounds of the running burst that are still to be sent."""

    burst_at: Instant | None
    repeat_at: Instant | None
    refresh_at: Instant | None


Schedule: TypeAlias = Quiet | Announcing


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The schedule after an event, and whether a round is to be sent now."""

    schedule: Schedule
    send: bool


def began(settings: AnnounceSettings, now: Instant) -> Round:
    """Begin with the addresses just up: the first round goes out now."""
    delay_ns = settings.repeat_delay_ns
    announcing = Announcing(
        burst_left=0,
        burst_at=None,
        repeat_at=later(now, delay_ns) if delay_ns else None,
        refresh_at=_refresh(settings, now),
    )
    return _burst(announcing, settings, now)


def repeated(schedule: Schedule, settings: AnnounceSettings, now: Instant) -> Round:
    """Send another burst, for example after a competing Master is gone; nothing while quiet."""
    match schedule:
        case Quiet():
            return Round(schedule=schedule, send=False)
        case Announcing():
            return _burst(schedule, settings, now)


def deadline(schedule: Schedule) -> Instant | None:
    """Return when ``due`` has something to do, None if never."""
    match schedule:
        case Quiet():
            return None
        case Announcing(burst_at=burst_at, repeat_at=repeat_at, refresh_at=refresh_at):
            times = [time for time in (burst_at, repeat_at, refresh_at) if time is not None]
            return min(times, default=None)


def due(schedule: Schedule, settings: AnnounceSettings, now: Instant) -> Round:
    """Do what is due at ``now``. Whatever was missed meanwhile is one round, not many."""
    match schedule:
        case Quiet():
            return Round(schedule=schedule, send=False)
        case Announcing():
            return _due(schedule, settings, now)


def _due(schedule: Announcing, settings: AnnounceSettings, now: Instant) -> Round:
    if _passed(schedule.repeat_at, now):
        return _burst(replace(schedule, repeat_at=None), settings, now)
    if _passed(schedule.burst_at, now):
        return _next_of_burst(schedule, settings, now)
    if _passed(schedule.refresh_at, now):
        return Round(schedule=replace(schedule, refresh_at=_refresh(settings, now)), send=True)
    return Round(schedule=schedule, send=False)


def _burst(schedule: Announcing, settings: AnnounceSettings, now: Instant) -> Round:
    return _next_of_burst(replace(schedule, burst_left=settings.burst_count), settings, now)


def _next_of_burst(schedule: Announcing, settings: AnnounceSettings, now: Instant) -> Round:
    left = schedule.burst_left - 1
    following = later(now, settings.burst_interval_ns) if left > 0 else None
    return Round(schedule=replace(schedule, burst_left=left, burst_at=following), send=True)


def _refresh(settings: AnnounceSettings, now: Instant) -> Instant | None:
    interval_ns = settings.refresh_interval_ns
    return later(now, interval_ns) if interval_ns else None


def _passed(time: Instant | None, now: Instant) -> bool:
    return time is not None and now >= time
