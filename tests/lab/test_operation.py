"""A day with a pair in the lab: every command that an operator has, its JSON, and a drill of everything."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hafailover.lab.configuration import Tuning
from hafailover.lab.world import World
from tests.cli.json_schemas import assert_fits

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.orders import Ended

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(900)]


class Operator:
    """Somebody at the consoles of both nodes."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def run(self, node: str, *words: str, deadline_s: float = 120) -> Ended:
        command = self._world.hafailover(*words)
        return await self._world.nodes[node].run(*command, deadline_s=deadline_s)

    async def read(self, node: str, schema: str, *words: str, status: int = 0) -> dict[str, Any]:
        """Run a command with --json, and hold what it prints against its schema."""
        ended = await self.run(node, *words, "--json", deadline_s=600)
        assert ended.status == status, ended
        document: dict[str, Any] = json.loads(ended.output)
        assert_fits(schema, document)
        return document

    async def until_healthy(self) -> None:
        while (await self.run("A", "status")).status != 0:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.2)


async def _look(operator: Operator) -> None:
    for node, role in (("A", "primary"), ("B", "standby")):
        found = await operator.read(node, "status", "status")
        assert found["groups"][0]["role"] == role
        explained = await operator.read(node, "explain", "explain")
        assert explained["role"] == role
    told = await operator.read("A", "history", "history")
    texts = [entry["text"] for entry in told["entries"]]
    assert any("promoting -> primary" in text for text in texts)
    at = next(each["at"] for each in told["entries"] if "standby -> promoting" in each["text"])
    then = await operator.read("A", "explain", "explain", "--at", at)
    assert then["role"] in ("standby", "promoting")
    planned = await operator.read("A", "plan", "plan", "--goal", "secondary")
    assert any(step["what"].startswith("umount") for step in planned["steps"])
    refused = await operator.read("B", "plan", "plan", "--goal", "primary", status=1)
    assert "A is primary" in refused["refusal"]
    live = await operator.run("B", "status", "--watch", deadline_s=6)
    assert "B (this node)" in live.output


async def _read_along(operator: Operator) -> None:
    """Run what the page about every day tells to look at."""
    page = (Path(__file__).parents[2] / "docs" / "daily.md").read_text()
    harmless = ("status", "history", "explain", "plan", "completion")
    examples = re.findall(r"^    hafailover (.*)$", page, re.MULTILINE)
    looks = [words for words in map(shlex.split, examples) if words[0] in harmless]
    assert len(looks) > 6
    for words in looks:
        if "--watch" not in words and "--at" not in words:
            ended = await operator.run("A", *words)
            assert ended.status == 0, (words, ended)


async def _order(operator: Operator) -> None:
    await operator.read("A", "order", "pause", "--for", "5m", "--reason", "a test")
    refused = await operator.run("B", "switchover")
    assert (refused.status, "paused" in refused.error) == (1, True), refused
    drilled = await operator.read("A", "drill", "drill", "--yes", status=2)
    assert "paused" in drilled["refusal"]
    await operator.read("A", "order", "resume")
    rehearsed = await operator.read("A", "rehearsal", "drill", "--rehearse")
    assert rehearsed["ready"]
    assert rehearsed["expected"][1]["total_ms"] > 5000


async def _drill(operator: Operator, report: str) -> None:
    words = ("--scenario", "all", "--yes", "--report", report)
    found = await operator.read("A", "drill", "drill", *words)
    assert found["verdict"] == "met"
    assert [each["scenario"] for each in found["exercises"]] == [
        "planned",
        "lose-primary",
        "lose-secondary",
    ]
    for exercise in found["exercises"]:
        assert exercise["writes_lost"] == 0
        assert exercise["writes_acknowledged"] > 15
        assert all(check["is_ok"] for check in exercise["checks"])
    assert found["exercises"][0]["outage_ms"] > 0
    assert found["left_behind"] == "A serves; both copies are in sync"
    elsewhere = await operator.run("B", "drill", "--yes")
    assert (elsewhere.status, "run it on A" in elsewhere.output) == (2, True), elsewhere


def test_a_day_of_operation_ends_with_a_drill(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        # A busy machine can make a move slow; what is judged here is that nothing is lost.
        tuning = Tuning(image_megabytes=4, drill_outage="5m")
        async with World(tmp_path, tuning) as world:
            await world.start()
            operator = Operator(world)
            await operator.until_healthy()
            await _look(operator)
            await _read_along(operator)
            await _order(operator)
            report = world.shared / "report.html"
            await _drill(operator, str(report))
            page = report.read_text()
            assert page.count("<svg") == 3
            journal = world.directory / "A" / "var/db/hafailover/journal.jsonl"
            replayed = await operator.read("A", "replay", "replay", str(journal))
            assert replayed["same"]
            assert replayed["steps"] > 100

    in_own_namespaces(story)
