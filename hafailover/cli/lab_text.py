"""What the commands of the lab show a person of a scenario that is played."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from hafailover.lab import picture

if TYPE_CHECKING:
    from hafailover.lab.outcome import Evidence, Outcome
    from hafailover.lab.scenario import Scenario

WIPE: Final = "\r\x1b[K" if sys.stdout.isatty() else ""
"""Takes a bar of progress off the last line."""


def print_title(story: Scenario) -> None:
    """Print what is going to be played."""
    click.secho(f"{story.name}: {story.about}", bold=True)


def print_moment(milliseconds: int, what: str) -> None:
    """Print what has just happened."""
    click.echo(f"{WIPE}{milliseconds / 1000:9.3f} s  {what}")


def print_outcome(outcome: Outcome, evidence: Evidence, begin_ns: int) -> None:
    """Print what came of a scenario, for a person."""
    click.echo()
    for line in picture.lanes(evidence, begin_ns):
        click.echo(f"  {line}")
    end_ms = round((evidence.end_ns - begin_ns) / 1e6)
    for line in (*picture.phase_lanes(outcome.phases, end_ms), "", *picture.LEGEND):
        click.echo(f"  {line}")
    click.echo()
    for row in (
        ("outage", f"{outcome.outage_ms} ms"),
        ("writes acknowledged", str(outcome.writes_acked)),
        ("writes lost", str(outcome.writes_lost)),
        ("longest write", f"{outcome.write_stall_ms} ms"),
        ("both mounted", f"{outcome.both_mounted_ms} ms"),
    ):
        click.echo(f"  {row[0]:<22}{row[1]:>12}")
    for sentence in outcome.failures:
        click.secho(f"  {sentence}", fg="red")
    click.secho("passed" if outcome.passed else "FAILED", fg="green" if outcome.passed else "red")
