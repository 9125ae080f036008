"""Drills where a strict arbiter has the last word, one of them interrupted in the middle."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from hafailover.lab.configuration import Tuning
from hafailover.lab.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(900)]


async def drill(world: World, scenario: str, *, status: int) -> dict[str, Any]:
    """Run a drill; its process id is in the file ``drill`` of the shared directory."""
    command = world.hafailover("drill", "--yes", "--json", "--scenario", scenario)
    text = f"echo $$ >{world.shared / 'drill'}; exec {shlex.join(command)}"
    ended = await world.nodes["A"].run("/bin/sh", "-c", text, deadline_s=400)
    assert ended.status == status, ended
    found: dict[str, Any] = json.loads(ended.output)
    return found


async def interrupt_on_the_way(world: World) -> dict[str, Any]:
    """Begin a drill, and end it as soon as A has let the address go."""
    running = asyncio.create_task(drill(world, "planned", status=1))
    async with asyncio.timeout(120):
        while "A" in world.observer.look().addressed:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    text = f"kill -TERM $(cat {world.shared / 'drill'})"
    await world.nodes["A"].run("/bin/sh", "-c", text)
    return await running


async def until_healthy(world: World) -> None:
    async with asyncio.timeout(240):
        while (await world.nodes["A"].run(*world.hafailover("status"))).status:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


@pytest.mark.parametrize("arbiter", ["etcd", "fence"])
def test_a_drill_is_met_under_a_strict_arbiter(
    tmp_path: Path, in_own_namespaces: Callable[..., None], arbiter: str
) -> None:
    if arbiter == "etcd" and shutil.which("etcd") is None:
        pytest.skip("needs etcd")

    async def story() -> None:
        tuning = Tuning(image_megabytes=4, drill_outage="5m", arbiter=arbiter)
        async with World(tmp_path, tuning) as world:
            await world.start()
            await until_healthy(world)
            if arbiter == "fence":
                cut = await interrupt_on_the_way(world)
                assert cut["exercises"][0]["problem"] == "interrupted"
                assert cut["left_behind"] == "A serves; both copies are in sync"
                await until_healthy(world)
            found = await drill(world, "lose-primary", status=0)
            assert found["verdict"] == "met"
            [exercise] = found["exercises"]
            assert exercise["writes_lost"] == 0
            assert found["left_behind"] == "A serves; both copies are in sync"

    in_own_namespaces(story)
