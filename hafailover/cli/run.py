"""``hafailover run``: the agent, in the foreground."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hafailover.config.place import DEFAULT_PATH
from hafailover.errors import WrongHostError
from hafailover.system.early_signals import EarlySignals
from hafailover.system.real_paths import refuse_links
from hafailover.system.scapy_start import ScapyStart

if TYPE_CHECKING:
    from hafailover.runtime.settings import NodeSettings


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
def run(config: Path, node: str | None) -> int:
    """Run the agent in the foreground.

    SIGTERM ends it: a serving node hands its groups down in order first; a standby waits for a serving peer
    to let its copy go, for timers.demote_deadline at most. SIGUSR1 ends it and leaves
    mounts, addresses, exports and services up for the next life of the agent, which daemon(8)
    starts; the peer is told, and waits. SIGHUP has it look at the configuration file: one that cannot be
    used, or is no longer what it runs with, is alerted; a restart applies it. It writes what it does to
    standard error and to syslog.
    """
    early = EarlySignals()
    # It gets ready while everything else is imported, checked and opened.
    scapy = ScapyStart()
    try:
        return _run(config, node, scapy, early)
    finally:
        scapy.give_up()


def _run(config: Path, node: str | None, scapy: ScapyStart, early: EarlySignals) -> int:
    # Imported only now: the child has begun, and a refusal should not cost the start of everything.
    from hafailover.config.load import load  # noqa: PLC0415

    settings = load(config, node)
    refuse_wrong_host(settings, os.environ, platform.system())
    from hafailover.system.abandoned import refuse_abandoned  # noqa: PLC0415
    from hafailover.system.agent_start import start  # noqa: PLC0415
    from hafailover.system.growth_notes import refuse_unfinished  # noqa: PLC0415

    refuse_unfinished(settings)
    refuse_abandoned(settings, os.environ)
    return start(settings, os.environ, config, scapy, early)


def refuse_wrong_host(
    settings: "NodeSettings", environment: Mapping[str, str], system: str
) -> None:
    """Refuse to move data anywhere but on FreeBSD, and where this host knows it by other paths.

    Raises:
        WrongHostError: A group has volumes, and this is neither FreeBSD nor the lab.
        UnusableConfigurationError: The path of a volume leads through a symbolic link.
    """
    has_storage = any(group.has_storage for group in settings.groups)
    if has_storage and system != "FreeBSD" and not environment.get("HAFAILOVER_LAB"):
        raise WrongHostError(
            f"this host runs {system}, and groups with volumes need FreeBSD's md, ggate and gmirror",
            hint="to see it work here: hafailover lab up",
        )
    refuse_links(settings)
