"""``hafailover resolve``: an operator names the copy to keep; what only the other one holds is kept in a file."""

import json
import time
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.divergence import compare, differences, only_group, sides
from hafailover.cli.reaching import reaching_options, socket_path
from hafailover.cli.spans import read_line
from hafailover.errors import RequestRefusedError
from hafailover.system.control_client import STATUS_S, ControlClient

ORDER_S: Final = 30.0
SAVE_S: Final = 4 * 3600.0
_LOOK_S: Final = 0.5


@click.command()
@reaching_options
@click.option("--keep", required=True, metavar="NODE", help="The node whose copy is kept.")
@click.option(
    "--reason",
    required=True,
    callback=read_line,
    help="Why; it stays in the record and in the file.",
)
@click.option(
    "--confirm",
    metavar="TEXT",
    help="Instead of typing it: 'discard NODE', with the other node's name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what came of it as JSON.")
@click.argument("group", required=False)
def resolve(
    config: Path,
    socket: Path | None,
    group: str | None,
    keep: str,
    reason: str,
    confirm: str | None,
    *,
    as_json: bool,
) -> None:
    """Keep the copy of GROUP on one node, and give the other one up.

    For copies between which only a person can choose: diverged, without a valid record, or both
    stale. Before anything is overwritten, the blocks in which the discarded copy differs are put
    into a file on its node (hafailover divergence --kept); then it is rebuilt online.
    """
    client = ControlClient(socket_path(config, socket))
    try:
        described = only_group(client.ask("status", group, patience_s=STATUS_S)["groups"])
        loser = _loser(described, keep)
        result = compare(client, described)
        for line in (*sides(described), *differences(result)):
            click.echo(line, err=True)
        click.echo(
            f"What only the copy on {loser} holds is lost to the group. Its differing blocks are kept in a file;\n"
            f"to be able to go back to the whole of it, copy its image aside on {loser} first.",
            err=True,
        )
        wanted = f"discard {loser}"
        said = confirm if confirm is not None else click.prompt(f"Type '{wanted}'", err=True)
        if said != wanted:
            raise click.UsageError(f"nothing was done: {said!r} is not '{wanted}'")
        answer = client.ask(
            "resolve",
            described["group"],
            patience_s=ORDER_S,
            seen_epoch=described["epoch"],
            keep=keep,
            reason=reason,
        )
        click.echo(answer["text"], err=as_json)
        try:
            text = _await_choice(client, described["group"], loser)
        except KeyboardInterrupt:
            click.echo("the order stands; what comes of it: hafailover status", err=True)
            raise
    finally:
        client.close()
    document = {
        "schema": 1,
        "group": described["group"],
        "kept": keep,
        "discarded": loser,
        "accepted": True,
        "text": text,
    }
    click.echo(json.dumps(document) if as_json else text)


def _loser(group: dict[str, Any], keep: str) -> str:
    """Return the node whose copy is given up.

    Raises:
        RequestRefusedError: There is nothing to choose, or nobody to tell.
    """
    own, peer = str(group["node"]), group["peer"]
    if keep not in (own, peer["name"]):
        raise RequestRefusedError(f"there is no node {keep!r}; there are {own} and {peer['name']}")
    if not peer["heard"]:
        raise RequestRefusedError(
            f"{peer['name']} is not heard: both nodes have to know of the choice",
            hint="if it is lost for good: hafailover promote --force-copy --peer-is-off",
        )
    if not peer["unresolved"]:
        raise RequestRefusedError(f"there is nothing to choose: {peer['verdict']}")
    return peer["name"] if keep == own else own


def _await_choice(client: ControlClient, group: str, loser: str) -> str:
    """Wait until both nodes have recorded the choice; return what to say then.

    Raises:
        RequestRefusedError: The copy was not given up after all.
    """
    end = time.monotonic() + SAVE_S
    idle = 0
    while time.monotonic() < end:
        time.sleep(_LOOK_S)
        described = client.ask("status", group, patience_s=STATUS_S)["groups"][0]
        peer = described["peer"]
        if peer["heard"] and not peer["unresolved"]:
            return f"the choice is recorded on both nodes; the copy of {loser} is rebuilt"
        is_own = described["node"] == loser
        is_saving = described["resolving"] is not None if is_own else peer["resolving"]
        idle = 0 if is_saving or not peer["heard"] else idle + 1
        if idle * _LOOK_S > ORDER_S:
            raise RequestRefusedError(
                f"the copy of {loser} was not given up", hint=f"the log of {loser} says why"
            )
    raise RequestRefusedError(f"the copy of {loser} is still being saved", hint="hafailover status")
