"""A day with a pair in the lab: every command that an operator has, its JSON, and a drill of everything."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from hafailover.lab.configuration import Paths, Tuning
from hafailover.lab.plan import FLOATING_ADDRESS
from hafailover.lab.workload import program
from hafailover.lab.world import World
from tests.cli.json_schemas import assert_fits

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.orders import Ended

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(900)]


ELSEWHERE = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Running(BaseHTTPRequestHandler):
    def do_POST(self):
        argv = self.rfile.read(int(self.headers["Content-Length"])).decode().split("\\n")
        ended = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.send_response(200 if ended.returncode == 0 else 500)
        self.end_headers()

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("", 2222), Running).serve_forever()
"""
"""What sshd(8) is on a real third host: it runs the command that it is sent."""
CLIENT_ADDRESS = "192.168.1.50"
PROBE = f"exec timeout 1 bash -c 'exec 3<>/dev/tcp/{FLOATING_ADDRESS}/{program.PORT}'"
SEND = f"""
IFS=$'\\n'
words="$*"
exec 3<>/dev/tcp/{CLIENT_ADDRESS}/2222
printf 'POST / HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "${{#words}}" "$words" >&3
read -r line <&3
[[ $line == *" 200 "* ]]
"""
"""And what ssh(1) is."""


async def ask_from_elsewhere(world: World) -> None:
    """Have a drill asked from a third host, too, before anything runs."""
    (world.shared / "elsewhere.py").write_text(ELSEWHERE)
    send = world.shared / "send.sh"
    send.write_text(SEND)
    for node in "AB":
        file = Paths(own=world.directory / node).configuration
        document = yaml.safe_load(file.read_text())
        document["drill"] |= {
            "probe": ["/bin/sh", "-c", PROBE],
            "third_host": ["/bin/bash", str(send)],
        }
        file.write_text(yaml.safe_dump(document, sort_keys=False))


class Operator:
    """Somebody at the consoles of both nodes."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def run(self, node: str, *words: str, deadline_s: float = 120) -> Ended:
        command = self._world.hafailover(*words)
        return await self.on(node, *command, deadline_s=deadline_s)

    async def on(self, node: str, *command: str, deadline_s: float = 120) -> Ended:
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
    askers = {each["seen_from"].partition(" by ")[0] for each in found["exercises"][0]["outages"]}
    assert askers == {"this node", "a third host"}
    assert found["left_behind"] == "A serves; both copies are in sync"
    elsewhere = await operator.run("B", "drill", "--yes")
    assert (elsewhere.status, "run it on A" in elsewhere.output) == (2, True), elsewhere


def _size_and_digest(file: Path) -> tuple[int, str]:
    content = file.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


async def _copy_for_an_emergency(operator: Operator, file: Path) -> None:
    """Stop the agent of the node that does not serve, and take its image: the other one is degraded meanwhile."""
    refused = await operator.run("B", "export-image", "sites", str(file))
    assert (refused.status, "running" in refused.error) == (75, True), refused
    ended = await operator.on("B", "service", "hafailover", "stop")
    assert ended.status == 0, ended
    seen = await operator.read("A", "status", "status", status=1)
    assert (seen["groups"][0]["health"], seen["groups"][0]["role"]) == ("degraded", "primary")
    line = await operator.run("A", "status", "--nagios")
    assert (line.status, "WARNING" in line.output) == (1, True), line
    words = ("export-image", "--although-stale", "sites", str(file))
    document = await operator.read("B", "export", *words)
    assert document["copy"] == "stale"
    assert (document["size_bytes"], document["sha256"]) == _size_and_digest(file)
    gone = await operator.run("B", "status")
    assert gone.status == 3, gone
    ended = await operator.on("B", "service", "hafailover", "start")
    assert ended.status == 0, ended
    await operator.until_healthy()


def test_a_day_of_operation_ends_with_a_drill(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        # A busy machine can make a move slow; what is judged here is that nothing is lost.
        tuning = Tuning(image_megabytes=4, drill_outage="5m")
        async with World(tmp_path, tuning) as world:
            await ask_from_elsewhere(world)
            await world.start()
            await world.bystanders["client"].start(
                sys.executable,
                str(world.shared / "elsewhere.py"),
                environment={"PATH": "/usr/bin:/bin"},
                log=world.shared / "elsewhere.log",
            )
            operator = Operator(world)
            await operator.until_healthy()
            await _look(operator)
            await _read_along(operator)
            await _order(operator)
            await _copy_for_an_emergency(operator, world.shared / "sites.img")
            report = world.shared / "report.html"
            await _drill(operator, str(report))
            page = report.read_text()
            assert page.count("<svg") == 3
            journal = world.directory / "A" / "var/db/hafailover/journal.jsonl"
            replayed = await operator.read("A", "replay", "replay", str(journal))
            assert replayed["same"]
            assert replayed["steps"] > 100

    in_own_namespaces(story)
