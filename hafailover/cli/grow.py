"""``hafailover grow``: a volume becomes larger, on one node after the other."""

import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.grow_text import Procedure, render_procedure, what_follows
from hafailover.cli.run import refuse_wrong_host
from hafailover.config.load import load
from hafailover.config.place import DEFAULT_PATH
from hafailover.config.spans import parse_size, render_size
from hafailover.errors import EX_TEMPFAIL, EdgeError
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.growth import GrowthStep
from hafailover.storage.settings import VolumeSettings

JSON_VERSION: Final = 1


class StillServingError(EdgeError):
    """The agent runs: its part of the order comes first."""

    exit_status = EX_TEMPFAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which volume, and how large it shall become."""

    config: Path
    settings: NodeSettings
    group: str
    volume: str
    wanted: int


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_PATH,
    show_default=True,
    envvar="HAFAILOVER_CONFIG",
    help="The configuration file.",
)
@click.option("--node", envvar="HAFAILOVER_NODE", help="Which of the nodes this host is.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON; implies --plan.")
@click.argument("volume")
@click.argument("size")
def grow(
    config: Path,
    node: str | None,
    volume: str,
    size: str,
    *,
    only_plan: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Enlarge VOLUME to SIZE, such as 20G, on this node: image, file system, record, configuration.

    VOLUME is a volume's name, or GROUP/VOLUME. With --plan it shows, at any time, the whole order over both nodes
    and how long nobody serves. The agent must not run here when it acts: first the node that does not serve is
    stopped and enlarged, then the one that serves; its copy is the one whose file system grows, and the other one
    is rebuilt from it. It asks before it acts. Where it is interrupted, run it again with the same size; until it
    has finished, no agent starts on this node. While the image is still being enlarged, its old size gives it up.

    Exit status: 0 if this node is done, 1 if something speaks against it, 75 if the agent runs.
    """
    settings = load(config, node)
    refuse_wrong_host(settings, os.environ, platform.system())
    target = _target(config, settings, volume, size)
    # Imported only now: a refusal, or --help, should not cost the start of everything.
    from hafailover.cli.growing import Growing, ask_agent  # noqa: PLC0415
    from hafailover.system.agent_lock import SecondAgentError  # noqa: PLC0415

    try:
        growing = Growing(target)
    except SecondAgentError:
        _refuse_less(target)
        state = ask_agent(settings, target.group)
        procedure = _procedure(target, source=state.source)
        if as_json:
            _print_json(_document(target, procedure, (), is_agent_running=True))
            return
        if only_plan:
            click.echo(render_procedure(procedure))
            return
        raise StillServingError(
            "the agent runs here, and an image is enlarged only while nothing uses it",
            hint=f"{state.advice}\n\n{render_procedure(procedure)}",
        ) from None
    with growing:
        steps = growing.steps()
        procedure = _procedure(target, source=growing.source(), goes_back=growing.goes_back())
        if as_json:
            _print_json(_document(target, procedure, steps, is_agent_running=False))
            return
        _show(procedure, steps)
        if only_plan:
            return
        if steps:
            if not yes:
                click.confirm("Do this?", abort=True, err=True)
            growing.carry_out()
    click.echo(what_follows(procedure))


def _target(config: Path, settings: NodeSettings, name: str, size: str) -> Target:
    group, _, volume = name.rpartition("/")
    named = [
        (each.name, own.name)
        for each in settings.groups
        for own in each.volumes
        if own.name == volume and group in ("", each.name)
    ]
    if len(named) != 1:
        known = ", ".join(
            f"{each.name}/{own.name}" for each in settings.groups for own in each.volumes
        )
        raise click.UsageError(f"which volume? {name!r} is not one of: {known}")
    try:
        wanted = parse_size(size)
    except ValueError as error:
        raise click.BadParameter(str(error) or f"{size!r} is no size; 20G is one") from error
    found = named[0]
    return Target(config=config, settings=settings, group=found[0], volume=found[1], wanted=wanted)


def _procedure(target: Target, *, source: str, goes_back: bool = False) -> Procedure:
    settings = target.settings
    other = settings.peer if source == settings.node else settings.node
    return Procedure(
        node=settings.node,
        source=source,
        other=other,
        volume=f"{target.group}/{target.volume}",
        size=render_size(target.wanted),
        more_bytes=max(0, target.wanted - _image_bytes(target)),
        goes_back=goes_back,
    )


def _refuse_less(target: Target) -> None:
    """Say now, and not once the pair was stopped for it, that nothing is shrunk.

    Where the agent runs, no growth is under way that a smaller size could give up.
    """
    image, size = _volume_of(target).image, _image_bytes(target)
    if target.wanted < size:
        raise click.ClickException(
            f"{image} has {size} bytes, {target.wanted} are fewer: no volume is shrunk; make a smaller volume beside "
            "it and move the files"
        )


def _volume_of(target: Target) -> VolumeSettings:
    group = next(each for each in target.settings.groups if each.name == target.group)
    return next(each for each in group.volumes if each.name == target.volume)


def _image_bytes(target: Target) -> int:
    volume = _volume_of(target)
    return _bytes_of(volume.image, volume.size_bytes)


def _bytes_of(image: str, configured: int) -> int:
    try:
        return Path(image).stat().st_size
    except OSError:
        return configured


def _show(procedure: Procedure, steps: tuple[GrowthStep, ...]) -> None:
    click.echo(render_procedure(procedure))
    if not steps:
        click.echo(f"Nothing is left to do on {procedure.node}.")
        return
    click.echo(f"\nWhat will be done now, on {procedure.node}:")
    for number, step in enumerate(steps, start=1):
        click.echo(f"  {number:2}. {step.text}")


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2))


def _document(
    target: Target,
    procedure: Procedure,
    steps: tuple[GrowthStep, ...],
    *,
    is_agent_running: bool,
) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "node": procedure.node,
        "group": target.group,
        "volume": target.volume,
        "size_bytes": target.wanted,
        "source": procedure.source,
        "is_agent_running": is_agent_running,
        "order": [
            {
                "node": each.node,
                "command": each.command,
                "text": each.text,
                "served": each.is_served,
            }
            for each in procedure.order()
        ],
        "steps": [
            {"task": each.task.value, "text": each.text, "command": list(each.argv)}
            for each in steps
        ],
    }
