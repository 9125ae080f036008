"""``hafailover lab up``: a lab that is left standing, and what is done to it until it is taken down."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING, Final

import click

from hafailover.cli.lab_place import (
    ARBITER_HELP,
    ARBITERS,
    enter_place,
    refuse_long_path,
    standing_world,
)
from hafailover.lab import scenario, standing
from hafailover.lab.configuration import Tuning

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option(
    "--arbiter",
    type=click.Choice(ARBITERS),
    default="ping",
    show_default=True,
    help=ARBITER_HELP,
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
    enter_place(arbiter)
    directory = standing.default_directory()
    refuse_long_path(directory)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    tuning = Tuning(arbiter=arbiter, image_megabytes=megabytes, metrics_port=9181)
    try:
        asyncio.run(_stand(directory, tuning, bare=bare))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@click.command()
def down() -> None:
    """End the lab that stands."""
    try:
        standing.take_down(standing.default_directory())
    except OSError as problem:
        raise _nothing_stands() from problem


@click.command(context_settings={"ignore_unknown_options": True})
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


@click.command(context_settings={"ignore_unknown_options": True})
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
    async with standing_world(directory, tuning, bare=bare) as world:
        await standing.stand(world, lambda: _welcome(directory, bare=bare))


def _welcome(directory: Path, *, bare: bool) -> None:
    """Say how the lab is played with."""
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
