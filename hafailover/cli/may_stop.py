"""``hafailover may-stop``: what is missing for as long as this host is off? The service script asks before a stop."""

import json
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.reaching import reaching_options, socket_path
from hafailover.errors import AgentNotRunningError
from hafailover.system.control_client import STATUS_S, ControlClient

JSON_VERSION: Final = 1
UNKNOWN: Final = 3
_HOLDERS: Final = ("primary", "promoting")


@click.command("may-stop")
@reaching_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.argument("group", required=False)
def may_stop(config: Path, socket: Path | None, group: str | None, *, as_json: bool) -> int:
    """Say whether everything that this host's data has is on the peer, too.

    It is not while this node serves and the copy of its peer is not in sync: who then switches this
    host off leaves the latest data without a host that has it. A router without volumes may always
    stop, and so may a node that serves nothing. Exit status: 0 if it may stop, 1 if something would be
    missing, with one line for each group, 3 unknown (no agent answers).
    """
    try:
        client = ControlClient(socket_path(config, socket))
        try:
            document = client.ask("status", group, patience_s=STATUS_S)
        finally:
            client.close()
    except AgentNotRunningError as error:
        if as_json:
            _print_json(None, [], error.message)
        else:
            click.echo(f"hafailover: {error.message}\nhint: {error.hint}", err=True)
        return UNKNOWN
    found = [(each["group"], line) for each in document["groups"] if (line := missing(each))]
    if as_json:
        _print_json(not found, found, "")
    else:
        for _, line in found:
            click.echo(line)
    return 1 if found else 0


def _print_json(may_stop: bool | None, found: list[tuple[str, str]], problem: str) -> None:  # noqa: FBT001
    document = {
        "schema": JSON_VERSION,
        "may_stop": may_stop,
        "missing": [{"group": name, "text": text} for name, text in found],
        "problem": problem,
    }
    click.echo(json.dumps(document))


def missing(group: dict[str, Any]) -> str:
    """Say what a group's data lacks on the other node, by the agent's own words; empty if nothing."""
    if group["role"] not in _HOLDERS or not group["volumes"]:
        return ""
    peer = group["peer"]
    if not group["in_sync"]:
        percents = [each["rebuild_percent"] for each in group["volumes"]]
        known = [percent for percent in percents if percent is not None]
        done = f", it is being rebuilt, {min(known)} %" if known else ""
        return f"{group['group']}: the copy of {peer['name']} is not in sync{done}"
    if not peer["heard"]:
        return f"{group['group']}: {peer['name']} is not heard"
    return ""
