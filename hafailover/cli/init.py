"""``hafailover init``: the first setup of this node, by one command."""

import json
import os
import platform
import secrets
from pathlib import Path
from typing import Any, Final

import click

from hafailover.cli.run import refuse_wrong_host
from hafailover.config.load import load
from hafailover.config.place import DEFAULT_PATH
from hafailover.errors import UnusableConfigurationError
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.facts import Part, SetupFacts
from hafailover.setup.plan import Plan, plan
from hafailover.setup.refusals import Wishes
from hafailover.setup.steps import SetupStep
from hafailover.system.growth_notes import refuse_unfinished

JSON_VERSION: Final = 1


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
@click.option(
    "--source",
    "part",
    flag_value="source",
    help="This node's copy holds the data; so it is on the preferred node anyway.",
)
@click.option(
    "--target",
    "part",
    flag_value="target",
    help="This node's copy is made from the other's; so it is on the other node anyway.",
)
@click.option("--adopt", is_flag=True, help="Keep the file system that is on the image already.")
@click.option(
    "--give-up-this-copy",
    is_flag=True,
    help="What is on this node's image may be overwritten by the other node's copy.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and stop.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON; implies --plan.")
def init(
    config: Path,
    node: str | None,
    part: str | None,
    *,
    adopt: bool,
    give_up_this_copy: bool,
    only_plan: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Set this node up for the first time: key, image, file system, record.

    Run it on both nodes, on the preferred one first, with the same configuration file and no agent
    running. It shows what it will do and asks before anything is overwritten. Where it is interrupted,
    run it again. Then start both agents: the second copy is made while the first one serves.

    Exit status: 0 if the node is set up, 1 if something that is there is not to be touched.
    """
    settings = load(config, node)
    refuse_wrong_host(settings, os.environ, platform.system())
    refuse_without_volumes(settings)
    refuse_unfinished(settings)
    wishes = Wishes(
        part=Part(part) if part else preferred_part(settings),
        adopts=adopt,
        gives_up=give_up_this_copy,
        new_id=secrets.token_hex(16),
    )

    def plan_of(facts: SetupFacts) -> Plan:
        return plan(facts, wishes, str(settings.channel.key_file))

    # Imported only now: a refusal, or --help, should not cost the start of everything.
    from hafailover.cli.setting_up import Setup  # noqa: PLC0415

    with Setup(settings) as setup:
        steps = setup.steps(plan_of)
        if as_json:
            click.echo(json.dumps(_document(settings, wishes, steps), indent=2))
            return
        _show(settings, wishes, steps)
        if only_plan:
            return
        if steps:
            _ask(settings, wishes, steps, yes=yes)
            setup.carry_out(plan_of)
        if settings.etcd is not None and wishes.part is Part.SOURCE:
            # Also when nothing else is left: etcd may not have answered the first time.
            from hafailover.cli.init_etcd import found_groups  # noqa: PLC0415

            found_groups(settings, settings.etcd, setup.look())
        if not steps:
            return
    _say_what_follows(settings, wishes)


def refuse_without_volumes(settings: NodeSettings) -> None:
    """Refuse to set up what needs no setup.

    Raises:
        UnusableConfigurationError: No group has volumes.
    """
    if not any(group.has_storage for group in settings.groups):
        raise UnusableConfigurationError(
            "no group of the configuration has volumes: there is nothing to set up",
            hint="start the agent: service hafailover start",
        )


def preferred_part(settings: NodeSettings) -> Part:
    """Return what this node's copies are if nobody says otherwise."""
    groups = [group for group in settings.groups if group.has_storage]
    preferred = {group.is_preferred for group in groups}
    if len(preferred) != 1:
        raise click.UsageError("the groups prefer different nodes: say --source or --target")
    return Part.SOURCE if preferred.pop() else Part.TARGET


def _show(settings: NodeSettings, wishes: Wishes, steps: tuple[SetupStep, ...]) -> None:
    words = {Part.SOURCE: "holds the data", Part.TARGET: "is made from the other node's"}
    click.echo(f"{settings.node}: this node's copy {words[wishes.part]}.")
    if not steps:
        click.echo("Nothing is left to do: this node is set up.")
        return
    click.echo("What will be done:")
    for number, step in enumerate(steps, start=1):
        mark = click.style("  overwrites", fg="yellow") if step.destroys else ""
        click.echo(f"  {number:2}. {step.text}{mark}")


def _ask(
    settings: NodeSettings, wishes: Wishes, steps: tuple[SetupStep, ...], *, yes: bool
) -> None:
    if yes:
        return
    if wishes.gives_up and any(step.destroys for step in steps):
        click.echo(f"What is on the images of {settings.node} will be lost for good.", err=True)
        typed = click.prompt(f"Type the node's name, {settings.node}, to give it up", err=True)
        if typed != settings.node:
            raise click.Abort
        return
    click.confirm("Do this?", abort=True, err=True)


def _say_what_follows(settings: NodeSettings, wishes: Wishes) -> None:
    click.echo("This node is set up.")
    key = settings.channel.key_file
    if wishes.part is Part.SOURCE:
        click.echo(f"Next: copy {key} to {settings.peer}, mode 600, and run hafailover init there;")
        click.echo("then, on both nodes: service hafailover start")
    else:
        click.echo("Next, on both nodes: service hafailover start")
    click.echo("To watch the second copy being made: hafailover status")


def _document(
    settings: NodeSettings, wishes: Wishes, steps: tuple[SetupStep, ...]
) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "node": settings.node,
        "part": wishes.part.value,
        "steps": [
            {
                "task": step.task.value,
                "text": step.text,
                "group": step.group,
                "volume": step.volume,
                "command": list(step.argv),
                "overwrites": step.destroys,
            }
            for step in steps
        ],
    }
