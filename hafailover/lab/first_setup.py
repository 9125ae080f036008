"""How does the volume come into being, before the agents start?

As an administrator would do it: an image on each node, a mirror and a file system made on the
first with FreeBSD's own commands, ended cleanly, and the image copied to the second. Then each
node's first record.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from typing import TYPE_CHECKING, Final

from hafailover.lab.configuration import GROUP, MEGABYTE, MIRROR, VOLUME
from hafailover.lab.node import NodeFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from hafailover.lab.node import Node
    from hafailover.lab.world import World

_UNIT: Final = "10"


async def prepare(world: World) -> None:
    """Make the file system on one node, and the same image and a first record on both.

    Raises:
        NodeFailedError: a command in a node did not do what it was to do.
    """
    first, second = world.nodes.values()
    size = world.tuning.image_megabytes * MEGABYTE
    for node in (first, second):
        await asyncio.to_thread(allocate, world.image(node.name), size)
    await _make_file_system(first, world.paths.image)
    await asyncio.to_thread(copy, world.image(first.name), world.image(second.name))
    lineage = secrets.token_hex(8)
    state = world.paths.files.state / "lineage"
    for node in (first, second):
        words = (GROUP, VOLUME, str(world.paths.image), str(state), lineage)
        await _do(node, sys.executable, "-m", "hafailover.lab.founding", *words)
    if world.tuning.arbiter == "etcd":
        await _do(first, sys.executable, "-m", "hafailover.lab.etcd_founding", lineage)


async def _make_file_system(node: Node, image: Path) -> None:
    """Make a mirror of one component, a file system on it, and end both cleanly."""
    await _do(node, "mdconfig", "-a", "-t", "vnode", "-f", str(image), "-u", _UNIT)
    await _do(node, "gmirror", "label", "-b", "prefer", MIRROR, f"md{_UNIT}")
    await _do(node, "newfs", "-U", "-j", f"/dev/mirror/{MIRROR}")
    await _do(node, "gmirror", "destroy", MIRROR)
    await _do(node, "mdconfig", "-d", "-u", _UNIT)


async def _do(node: Node, *words: str) -> None:
    ended = await node.run(*words)
    if ended.status != 0:
        said = (ended.error or ended.output).strip()
        raise NodeFailedError(f"node {node.name}: {' '.join(words)}: {ended.status}: {said}")


def allocate(image: Path, size: int) -> None:
    """Make an image file of which every block is there: a sparse one can fail a write later."""
    image.touch(mode=0o600)
    with image.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
        os.fsync(file.fileno())


def copy(source: Path, target: Path) -> None:
    """Copy an image over another, which keeps its inode."""
    with source.open("rb") as origin, target.open("r+b") as file:
        shutil.copyfileobj(origin, file, MEGABYTE)
        file.flush()
        os.fsync(file.fileno())
