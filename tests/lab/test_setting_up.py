"""Two bare hosts become a pair by hafailover init, serve, and get a larger volume."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from typing import TYPE_CHECKING

import pytest

from hafailover.lab.configuration import Paths, Tuning
from hafailover.lab.world import BARE, World
from tests.cli.json_schemas import assert_fits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(300)]

_LIMIT_S = 90.0


async def ok(world: World, node: str, *words: str) -> str:
    ended = await world.nodes[node].run(*words)
    assert ended.status == 0, (words, ended)
    return ended.output


def copy_key(world: World) -> None:
    source, target = (Paths(own=world.directory / node).key for node in "AB")
    target.write_text(source.read_text())
    target.chmod(0o600)


async def until_both_copies_are_in_sync(world: World) -> None:
    async with asyncio.timeout(_LIMIT_S):
        while (await world.nodes["A"].run("hafailover", "status")).status:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def grow(world: World) -> None:
    """Enlarge the volume in the order that the command itself shows."""
    mount = world.paths.files.mount_point
    await ok(world, "A", "sh", "-c", f"echo precious > {mount}/file")
    before = await room_of(world, "A")
    words = ("hafailover", "grow", "sites", "5M")
    refused = await world.nodes["A"].run(*words)
    assert refused.status == 75
    assert "the pair is healthy; begin on the other node, B" in refused.error
    shown = json.loads(await ok(world, "A", *words, "--json"))
    assert_fits("grow", shown)
    for step in shown["order"]:
        yes = ("--yes",) if "grow" in step["command"] else ()
        said = await ok(world, step["node"], *shlex.split(step["command"]), *yes)
        if yes:
            assert f"{step['node']} is done" in said
    await until_both_copies_are_in_sync(world)
    assert await ok(world, "A", "cat", f"{mount}/file") == "precious\n"
    assert await room_of(world, "A") >= before + (2 << 20)
    for node in "AB":
        assert world.image(node).stat().st_size == 5 << 20
    moved = await ok(world, "A", "hafailover", "switchover")
    assert moved
    assert await ok(world, "B", "cat", f"{mount}/file") == "precious\n"
    assert await room_of(world, "B") >= before + (2 << 20)


async def room_of(world: World, node: str) -> int:
    """Return the bytes that a volume's file system has."""
    text = "import os, sys; found = os.statvfs(sys.argv[1]); print(found.f_blocks * found.f_frsize)"
    mount = str(world.paths.files.mount_point)
    return int(await ok(world, node, sys.executable, "-c", text, mount))


def test_two_bare_hosts_become_a_pair(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with World(tmp_path, Tuning(image_megabytes=2), BARE) as world:
            await world.start()
            early = await world.nodes["B"].run("hafailover", "init", "--yes")
            assert early.status == 1
            assert "run hafailover init on the other node first" in early.error

            assert_fits("init", json.loads(await ok(world, "A", "hafailover", "init", "--json")))
            assert "newfs -U -j" in await ok(world, "A", "hafailover", "init", "--yes")
            copy_key(world)
            assert "This node is set up." in await ok(world, "B", "hafailover", "init", "--yes")
            for node in "AB":
                again = await ok(world, node, "hafailover", "init")
                assert "Nothing is left to do" in again
                assert "Starting" in await ok(world, node, "service", "hafailover", "start")

            await until_both_copies_are_in_sync(world)
            busy = await world.nodes["A"].run("hafailover", "init")
            assert busy.status == 75
            assert "another agent is running" in busy.error
            await grow(world)

    in_own_namespaces(story)
