"""Two bare hosts become a pair by hafailover init, and serve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hafailover.lab.configuration import Paths, Tuning
from hafailover.lab.world import BARE, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.slow]

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


def test_two_bare_hosts_become_a_pair(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with World(tmp_path, Tuning(image_megabytes=2), BARE) as world:
            await world.start()
            early = await world.nodes["B"].run("hafailover", "init", "--yes")
            assert early.status == 1
            assert "run hafailover init on the other node first" in early.error

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

    in_own_namespaces(story)
