"""Words of an operator: spans of time such as ``90s``, ``30m``, ``2h``, ``1d``, and reasons."""

import re
from typing import Final
from unicodedata import category

import click

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")


def parse_span(text: str) -> int | None:
    """Return the seconds of a span, None if it is none."""
    match = _SPAN.fullmatch(text)
    return None if match is None else int(match[1]) * _UNITS[match[2]]


def read_span(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Return the seconds of an option's span."""
    if text is None:
        return None
    span = parse_span(text)
    if not span:
        raise click.BadParameter(f"{text!r} is not a span such as 90s, 30m, 2h or 1d")
    return span


def read_line(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    """Return an option's text, which every page, log and terminal of both nodes shows as it is."""
    # Word processors put spaces of other kinds into a sentence; Python counts only the plain one as printable.
    if not all(each.isprintable() or category(each) == "Zs" for each in text):
        raise click.BadParameter("one line of text is taken, without control characters")
    return text
