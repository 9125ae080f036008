"""``hafailover history``: what happened, when, and why."""

import json
from collections import deque
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.journal_files import (
    iso_moment,
    journal_lines,
    journal_path,
    read_moment,
    shown_moment,
)
from hafailover.cli.live import wants_colour
from hafailover.cli.reaching import config_option
from hafailover.runtime.chronicle import Told, tell

JSON_VERSION: Final = 1
_COLOURS: Final = {"critical": "red", "warning": "yellow", "note": "cyan"}


@click.command()
@config_option
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The journal itself, also one that was copied from another host.",
)
@click.option(
    "--since",
    metavar="TIME",
    callback=read_moment,
    help="Only what came later: 2026-11-22T03:00, 03:00 (today), 2h (ago).",
)
@click.option("--until", metavar="TIME", callback=read_moment, help="Only what came before.")
@click.option("--alerts", is_flag=True, help="Only alerts and their ends.")
@click.option("-n", "--last", type=click.IntRange(1), help="Only so many entries, the newest ones.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("group", required=False)
def history(
    config: Path,
    journal: Path | None,
    since: int | None,
    until: int | None,
    last: int | None,
    group: str | None,
    *,
    alerts: bool,
    as_json: bool,
) -> None:
    """Tell what happened to all groups, or to GROUP, and why.

    Read from this node's journal and the file before it; no agent has to run. Each node has a journal
    of its own. Times are local.
    """
    path = journal_path(config, journal)
    found = (
        each
        for each in tell(journal_lines(path))
        if group in (None, each.group)
        and (not alerts or each.kind in ("alert", "resolved"))
        and _is_between(each, since, until)
    )
    entries = deque(found, maxlen=last)
    if as_json:
        document = {
            "schema": JSON_VERSION,
            "journal": str(path),
            "entries": [_entry(each) for each in entries],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for each in entries:
        click.echo(_line(each, colour=wants_colour()))
    if not entries and not any(b'"line":' in line for line in journal_lines(path)):
        raise click.ClickException(f"{path} is no journal of hafailover")
    if not entries:
        _refuse_unknown(path, group)
        click.echo("nothing is told of that time", err=True)


def _refuse_unknown(path: Path, group: str | None) -> None:
    """Tell a group that was mistyped from one to which nothing happened."""
    known = sorted({each.group for each in tell(journal_lines(path)) if each.group})
    if group is not None and known and group not in known:
        raise click.ClickException(
            f"{path} tells of no group {group!r}; it tells of: {', '.join(known)}"
        )


def _is_between(each: Told, since: int | None, until: int | None) -> bool:
    if each.at_ns is None:
        return since is None and until is None
    return (since is None or each.at_ns >= since) and (until is None or each.at_ns < until)


def _entry(each: Told) -> dict[str, Any]:
    return {
        "at": iso_moment(each.at_ns),
        "group": each.group,
        "kind": each.kind,
        "name": each.name,
        "severity": each.severity,
        "text": each.text,
    }


def _line(each: Told, *, colour: bool) -> str:
    label = {"note": "", "alert": f"{each.severity.upper()} ", "resolved": "resolved "}.get(
        each.kind, f"{each.kind}: "
    )
    name = f"{each.name}: " if each.name else ""
    text = f"{label}{name}{each.text}"
    if colour and each.kind == "alert":
        text = click.style(text, fg=_COLOURS.get(each.severity, "white"))
    elif colour and each.kind in ("order", "start", "stop"):
        text = click.style(text, bold=True)
    return f"{shown_moment(each.at_ns)}  {each.group:<8} {text}"
