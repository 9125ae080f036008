"""``hafailover status``: who serves, how the copies stand, and how old each of these facts is."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli import nagios
from hafailover.cli.live import wants_colour, watch
from hafailover.cli.reaching import reaching_options, socket_path
from hafailover.cli.status_text import render_status
from hafailover.errors import ControlError, HaFailoverError
from hafailover.override import override
from hafailover.system.control_client import STATUS_S, ControlClient

EXIT_STATUS: Final = {"healthy": 0, "degraded": 1, "not served": 2, "unknown": 3}
UNKNOWN: Final = 3


class _Monitoring(click.Command):
    """A command whose exit status monitoring reads: what is wrong with the command line is unknown to it, not down."""

    @override
    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _unknown_if_misused():
            return super().make_context(*args, **extra)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with _unknown_if_misused():
            return super().invoke(ctx)


class _MisusedError(click.UsageError):
    exit_code = UNKNOWN


@contextlib.contextmanager
def _unknown_if_misused() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        raise _MisusedError(error.message, error.ctx) from error


@click.command(cls=_Monitoring)
@reaching_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "--watch", "is_live", is_flag=True, help="Show it live, both nodes side by side, until Ctrl-C."
)
@click.option(
    "--nagios", "is_plugin", is_flag=True, help="Print one line with figures, as a check plugin."
)
@click.argument("group", required=False)
def status(
    config: Path,
    socket: Path | None,
    group: str | None,
    *,
    as_json: bool,
    is_live: bool,
    is_plugin: bool,
) -> int:
    """Show the state of all groups, or of GROUP.

    Exit status: 0 healthy, 1 degraded (served, and the other copy is not in sync, or etcd does not count
    it yet), 2 not served, 3 unknown (no agent answers, or it knows no such group,
    or the command line is wrong); they mean the same to Nagios and Icinga. Of
    several groups the worst one counts. Colours are left out where NO_COLOR is set, and where the output
    is no terminal.
    """
    if is_live and (as_json or is_plugin):
        raise click.UsageError(
            "--watch is for a person; a program asks again, or reads the metrics"
        )
    if is_live:
        watch(socket_path(config, socket), group)
    try:
        document = _ask(socket_path(config, socket), group)
    except HaFailoverError as error:
        if is_plugin:
            return _plugin(nagios.unknown(error.message))
        if not isinstance(error, ControlError):
            raise
        return _unknown(error, as_json=as_json)
    if is_plugin:
        return _plugin(nagios.render(document))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(render_status(document, colour=wants_colour()))
    return exit_status(document)


def _ask(socket: Path, group: str | None) -> dict[str, Any]:
    client = ControlClient(socket)
    try:
        document: dict[str, Any] = client.ask("status", group, patience_s=STATUS_S)
        return document
    finally:
        client.close()


def _plugin(said: tuple[str, int]) -> int:
    click.echo(said[0])
    return said[1]


def exit_status(document: dict[str, Any]) -> int:
    """Return what the worst group makes of the exit status."""
    return max(
        (EXIT_STATUS.get(each.get("health"), UNKNOWN) for each in document["groups"]),
        default=UNKNOWN,
    )


def _unknown(error: ControlError, *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps({"schema": 1, "groups": [], "problem": error.message}))
    else:
        click.echo(f"hafailover: {error.message}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
    return UNKNOWN
