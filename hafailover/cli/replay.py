"""``hafailover replay``: does the core do again what a journal says that it did?"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.reaching import config_option
from hafailover.config.load import load
from hafailover.group.actions import Action
from hafailover.group.events import Event
from hafailover.runtime.codec import encode
from hafailover.runtime.core import core_of
from hafailover.runtime.replay import JournalError, Replayed
from hafailover.runtime.replay import replay as replay_lines

JSON_VERSION: Final = 1


@click.command()
@config_option
@click.option("--node", envvar="HAFAILOVER_NODE", help="Which of the nodes wrote the journal.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("journal", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def replay(config: Path, node: str | None, journal: Path, *, as_json: bool) -> int:
    """Feed the JOURNAL of an agent to the core of this version again, and compare.

    The configuration must be the one that the agent had. Exit status: 0 if every step came out the
    same bit for bit, 1 if one did not, 2 if the journal cannot be read.
    """
    with journal.open("rb") as file:
        first = file.readline()
    if b'"line":' not in first:
        raise click.UsageError(f"{journal} is no journal of hafailover")
    settings = load(config, node or _node_of(first))
    cores = {group.name: core_of(group) for group in settings.groups}
    count, difference = 0, None
    try:
        with journal.open("rb") as lines:
            for step in replay_lines(lines, cores):
                count += 1
                if not step.is_same:
                    difference = step
                    break
    except JournalError as error:
        raise click.UsageError(f"{journal}: {error}") from error
    differs = _header_of(first).get("digest", settings.digest) != settings.digest
    if as_json:
        click.echo(json.dumps(_document(journal, count, difference, differs=differs), indent=2))
    else:
        for line in _text(count, difference, differs=differs):
            click.echo(line)
    return 0 if difference is None else 1


def _header_of(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _node_of(line: bytes) -> str | None:
    node = _header_of(line).get("node")
    return node if isinstance(node, str) else None


def _document(
    journal: Path, count: int, difference: Replayed | None, *, differs: bool
) -> dict[str, Any]:
    return {
        "schema": JSON_VERSION,
        "journal": str(journal),
        "steps": count,
        "same": difference is None,
        "configuration_differs": differs,
        "difference": None
        if difference is None
        else {
            "line": difference.line,
            "group": difference.group,
            "now_ns": difference.now,
            "event": encode(Event, difference.event),
            "recorded": [encode(Action, each) for each in difference.recorded],
            "replayed": [encode(Action, each) for each in difference.actions],
        },
    }


def _text(count: int, difference: Replayed | None, *, differs: bool) -> Iterator[str]:
    if differs:
        yield "note: the agent that wrote this journal had another configuration"
    if difference is None:
        yield f"{count} steps, every one came out the same"
        return
    yield f"line {difference.line}, group {difference.group}: another outcome after {count - 1} steps"
    yield f"  event     {_short(encode(Event, difference.event))}"
    recorded = [_short(encode(Action, each)) for each in difference.recorded]
    replayed = [_short(encode(Action, each)) for each in difference.actions]
    common = _common(recorded, replayed)
    yield f"  the first {common} actions are the same"
    for label, found in (("recorded", recorded[common:]), ("replayed", replayed[common:])):
        for each in found or ["nothing more"]:
            yield f"  {label:<9} {each}"


def _common(one: list[str], other: list[str]) -> int:
    """Return how many entries both begin with."""
    same = [mine == theirs for mine, theirs in zip(one, other, strict=False)]
    return next((at for at, is_same in enumerate(same) if not is_same), len(same))


def _short(document: object) -> str:
    text = json.dumps(document, ensure_ascii=False)
    return text if len(text) <= 300 else f"{text[:297]}..."
