"""How are durations, sizes and times of day written, and read back?"""

import re
from typing import Final

from hafailover.units import MICROSECOND, MILLISECOND, SECOND

_DURATION_UNITS: Final = {
    "d": 86_400 * SECOND,
    "h": 3_600 * SECOND,
    "m": 60 * SECOND,
    "s": SECOND,
    "ms": MILLISECOND,
    "us": MICROSECOND,
}
_SIZE_UNITS: Final = {"T": 1 << 40, "G": 1 << 30, "M": 1 << 20, "K": 1 << 10, "B": 1}
_DURATION: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?(us|ms|s|m|h|d)")
_SIZE: Final = re.compile(r"([0-9]{1,18})([BKMGT])")
_DAY_TIME: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def parse_duration(text: str) -> int:
    """Return nanoseconds for ``300ms``, ``1.5s``, ``2m``, ``1h`` or ``1d``.

    Raises:
        ValueError: the text is no duration; a number without its unit is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        if text.isascii() and text.replace(".", "", 1).isdigit():
            raise ValueError(f"the unit is missing: {text}s, {text}ms?")
        raise ValueError
    whole, fraction, unit = match.groups()
    size = _DURATION_UNITS[unit]
    part = int((fraction or "0").ljust(6, "0"))
    return int(whole) * size + part * size // 1_000_000


def render_duration(span_ns: int) -> str:
    """Return the shortest text that ``parse_duration`` reads as ``span_ns``."""
    for unit, size in _DURATION_UNITS.items():
        if span_ns % size == 0 and span_ns >= size:
            return f"{span_ns // size}{unit}"
    return "0s" if span_ns == 0 else f"{span_ns / MICROSECOND:g}us"


def parse_size(text: str) -> int:
    """Return bytes for ``500M`` or ``1G``; K, M, G and T are powers of 1024, as in truncate(1).

    Raises:
        ValueError: the text is no size; a number without its unit is none.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        if text.isascii() and text.isdigit():
            raise ValueError(f"the unit is missing: {text}M, {text}B?")
        raise ValueError
    return int(match[1]) * _SIZE_UNITS[match[2]]


def render_size(size_bytes: int) -> str:
    """Return the shortest text that ``parse_size`` reads as ``size_bytes``."""
    for unit, size in _SIZE_UNITS.items():
        if size_bytes % size == 0 and size_bytes >= size:
            return f"{size_bytes // size}{unit}"
    return "0B"


def parse_window(text: str) -> tuple[int, int]:
    """Return minutes after midnight for ``22:00-05:30``; the end may lie on the next day.

    Raises:
        ValueError: the text is no window, or an empty one.
    """
    begin, dash, end = text.partition("-")
    first, last = _DAY_TIME.fullmatch(begin), _DAY_TIME.fullmatch(end)
    if not dash or first is None or last is None or begin == end:
        raise ValueError
    return int(first[1]) * 60 + int(first[2]), int(last[1]) * 60 + int(last[2])


def render_window(window: tuple[int, int]) -> str:
    """Return the text of a window."""
    return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in window)
