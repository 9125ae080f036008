"""Where does a lab run? In namespaces of its own, with what its arbiter needs."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import click

from hafailover.errors import EX_UNAVAILABLE
from hafailover.lab import etcd_cluster, sandbox
from hafailover.lab.node_files import NodeFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hafailover.lab.configuration import Tuning
    from hafailover.lab.world import World

ARBITERS: Final = ("ping", "none", "etcd", "fence")
ARBITER_HELP: Final = (
    "Who decides when the nodes cannot talk: the lab's gateway (ping), nobody, three real etcd "
    "servers, or a power switch (fence)."
)

_SOCKET_PATH_MAX: Final = 107
"""Bytes of the path of a UNIX socket, unix(7)."""


def enter_place(*arbiters: str) -> None:
    """Go on in namespaces of its own, or say what is missing for that."""
    missing = sandbox.missing() or (etcd_cluster.missing() if "etcd" in arbiters else None)
    if missing is not None:
        click.echo(missing, err=True)
        sys.exit(EX_UNAVAILABLE)
    sandbox.enter(["-m", "hafailover", *sys.argv[1:]])


def refuse_long_path(directory: Path) -> None:
    """See to it that the sockets of a lab in ``directory`` find room in their addresses.

    Raises:
        ClickException: Their paths would be too long.
    """
    longest = len(os.fsencode(NodeFiles(root=directory / "gateway").control_door))
    if longest > _SOCKET_PATH_MAX:
        raise click.ClickException(
            f"{directory.parent} is too long a path for a lab: its sockets would have up to {longest} bytes, and "
            f"{_SOCKET_PATH_MAX} is the most; choose a shorter one with TMPDIR"
        )


@asynccontextmanager
async def standing_world(
    directory: Path, tuning: Tuning, *, bare: bool = False
) -> AsyncIterator[World]:
    """Bring a lab up, and down again."""
    # pyroute2 costs a third of a second.
    from hafailover.lab.world import BARE, PRODUCT, World  # noqa: PLC0415

    async with World(directory, tuning, BARE if bare else PRODUCT) as world:
        await world.start()
        yield world
