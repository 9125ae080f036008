"""The orders of an operator: switchover, pause, resume, rejoin, promote, clear-hold."""

import json
import time
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.asking import only_group
from hafailover.cli.reaching import reaching_options, socket_path
from hafailover.cli.spans import read_line, read_span
from hafailover.errors import EX_TEMPFAIL, ControlError
from hafailover.system.control_client import STATUS_S, ControlClient

PATIENCE_S: Final = 30.0
SWITCHOVER_S: Final = 240.0
"""A handover waits for services to stop and file systems to be unmounted."""
JSON_VERSION: Final = 1
_LOOK_S: Final = 0.2

json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.command()
@reaching_options
@click.option("--reason", default="", callback=read_line, help="Shown in the history.")
@click.option("--no-wait", is_flag=True, help="Return as soon as it has begun.")
@json_option
@click.argument("group", required=False)
def switchover(
    config: Path,
    socket: Path | None,
    reason: str,
    group: str | None,
    *,
    no_wait: bool,
    as_json: bool,
) -> int:
    """Move GROUP to the other node, in order and without loss.

    It can be given on either node. Returns when the other one serves. Exit status: 0 if it does, 1 if
    the order was refused, 75 if it took too long; the status tells then what it waits for.
    """
    order = _Order(config, socket, group)
    before = order.seen["serving_node"]
    text = order.give("switchover", patience_s=SWITCHOVER_S, reason=reason)
    if no_wait or before is None:
        return _say(order, text, as_json=as_json)
    began = time.monotonic()
    while time.monotonic() - began < SWITCHOVER_S:
        now = order.look()
        if now is not None and now["serving_node"] not in (None, before):
            took = time.monotonic() - began
            return _say(order, f"{now['serving_node']} serves after {took:.1f} s", as_json=as_json)
        if now is not None and now["serving_node"] == before and time.monotonic() - began > 10:
            break
        time.sleep(_LOOK_S)
    found = order.look()
    seen = found["headline"] if found is not None else "the agent does not answer"
    _say(order, f"not moved: {seen}", as_json=as_json, accepted=False)
    return EX_TEMPFAIL


@click.command()
@reaching_options
@click.option(
    "--for",
    "span",
    metavar="SPAN",
    callback=read_span,
    help="End by itself after so long (2h); otherwise it lasts until resume.",
)
@click.option(
    "--reason", default="", callback=read_line, help="Shown to whoever looks at the status."
)
@json_option
@click.argument("group", required=False)
def pause(
    config: Path,
    socket: Path | None,
    span: int | None,
    reason: str,
    group: str | None,
    *,
    as_json: bool,
) -> int:
    """Stop changes of role of GROUP on this node. Losses are still handled, and nothing stops serving.

    It is durable before it takes effect, and outlives a restart. For maintenance of the pair give it
    on both nodes.
    """
    until = 0 if span is None else int(time.time()) + span
    order = _Order(config, socket, group)
    return _say(order, order.give("pause", until_wall=until, reason=reason), as_json=as_json)


@click.command()
@reaching_options
@json_option
@click.argument("group", required=False)
def resume(config: Path, socket: Path | None, group: str | None, *, as_json: bool) -> int:
    """End the pause of GROUP on this node."""
    order = _Order(config, socket, group)
    return _say(order, order.give("resume"), as_json=as_json)


@click.command()
@reaching_options
@json_option
@click.argument("group", required=False)
def rejoin(config: Path, socket: Path | None, group: str | None, *, as_json: bool) -> int:
    """Let the copy of GROUP that fell behind be rebuilt, where that waits for a word.

    It can be given on either node. Everything on the copy that fell behind is overwritten, which
    never happens to one that has diverged.
    """
    order = _Order(config, socket, group)
    return _say(order, order.give("rejoin"), as_json=as_json)


@click.command()
@reaching_options
@click.option("--force-copy", is_flag=True, help="Use this node's copy although it lacks writes.")
@click.option("--peer-is-off", is_flag=True, help="You know that the peer is powered off.")
@click.option("--accept-mixture", is_flag=True, help="Use a copy whose rebuild never finished.")
@click.option("--reason", default="", callback=read_line, help="Shown in the history.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts, which have to know.")
@json_option
@click.argument("group", required=False)
def promote(
    config: Path,
    socket: Path | None,
    reason: str,
    group: str | None,
    *,
    yes: bool,
    as_json: bool,
    **forces: bool,
) -> int:
    """Make this node primary for GROUP where it would not become it by itself.

    Each force asks for its own confirmation, which names what is lost and has to be typed. hafailover
    plan --goal primary shows before what would be done; hafailover explain shows what is missing.
    """
    order = _Order(config, socket, group)
    for force, risk, phrase in _risks(str(order.seen["peer"]["name"])):
        if forces[force]:
            click.echo(f"--{force.replace('_', '-')}: {risk}", err=True)
            if not yes:
                _confirm(phrase)
    return _say(order, order.give("promote", reason=reason, **forces), as_json=as_json)


def _risks(peer: str) -> tuple[tuple[str, str, str], ...]:
    """Return each force with what it may cost, and what has to be typed."""
    return (
        (
            "force_copy",
            f"Writes that only {peer} has are given up for good.",
            f"lose writes of {peer}",
        ),
        (
            "peer_is_off",
            f"If {peer} is NOT off, both nodes write, and the data splits in two.",
            f"{peer} is off",
        ),
        (
            "accept_mixture",
            "This copy is a mixture of old and new: files may be damaged or gone.",
            "accept damaged files",
        ),
    )


@click.command()
@reaching_options
@json_option
@click.argument("group", required=False)
def clear_hold(config: Path, socket: Path | None, group: str | None, *, as_json: bool) -> int:
    """Forget the failed promotions of GROUP, and try again."""
    order = _Order(config, socket, group)
    return _say(order, order.give("clear-hold"), as_json=as_json)


def _confirm(phrase: str) -> None:
    """Have a phrase typed; anything else, also an empty line, gives up."""
    typed = click.prompt(f"Type '{phrase}' to go on", default="", show_default=False, err=True)
    if typed.strip() != phrase:
        raise click.Abort


class _Order:
    """One order to one group of the running agent."""

    def __init__(self, config: Path, socket: Path | None, group: str | None) -> None:
        """See what the group is like: the order is refused if it moves on in between."""
        self._path = socket_path(config, socket)
        self.seen = only_group(self._ask("status", group, STATUS_S)["groups"])
        self.group = str(self.seen["group"])

    def give(self, word: str, *, patience_s: float = PATIENCE_S, **options: Any) -> str:
        """Give the order; returns the agent's answer."""
        epoch = self.seen["epoch"]
        return str(self._ask(word, self.group, patience_s, seen_epoch=epoch, **options)["text"])

    def look(self) -> dict[str, Any] | None:
        """Return what the group is like now; None if the agent does not answer."""
        try:
            return only_group(self._ask("status", self.group, STATUS_S)["groups"])
        except ControlError:
            return None

    def _ask(self, word: str, group: str | None, patience_s: float, **options: Any) -> Any:
        client = ControlClient(self._path)
        try:
            return client.ask(word, group, patience_s=patience_s, **options)
        finally:
            client.close()


def _say(order: _Order, text: str, *, as_json: bool, accepted: bool = True) -> int:
    if as_json:
        document = {
            "schema": JSON_VERSION,
            "group": order.group,
            "accepted": accepted,
            "text": text,
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        click.echo(text, err=not accepted)
    return 0
