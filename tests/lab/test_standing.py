"""A lab that stands takes faults from outside, can be entered, and ends on order."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from hafailover.lab import standing
from hafailover.lab.configuration import Tuning
from hafailover.lab.world import PRODUCT, World
from tests.lab.idle import idle_agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.orders import Answer

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_a_standing_lab(tmp_path: Path, in_own_namespaces: Callable[..., None]) -> None:
    async def story() -> None:
        cast = replace(PRODUCT, agent=idle_agent)
        async with World(tmp_path, Tuning(image_megabytes=2), cast) as world:
            await world.start()
            stand = asyncio.create_task(standing.stand(world))
            while not (tmp_path / standing.DOOR).exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

            async def tell(words: str) -> str:
                return await asyncio.to_thread(standing.tell, tmp_path, words)

            inside = await asyncio.create_subprocess_exec(
                *standing.entrance(tmp_path, "B"),
                *("sh", "-c", "hostname; sysctl -n kern.ostype; ifconfig -l; ls $HOME/root"),
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await inside.communicate()
            assert output.decode().split("\n")[:4] == ["B", "FreeBSD", "lnc1 lnc2 lo0", "images"]

            assert await tell("power-off B") == "done"
            assert "B" not in world.observer.look().powered
            with pytest.raises(OSError, match=r"."):
                standing.entrance(tmp_path, "B")
            assert await tell("power-on B") == "done"
            assert "B" in world.observer.look().powered
            assert await tell("cut replication A silent") == "done"
            assert "begins with one of" in await tell("explode A")
            assert "a fault is one of" in await tell("kernel A frobnicate")
            assert await tell("kernel A slow 1 gmirror") == "done"
            assert await tell("down") == "done"
            await stand

    in_own_namespaces(story)


def test_a_host_that_resets_itself_comes_back(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        cast = replace(PRODUCT, agent=idle_agent)
        async with World(tmp_path, Tuning(image_megabytes=2), cast) as world:
            await world.start()
            node = world.nodes["A"]
            first = node.pid
            await asyncio.gather(node.run("reboot", "-nq"), return_exceptions=True)
            while node.resets == 0 or node.pid in {None, first}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            answer = await _answer(world)
            assert answer.kernel is not None

    async def _answer(world: World) -> Answer:
        while True:
            try:
                answer = await world.nodes["A"].ask()
            except OSError:
                await asyncio.sleep(0.05)
                continue
            if answer.agent is not None:
                return answer

    in_own_namespaces(story)


def test_a_lab_that_is_interrupted_at_its_first_word_ends_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        welcomed = asyncio.current_task()
        assert welcomed is not None
        await standing.stand(cast("World", SimpleNamespace(directory=tmp_path)), welcomed.cancel)

    asyncio.run(story())


def test_a_lab_that_is_told_to_end_from_outside_leaves_nothing(able: None) -> None:
    words = (sys.executable, "-m", "hafailover", "lab", "up", "--bare", "--megabytes", "2")
    with tempfile.TemporaryDirectory(prefix="hl") as place:  # Short: sockets lie deep below it.
        environment = {**os.environ, "TMPDIR": place}
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as lab:
            assert lab.stdout is not None
            assert lab.stdout.readline().startswith("The lab stands in ")
            assert list(Path(place).iterdir())
            lab.terminate()
            lab.communicate(timeout=60)
            assert lab.returncode == 0
        assert list(Path(place).iterdir()) == []


def test_a_lab_whose_sockets_would_lie_too_deep_says_so(able: None, tmp_path: Path) -> None:
    place = tmp_path / ("deep" * 20)
    place.mkdir()
    words = (sys.executable, "-m", "hafailover", "lab", "up", "--bare", "--megabytes", "2")
    environment = {**os.environ, "TMPDIR": str(place)}

    ended = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)

    assert ended.returncode == 1
    assert f"{place} is too long a path for a lab" in ended.stderr
    assert "TMPDIR" in ended.stderr
    assert list(place.iterdir()) == []
