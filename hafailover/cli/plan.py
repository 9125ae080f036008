"""``hafailover plan``: the exact commands that would be run now, and what stands against them. Runs nothing."""

import json
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.asking import Known, ask_state
from hafailover.cli.reaching import reaching_options
from hafailover.cli.status_text import folded
from hafailover.runtime.foresight import Foreseen, Foresight, Goal, foresee

JSON_VERSION: Final = 1
_WIDTH: Final = 78
_KINDS: Final = {
    "command": "run",
    "work": "do",
    "records": "record",
    "service": "run",
    "address": "address",
    "arbiter": "ask",
}


@click.command()
@reaching_options
@click.option(
    "--goal",
    type=click.Choice([goal.value for goal in Goal]),
    required=True,
    help="What this node would become.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("group", required=False)
def plan(config: Path, socket: Path | None, goal: str, group: str | None, *, as_json: bool) -> int:
    """Say what this node would do now to become primary or secondary for GROUP. Nothing is run.

    The agent's own core is asked, on what the agent sees at this moment, and every step is taken to
    succeed. If the order would be refused, the refusal is printed, and what would be run if the
    obstacle were gone. Exit status: 0 if it would be done, 1 if it would be refused.
    """
    known = ask_state(config, socket, group)
    found = foresee(known.state, known.settings, known.now, Goal(goal))
    if as_json:
        click.echo(json.dumps(_document(known, found), indent=2, ensure_ascii=False))
    else:
        click.echo(_text(known, found))
    return 1 if found.refusal or found.stopped_at else 0


def _document(known: Known, found: Foresight) -> dict[str, Any]:
    return {
        "schema": JSON_VERSION,
        "node": known.settings.node,
        "group": known.settings.name,
        "goal": found.goal.value,
        "role": known.state.role.value,
        "refusal": found.refusal,
        "imagined": found.imagined,
        "stopped_at": found.stopped_at,
        "steps": [
            {"kind": each.kind, "what": each.what, "reason": each.reason} for each in found.steps
        ],
    }


def _text(known: Known, found: Foresight) -> str:
    node, role = known.settings.node, known.state.role.value
    lines = [f"{known.settings.name} on {node}: {role} now, {found.goal.value} is asked for"]
    if found.refusal:
        lines += ["", *folded(f"It would be refused: {found.refusal}", _WIDTH)]
    if found.imagined:
        lines += ["", *folded(f"If {found.imagined}, it would do this:", _WIDTH)]
    elif found.steps:
        lines += ["", "It would do this:"]
    elif not found.refusal:
        lines += ["", "Nothing has to be done for that."]
    for number, step in enumerate(found.steps, 1):
        lines += _step(number, step)
    if found.stopped_at:
        lines += ["", *folded(f"There it would stop: {found.stopped_at}", _WIDTH)]
    return "\n".join(lines)


def _step(number: int, step: Foreseen) -> list[str]:
    # A command stands on one line, however long: it may be copied.
    head = f"{number:>3}  {_KINDS[step.kind]:<8}{step.what}"
    return [head, *([f"{'':13}# {step.reason}"] if step.reason else [])]
