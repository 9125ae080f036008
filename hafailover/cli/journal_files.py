"""Where is the journal, and what stands in it, the file before it included?"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from hafailover.cli.spans import parse_span
from hafailover.runtime.settings import PathSettings


def journal_path(config: Path, journal: Path | None) -> Path:
    """Return the journal that was named, or the one that the configuration names."""
    if journal is not None:
        return journal
    if not config.exists():
        return PathSettings().journal
    from hafailover.config.load import load  # noqa: PLC0415 - costs a tenth of a second

    return load(config).paths.journal


def journal_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a journal, oldest first, its predecessor's before its own.

    Raises:
        click.ClickException: There is none, or it cannot be read.
    """
    files = [each for each in (path.with_name(f"{path.name}.1"), path) if each.exists()]
    if not files:
        raise click.ClickException(
            f"there is no journal {path}: the agent writes it on its own node; --journal names another file"
        )
    for each in files:
        try:
            with each.open("rb") as lines:
                yield from lines
        except OSError as error:
            raise click.ClickException(f"{each}: {error.strerror}") from error


def read_moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Return the Unix time (ns) of a moment such as ``2026-11-22T03:00``, ``03:00`` today, or ``2h`` ago."""
    if text is None:
        return None
    now = datetime.now().astimezone()
    span = parse_span(text)
    if span is not None:
        return int(now.timestamp() - span) * 1_000_000_000
    return round(_parse_moment(text, now).timestamp() * 1e9)


def _parse_moment(text: str, now: datetime) -> datetime:
    for layout in ("%H:%M", "%H:%M:%S"):
        try:
            time = datetime.strptime(text, layout)  # noqa: DTZ007 - the local day is added
        except ValueError:
            continue
        return now.replace(hour=time.hour, minute=time.minute, second=time.second, microsecond=0)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no moment such as 2026-11-22T03:00, 03:00 (today), or 2h (ago)"
        ) from error
    return found if found.tzinfo is not None else found.astimezone()


def shown_moment(at_ns: int | None) -> str:
    """Return a moment in local time, for a person."""
    if at_ns is None:
        return "time not known".ljust(23)
    moment = datetime.fromtimestamp(at_ns / 1e9).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}"


def iso_moment(at_ns: int | None) -> str | None:
    """Return a moment with its offset from UTC, for a program."""
    if at_ns is None:
        return None
    moment: Any = datetime.fromtimestamp(at_ns / 1e9).astimezone()
    return str(moment.isoformat(timespec="milliseconds"))
