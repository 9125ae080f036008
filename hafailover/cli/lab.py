"""hafailover lab: two nodes on this machine, to watch, to measure and to break."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hafailover.cli import lab_text
from hafailover.cli.lab_place import (
    ARBITER_HELP,
    ARBITERS,
    enter_place,
    refuse_long_path,
    standing_world,
)
from hafailover.cli.lab_standing import down, enter, fault, up
from hafailover.config.problems import suggestion
from hafailover.lab import scenario
from hafailover.lab.storm import storm as draw_storm

if TYPE_CHECKING:
    from hafailover.lab.outcome import Outcome
    from hafailover.lab.world import World

_PROGRESS_SECONDS: Final = 0.3

_SIMULATED: Final = """\
In the simulator: the decisions are the product's; hosts, packets and times are a model, and the
volume is so small that its rebuild is over at once.
"""

SCENARIOS: Final = Path(scenario.__file__).parent / "scenarios"


@click.group()
def lab() -> None:
    """Two nodes on this machine, to watch, to measure and to break.

    The agents are real, and so are packets, processes and the bytes in the image files; FreeBSD's
    storage commands are emulated. It needs Linux, and root or user namespaces.
    """


for _command in (up, down, fault, enter):
    lab.add_command(_command)


@lab.command("list")
def list_() -> None:
    """List the scenarios."""
    for path in sorted(SCENARIOS.glob("*.yaml")):
        click.echo(f"{path.stem}\n    {scenario.load(path).about}")


@lab.command()
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, one line each.")
@click.option("--keep", is_flag=True, help="Leave the lab's directory behind, logs and images.")
@click.option(
    "--simulated",
    is_flag=True,
    help="Play in the simulator, where nothing is real but the decisions; needs no privilege.",
)
@click.option(
    "--transcript",
    is_flag=True,
    help="With --simulated: print only roles, copies, alerts and orders, in whole seconds.",
)
def run(
    scenarios: tuple[str, ...], *, as_json: bool, keep: bool, simulated: bool, transcript: bool
) -> None:
    """Play scenarios: names of the list, or files.

    Exits with 0 if all passed, with 1 if one did not, with 69 if this machine allows no lab.
    """
    stories = [_find(name) for name in scenarios]
    for story in stories:
        if not simulated and "lab" not in story.where:
            raise click.ClickException(f"{story.name} is for the simulator: add --simulated")
    if simulated:
        outcomes = [
            _simulate(story, quiet=as_json or transcript, transcript=transcript)
            for story in stories
        ]
    else:
        enter_place(*(story.tuning.arbiter for story in stories))
        outcomes = [asyncio.run(_play(story, keep=keep, quiet=as_json)) for story in stories]
    for outcome in outcomes:
        if as_json:
            click.echo(json.dumps(outcome.to_json()))
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


@lab.command()
@click.option(
    "--arbiter",
    type=click.Choice(ARBITERS),
    default="etcd",
    show_default=True,
    help=ARBITER_HELP,
)
@click.option(
    "--faults",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    help="So many random faults in a row; each is mended after a while.",
)
@click.option("--seed", type=int, help="Draws the same faults again; a new one if left out.")
@click.option(
    "--megabytes",
    type=click.IntRange(2, 4096),
    default=8,
    show_default=True,
    help="Size of the volume.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, one line.")
@click.option("--keep", is_flag=True, help="Leave the lab's directory behind, logs and images.")
def storm(
    *, arbiter: str, faults: int, seed: int | None, megabytes: int, as_json: bool, keep: bool
) -> None:
    """Play random faults in a row on one lab, and look for every acknowledged record afterwards.

    Power, agents, whole hosts, cables, and with etcd its servers. Nobody lays a hand on the pair: in
    the end one node has to serve and both copies have to be in sync. Exits as lab run does.
    """
    enter_place(arbiter)
    story = draw_storm(
        faults=faults,
        seed=secrets.randbelow(1 << 32) if seed is None else seed,
        arbiter=arbiter,
        megabytes=megabytes,
    )
    outcome = asyncio.run(_play(story, keep=keep, quiet=as_json))
    if as_json:
        click.echo(json.dumps(outcome.to_json()))
    sys.exit(0 if outcome.passed else 1)


def _find(name: str) -> scenario.Scenario:
    """Return the scenario of a name or file."""
    path = SCENARIOS / f"{name}.yaml"
    if not path.exists():
        path = Path(name)
    if not path.exists():
        known = [each.stem for each in SCENARIOS.glob("*.yaml")]
        raise click.BadParameter(
            f"{name} is neither in hafailover lab list nor a file{suggestion(name, known)}"
        )
    try:
        return scenario.load(path)
    except scenario.ScenarioError as problem:
        raise click.ClickException(str(problem)) from problem


def _simulate(story: scenario.Scenario, *, quiet: bool, transcript: bool) -> Outcome:
    """Play one scenario in the simulator, and say so."""
    from hafailover.cli import simulated  # noqa: PLC0415 -- the lab itself needs none of it
    from hafailover.cli.simulated_faults import CannotPlayError  # noqa: PLC0415 -- as above

    def tell(milliseconds: int, what: str) -> None:
        if not quiet:
            lab_text.print_moment(milliseconds, what)

    if not quiet:
        lab_text.print_title(story)
        click.echo(_SIMULATED)
    play = simulated.Play(story, tell)
    try:
        outcome, evidence = play.play()
    except CannotPlayError as problem:
        raise click.ClickException(str(problem)) from problem
    if transcript:
        click.echo(play.chronicle.end(outcome), nl=False)
    if not quiet:
        lab_text.print_outcome(outcome, evidence, 0)
    return outcome


async def _play(story: scenario.Scenario, *, keep: bool, quiet: bool) -> Outcome:
    """Play one scenario in a directory of its own."""
    from hafailover.lab.runner import Runner  # noqa: PLC0415 -- as above

    def tell(milliseconds: int, what: str) -> None:
        if not quiet:
            lab_text.print_moment(milliseconds, what)

    directory = Path(tempfile.mkdtemp(prefix="hafailover-lab-"))
    try:
        refuse_long_path(directory)
        if not quiet:
            lab_text.print_title(story)
        async with standing_world(directory, story.tuning) as world:
            runner = Runner(world, story, tell)
            show = None if quiet else asyncio.create_task(_show_progress(world))
            outcome = await runner.play()
            if show is not None:
                show.cancel()
    finally:
        if keep:
            click.echo(f"kept: {directory}", err=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if not quiet and runner.evidence is not None:
        lab_text.print_outcome(outcome, runner.evidence, runner.begin_ns)
    return outcome


async def _show_progress(world: World) -> None:
    """Keep a bar on the last line of the terminal while a rebuild runs."""
    from hafailover.lab import progress  # noqa: PLC0415 -- as above

    while sys.stdout.isatty():
        percent = await progress.rebuild_percent(world)
        if percent is not None:
            click.echo(f"{lab_text.WIPE}{'':12}{progress.bar(percent)}", nl=False)
        await asyncio.sleep(_PROGRESS_SECONDS)
