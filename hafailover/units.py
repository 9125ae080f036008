"""What do the bare numbers of this package mean?

Time inside the package is integer nanoseconds: an ``Instant`` on the monotonic clock of one host, or a
``Nanoseconds`` span. Seconds and milliseconds exist only in configuration, JSON and text.
"""

from typing import Final, NewType

Instant = NewType("Instant", int)
"""A moment on this host's monotonic clock, in nanoseconds. Never compared across hosts."""

Nanoseconds = NewType("Nanoseconds", int)
"""A span of time in nanoseconds."""

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
CENTISECOND: Final = 10_000_000
"""VRRP version 3 counts its interval in these (RFC 9568 section 5.2.7)."""


def seconds(value: float) -> Nanoseconds:
    """Convert seconds to nanoseconds, rounded to the nearest one."""
    return Nanoseconds(round(value * SECOND))


def milliseconds(value: float) -> Nanoseconds:
    """Convert milliseconds to nanoseconds, rounded to the nearest one."""
    return Nanoseconds(round(value * MILLISECOND))


def later(instant: Instant, span: int) -> Instant:
    """Return the instant that lies ``span`` nanoseconds after ``instant``."""
    return Instant(instant + span)
