"""``hafailover alert``: does what is to reach people reach them?"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Final

import click

from hafailover.config.load import load
from hafailover.config.place import DEFAULT_PATH
from hafailover.group.actions import Severity
from hafailover.runtime.alerting import Alert
from hafailover.runtime.settings import NodeSettings

JSON_VERSION: Final = 1
_TEXT: Final = "a trial of the alerts; nothing is wrong"


@click.group()
def alert() -> None:
    """Try out how alerts reach people."""


@alert.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="HAFAILOVER_CONFIG",
    help="The configuration file.",
)
@click.option("--node", envvar="HAFAILOVER_NODE", help="Which of the nodes this host is.")
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    default="critical",
    show_default=True,
    help="How loud it is; who wants to hear only louder ones is not told.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def test(config: Path, node: str | None, severity: str, *, as_json: bool) -> None:
    """Send a trial alert to every destination at once, and say which of them took it.

    It is sent from here, not by the agent, which need not run; nothing is tried twice. Its kind is
    test. Exit status: 0 if all took it, 1 if one did not, 78 if there is nobody to tell.
    """
    settings = load(config, node)
    outcomes = asyncio.run(_deliver(settings, Severity(severity)))
    if as_json:
        document = {
            "schema": JSON_VERSION,
            "destinations": [
                {"name": name, "delivered": not problem, "problem": problem}
                for name, problem in outcomes
            ],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _print(outcomes)
    sys.stdout.flush()
    # A thread that waits for a resolver must not keep the command.
    os._exit(_status(outcomes))


def _print(outcomes: list[tuple[str, str]]) -> None:
    for name, problem in outcomes:
        word = click.style("failed", fg="red") if problem else click.style("taken ", fg="green")
        click.echo(f"{word}  {name}" + (f": {problem}" if problem else ""))
    if not outcomes:
        click.echo("nobody is told: alerts has no destination in the configuration", err=True)


def _status(outcomes: list[tuple[str, str]]) -> int:
    if not outcomes:
        return 78
    return int(any(problem for _, problem in outcomes))


async def _deliver(settings: NodeSettings, severity: Severity) -> list[tuple[str, str]]:
    """Try every destination; returns its name and what went wrong."""
    from hafailover.courier.destinations import destinations_of, fetch, wants  # noqa: PLC0415

    trial = Alert(
        time_ms=time.time_ns() // 1_000_000,
        node=settings.node,
        group=settings.groups[0].name,
        kind="test",
        severity=severity,
        state="raised",
        text=_TEXT,
    )
    told = [each for each in destinations_of(settings.alerts) if wants(each, trial)]
    failures = await asyncio.gather(*(each.deliver(trial) for each in told))
    outcomes = [
        (each.name, failure.text if failure else "")
        for each, failure in zip(told, failures, strict=True)
    ]
    dead_man = settings.alerts.dead_man
    if dead_man is not None:
        failure = await fetch(dead_man.url, 10.0)
        outcomes.append(("dead man", failure.text if failure else ""))
    return outcomes
