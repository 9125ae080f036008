"""The orders of an operator: switchover, pause, resume, rejoin, promote, clear-hold."""

import re
import time
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.reaching import reaching_options, socket_path
from hafailover.system.control_client import STATUS_S, ControlClient

PATIENCE_S: Final = 30.0
SWITCHOVER_S: Final = 240.0
"""A handover waits for services to stop and file systems to be unmounted."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")


def read_span(_ctx: click.Context, _param: click.Parameter, text: str | None) -> int | None:
    """Return the seconds of a span such as ``90s``, ``30m``, ``2h``, ``1d``."""
    if text is None:
        return None
    match = _SPAN.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a span such as 90s, 30m, 2h or 1d")
    return int(match[1]) * _UNITS[match[2]]


@click.command()
@reaching_options
@click.argument("group", required=False)
def switchover(config: Path, socket: Path | None, group: str | None) -> None:
    """Move GROUP to the other node, in order and without loss. Returns when it has been moved."""
    _order("switchover", group, config, socket, patience_s=SWITCHOVER_S)


@click.command()
@reaching_options
@click.option(
    "--for",
    "span",
    metavar="SPAN",
    callback=read_span,
    help="End by itself after so long (2h); otherwise it lasts until resume.",
)
@click.option("--reason", default="", help="Shown to whoever looks at the status.")
@click.argument("group", required=False)
def pause(
    config: Path, socket: Path | None, span: int | None, reason: str, group: str | None
) -> None:
    """Stop changes of role of GROUP. Losses are still handled, and nothing stops serving."""
    until = 0 if span is None else int(time.time()) + span
    _order("pause", group, config, socket, until_wall=until, reason=reason)


@click.command()
@reaching_options
@click.argument("group", required=False)
def resume(config: Path, socket: Path | None, group: str | None) -> None:
    """End the pause of GROUP."""
    _order("resume", group, config, socket)


@click.command()
@reaching_options
@click.argument("group", required=False)
def rejoin(config: Path, socket: Path | None, group: str | None) -> None:
    """Let the peer's copy of GROUP be rebuilt from this node's, where that waits for a word."""
    _order("rejoin", group, config, socket)


@click.command()
@reaching_options
@click.option("--force-copy", is_flag=True, help="Use this node's copy although it lacks writes.")
@click.option("--peer-is-off", is_flag=True, help="You know that the peer is powered off.")
@click.option("--accept-mixture", is_flag=True, help="Use a copy whose rebuild never finished.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("group", required=False)
def promote(
    config: Path,
    socket: Path | None,
    group: str | None,
    *,
    force_copy: bool,
    peer_is_off: bool,
    accept_mixture: bool,
    yes: bool,
) -> None:
    """Make this node primary for GROUP where it would not become it by itself."""
    risks = {
        "writes that only the peer has are given up": force_copy,
        "if the peer is NOT off, both nodes write and the data splits": peer_is_off,
        "the copy is a mixture of old and new; files may be damaged": accept_mixture,
    }
    for risk in (text for text, is_taken in risks.items() if is_taken):
        click.echo(f"This is at stake: {risk}.", err=True)
    if any(risks.values()) and not yes:
        click.confirm(f"Promote {group or 'the group'} on this node?", abort=True, err=True)
    flags = {
        "force_copy": force_copy,
        "peer_is_off": peer_is_off,
        "accept_mixture": accept_mixture,
    }
    _order("promote", group, config, socket, **flags)


@click.command()
@reaching_options
@click.argument("group", required=False)
def clear_hold(config: Path, socket: Path | None, group: str | None) -> None:
    """Forget the failed promotions of GROUP, and try again."""
    _order("clear-hold", group, config, socket)


def _order(
    word: str,
    group: str | None,
    config: Path,
    socket: Path | None,
    *,
    patience_s: float = PATIENCE_S,
    **options: Any,
) -> None:
    client = ControlClient(socket_path(config, socket))
    try:
        # The order carries the epoch that was current when it was given: if the group has moved
        # on in between, the agent says so instead of acting on old news.
        seen = client.ask("status", group, patience_s=STATUS_S)
        named = _only_group(seen["groups"])
        result = client.ask(
            word, named["group"], patience_s=patience_s, seen_epoch=named["epoch"], **options
        )
    finally:
        client.close()
    click.echo(result["text"])


def _only_group(groups: list[dict[str, Any]]) -> dict[str, Any]:
    if len(groups) != 1:
        names = ", ".join(str(each["group"]) for each in groups)
        raise click.UsageError(f"which group? there are: {names}")
    return groups[0]
