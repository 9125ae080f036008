"""``hafailover status``: who serves, how the copies stand, and how old each of these facts is."""

import json
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli import nagios
from hafailover.cli.live import wants_colour, watch
from hafailover.cli.reaching import reaching_options, socket_path
from hafailover.cli.status_text import render_status
from hafailover.errors import AgentNotRunningError, ControlError
from hafailover.system.control_client import STATUS_S, ControlClient

EXIT_STATUS: Final = {"healthy": 0, "degraded": 1, "not served": 2, "unknown": 3}
UNKNOWN: Final = 3


@click.command()
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
    it yet), 2 not served, 3 unknown (no agent answers); they mean the same to Nagios and Icinga. Of
    several groups the worst one counts. Colours are left out where NO_COLOR is set, and where the output
    is no terminal.
    """
    if is_live and as_json:
        raise click.UsageError(
            "--watch is for a person; a program asks again, or reads the metrics"
        )
    if is_live:
        watch(socket_path(config, socket), group)
    try:
        client = ControlClient(socket_path(config, socket))
        try:
            document = client.ask("status", group, patience_s=STATUS_S)
        finally:
            client.close()
    except AgentNotRunningError as error:
        return (
            _plugin(nagios.unknown(error.message))
            if is_plugin
            else _unknown(error, as_json=as_json)
        )
    if is_plugin:
        return _plugin(nagios.render(document))
    if as_json:
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(render_status(document, colour=wants_colour()))
    return exit_status(document)


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
        click.echo(f"hafailover: {error.message}\nhint: {error.hint}", err=True)
    return UNKNOWN
