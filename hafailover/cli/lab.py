"""hafailover lab: two nodes on this machine, to watch, to measure and to break."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from hafailover.cli import lab_text
from hafailover.config.problems import suggestion
from hafailover.errors import EX_UNAVAILABLE
from hafailover.lab import etcd_cluster, sandbox, scenario, standing
from hafailover.lab.configuration import Tuning
from hafailover.lab.storm import storm as draw_storm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hafailover.lab.outcome import Outcome
    from hafailover.lab.world import World

_PROGRESS_SECONDS: Final = 0.3

_SIMULATED: Final = """\
In the simulator: the decisions are the product's; hosts, packets and times are a model, and the
volume is so small that its rebuild is over at once.
"""

ARBITERS: Final = ("ping", "none", "etcd", "fence")
_ARBITER_HELP: Final = (
    "Who decides when the nodes cannot talk: the lab's gateway (ping), nobody, three real etcd "
    "servers, or a power switch (fence)."
)
SCENARIOS: Final = Path(scenario.__file__).parent / "scenarios"


@click.group()
def lab() -> None:
    """Two nodes on this machine, to watch, to measure and to break.

    The agents are real, and so are packets, processes and the bytes in the image files; FreeBSD's
    storage commands are emulated. It needs Linux, and root or user namespaces.
    """


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
        _enter(*(story.tuning.arbiter for story in stories))
        outcomes = [asyncio.run(_play(story, keep=keep, quiet=as_json)) for story in stories]
    for outcome in outcomes:
        if as_json:
            click.echo(json.dumps(outcome.to_json()))
    sys.exit(0 if all(outcome.passed for outcome in outcomes) else 1)


@lab.command()
@click.option(
    "--arbiter",
    type=click.Choice(ARBITERS),
    default="ping",
    show_default=True,
    help=_ARBITER_HELP,
)
@click.option(
    "--megabytes",
    type=click.IntRange(2, 4096),
    default=64,
    show_default=True,
    help="Size of the volume.",
)
@click.option(
    "--bare",
    is_flag=True,
    help="Hosts without key, images and running agents: for hafailover init.",
)
def up(arbiter: str, megabytes: int, *, bare: bool) -> None:
    """Start the lab and leave it standing, to play with.

    It stands until it is interrupted here, or until hafailover lab down.
    """
    _enter(arbiter)
    directory = standing.default_directory()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    tuning = Tuning(arbiter=arbiter, image_megabytes=megabytes, metrics_port=9181)
    try:
        asyncio.run(_stand(directory, tuning, bare=bare))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@lab.command()
@click.option(
    "--arbiter",
    type=click.Choice(ARBITERS),
    default="etcd",
    show_default=True,
    help=_ARBITER_HELP,
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
    _enter(arbiter)
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


@lab.command()
def down() -> None:
    """End the lab that stands."""
    try:
        standing.take_down(standing.default_directory())
    except OSError as problem:
        raise _nothing_stands() from problem


@lab.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def fault(words: tuple[str, ...]) -> None:
    """Break or mend something in the lab that stands, in the words of the scenarios.

    For example: power-off A; power-on A; cut replication A; heal replication A; kill-agent B.
    """
    try:
        answer = standing.tell(standing.default_directory(), " ".join(words))
    except OSError as problem:
        raise _nothing_stands() from problem
    if answer != "done":
        raise click.ClickException(answer)


@lab.command(context_settings={"ignore_unknown_options": True})
@click.argument("node", type=click.Choice(scenario.NODES))
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def enter(node: str, words: tuple[str, ...]) -> None:
    """Run a command in a node of the lab that stands; without one, a shell."""
    try:
        entrance = standing.entrance(standing.default_directory(), node)
    except OSError as problem:
        raise _nothing_stands(f"node {node} is off, or no lab stands") from problem
    command = [*entrance, *(words or ("sh",))]
    os.execvp(command[0], command)  # noqa: S606 -- argument vector, no shell


def _nothing_stands(what: str = "no lab stands") -> click.ClickException:
    return click.ClickException(f"{what}: start one with hafailover lab up")


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


def _enter(*arbiters: str) -> None:
    """Go on in namespaces of its own, or say what is missing for that."""
    missing = sandbox.missing() or (etcd_cluster.missing() if "etcd" in arbiters else None)
    if missing is not None:
        click.echo(missing, err=True)
        sys.exit(EX_UNAVAILABLE)
    sandbox.enter(["-m", "hafailover", *sys.argv[1:]])


@asynccontextmanager
async def _standing(directory: Path, tuning: Tuning, *, bare: bool = False) -> AsyncIterator[World]:
    """Bring a lab up, and down again."""
    # pyroute2 costs a third of a second.
    from hafailover.lab.world import BARE, PRODUCT, World  # noqa: PLC0415

    async with World(directory, tuning, BARE if bare else PRODUCT) as world:
        await world.start()
        yield world


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
        if not quiet:
            lab_text.print_title(story)
        async with _standing(directory, story.tuning) as world:
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


_FIRST_STEPS: Final = (
    "Nothing is set up yet. On both nodes, A first:",
    "  hafailover lab enter A hafailover init",
    "  hafailover lab enter A sh -c 'cat $HOME/etc/hafailover.key' |",
    "      hafailover lab enter B sh -c 'umask 77; cat > $HOME/etc/hafailover.key'",
    "  hafailover lab enter B hafailover init",
    "  hafailover lab enter A service hafailover start    (and B)",
)


async def _stand(directory: Path, tuning: Tuning, *, bare: bool) -> None:
    """Bring a lab up, say how it is played with, and wait."""
    async with _standing(directory, tuning, bare=bare) as world:
        click.echo(
            "\n".join(
                (
                    f"The lab stands in {directory}.",
                    *(_FIRST_STEPS if bare else ()),
                    "  hafailover lab enter A                 a shell in node A",
                    "  hafailover lab enter A gmirror status  one command there",
                    "  hafailover lab enter A hafailover status",
                    "  hafailover lab fault power-off A       break something (and power-on A)",
                    "  hafailover lab fault cut replication A (and heal replication A)",
                    "  hafailover lab down                    end it",
                )
            )
        )
        await standing.stand(world)
