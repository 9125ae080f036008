"""``hafailover explain``: why is this node primary, or why is it not, and what would change that?"""

import json
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.asking import Known, ask_state, settings_of
from hafailover.cli.journal_files import (
    iso_moment,
    journal_lines,
    journal_path,
    read_moment,
    shown_moment,
)
from hafailover.cli.live import wants_colour
from hafailover.cli.reaching import reaching_options
from hafailover.cli.status_text import age_text, folded
from hafailover.group.conditions import Condition
from hafailover.group.explaining import Explanation
from hafailover.group.explaining import explain as explain_group
from hafailover.group.transitions import ways_out
from hafailover.runtime.core import core_of
from hafailover.runtime.replay import JournalError, replay
from hafailover.units import MILLISECOND, Instant

JSON_VERSION: Final = 1
_WIDTH: Final = 78


@click.command()
@reaching_options
@click.option(
    "--at",
    "moment",
    metavar="TIME",
    callback=read_moment,
    help="As it stood then, from the journal: 2026-11-22T03:00, 03:00 (today), 2h (ago).",
)
@click.option(
    "--journal",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --at: the journal itself, also one that was copied from another host.",
)
@click.option("--node", envvar="HAFAILOVER_NODE", help="With --at: whose journal it is.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.argument("group", required=False)
def explain(
    config: Path,
    socket: Path | None,
    moment: int | None,
    journal: Path | None,
    node: str | None,
    group: str | None,
    *,
    as_json: bool,
) -> None:
    """Say why this node is primary for GROUP, or why not, and what would change it.

    Every condition stands on its own: what has to hold, whether it does, what is seen. With --at the
    journal is replayed up to that moment, and the same is said of then.
    """
    if moment is None and journal is not None:
        # Without a moment the running agent is asked, and its answer would pass for the journal's.
        raise click.UsageError("--journal needs --at: which moment of it?")
    if moment is None:
        known, at_ns = ask_state(config, socket, group), None
    else:
        settings = settings_of(config, node, group)
        known, at_ns = _known_at(settings, journal_path(config, journal), moment)
    found = explain_group(known.state, known.settings, known.now)
    if as_json:
        click.echo(json.dumps(_document(known, found, at_ns), indent=2, ensure_ascii=False))
    else:
        click.echo(_text(known, found, at_ns, colour=wants_colour()))


def _known_at(settings: Any, path: Path, moment: int) -> tuple[Known, int]:
    """Return what was known at a moment, by replaying the journal, and when that was written.

    Raises:
        click.ClickException: The journal does not reach that far back.
    """
    offset, last = [0], None
    cores = {settings.name: core_of(settings)}

    def lines() -> Any:
        for line in journal_lines(path):
            if line.startswith(b'{"line":"clock"'):
                offset[0] = int(json.loads(line)["offset"])
            yield line

    try:
        for step in replay(lines(), cores):
            at_ns = offset[0] + step.now
            if offset[0] and at_ns > moment:
                break
            last = (step.state, step.now, at_ns)
    except JournalError as error:
        raise click.ClickException(f"{path}: {error}") from error
    if last is None:
        raise click.ClickException(f"{path} tells nothing of {shown_moment(moment)} or before")
    state, now, at_ns = last
    # What a pair at rest does is not written: nothing had changed between the last line and then.
    return Known(settings=settings, state=state, now=Instant(now)), at_ns


def _document(known: Known, found: Explanation, at_ns: int | None) -> dict[str, Any]:
    return {
        "schema": JSON_VERSION,
        "node": known.settings.node,
        "group": known.settings.name,
        "at": iso_moment(at_ns),
        "role": found.role.value,
        "role_age_ms": max(0, known.now - found.since) // MILLISECOND,
        "why": found.why,
        "question": found.question,
        "verdict": found.verdict,
        "leaves": [{"to": role.value, "when": when} for role, when in ways_out(found.role)],
        "conditions": [
            {"what": each.what, "met": each.is_met, "seen": each.seen, "remedy": each.remedy}
            for each in found.conditions
        ],
    }


def _text(known: Known, found: Explanation, at_ns: int | None, *, colour: bool) -> str:
    when = "" if at_ns is None else f", as it stood at {shown_moment(at_ns)}"
    age = age_text(max(0, known.now - found.since) // MILLISECOND)
    head = f"{known.settings.name} on {known.settings.node}: {found.role.value} for {age}{when}"
    lines = [click.style(head, bold=True) if colour else head]
    lines += [f"  {each}" for each in folded(f"because {found.why}", _WIDTH - 2)]
    lines += ["", f"{found.question}:"]
    for condition in found.conditions:
        lines += _condition(condition, colour=colour)
    lines += ["", "It leaves this role:"]
    for role, when in ways_out(found.role):
        lines += [f"  {each}" for each in folded(f"-> {role.value}: {when}", _WIDTH - 2)]
    if found.verdict:
        lines += ["", *folded(f"In the agent's words: {found.verdict}", _WIDTH)]
    return "\n".join(lines)


def _condition(condition: Condition, *, colour: bool) -> list[str]:
    sign = "yes" if condition.is_met else "NO"
    mark = f"{sign:<4}"
    if colour:
        mark = click.style(mark, fg="green" if condition.is_met else "red", bold=True)
    first, *rest = folded(f"{condition.what}: {condition.seen}", _WIDTH - 6)
    lines = [f"  {mark}{first}", *(f"      {each}" for each in rest)]
    if not condition.is_met and condition.remedy:
        lines += [f"      {each}" for each in folded(f"-> {condition.remedy}", _WIDTH - 6)]
    return lines
