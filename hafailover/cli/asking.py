"""What a command asks the agent, or works out from what the agent knows of a group."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from hafailover.cli.reaching import socket_path
from hafailover.errors import UnusableConfigurationError
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState
from hafailover.runtime.codec import decode
from hafailover.system.control_client import STATUS_S, ControlClient
from hafailover.units import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that the agent knows of one group, with the settings it goes by."""

    settings: GroupSettings
    state: GroupState
    now: Instant


def only_group(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the only group that a command can mean.

    Raises:
        click.UsageError: There are several.
    """
    if len(groups) != 1:
        names = ", ".join(str(each["group"]) for each in groups)
        raise click.UsageError(f"which group? there are: {names}")
    return groups[0]


def ask_state(config: Path, socket: Path | None, group: str | None) -> Known:
    """Return everything that the running agent knows of ``group``, or of the only one.

    Raises:
        UnusableConfigurationError: The file is not the one that the agent runs with.
    """
    client = ControlClient(socket_path(config, socket))
    try:
        document = client.ask("status", group, patience_s=STATUS_S)
        name = only_group(document["groups"])["group"]
        answer = client.ask("state", name, patience_s=STATUS_S)
    finally:
        client.close()
    settings = settings_of(config, str(document["node"]), name)
    if settings.digest != answer["digest"]:
        raise UnusableConfigurationError(
            f"{config} is not what the running agent was started with",
            hint="restart the agent, or name its file with --config",
        )
    state = decode(GroupState, answer["state"])
    return Known(settings=settings, state=state, now=Instant(answer["now"]))


def settings_of(config: Path, node: str | None, group: str | None) -> GroupSettings:
    """Return the settings of ``group`` on ``node``, from the file.

    Raises:
        click.UsageError: It is not in the file.
    """
    from hafailover.config.load import load  # noqa: PLC0415 - costs a tenth of a second

    groups = load(config, node).groups
    named = [each for each in groups if group in (None, each.name)]
    if len(named) != 1:
        names = ", ".join(each.name for each in groups)
        raise click.UsageError(f"which group? {config} has: {names}")
    return named[0]
