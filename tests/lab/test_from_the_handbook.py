"""The path of a new user in one sitting: the old files, the new one put right, two nodes, a drill, its report."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hafailover.lab.configuration import Paths, Tuning
from hafailover.lab.workload import program
from hafailover.lab.world import BARE, World
from tests.cli.json_schemas import assert_fits

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]

OLD = Path(__file__).parents[1] / "data" / "handbook"
HOSTS = ("server-a", "server-b")
FILES = (
    ("--freevrrpd", "freevrrpd.conf"),
    ("--exports", "gg.exports"),
    ("--script", "become_master.sh"),
    ("--script", "become_backup.sh"),
    ("--rc-conf", "rc.conf"),
)


async def ok(world: World, node: str, *words: str, deadline_s: float = 120) -> str:
    ended = await world.nodes[node].run(*words, deadline_s=deadline_s)
    assert ended.status == 0, (words, ended)
    return ended.output


def put_right(text: str, paths: Paths) -> str:
    """Do to an imported file what these two hosts need: another cable, other directories, one service."""
    service = str(paths.files.programs / program.NAME)
    changes = {
        "lnc0": "lnc2",
        "10.10.10.100": "10.10.10.1",
        "10.10.10.101": "10.10.10.2",
        "/root/images/sitesprimary.img": str(paths.image),
        "/root/images/sitesbackup.img": str(paths.image),
        "mount_point: /home/sites": f"mount_point: {paths.files.mount_point}",
        "/usr/sbin/service, apache24, one": f"{service}, ",
        ", status]": ", check]",
        "mode: auto": "mode: manual",
    }
    for old, new in changes.items():
        assert old in text, (old, text)
        text = text.replace(old, new)
    return (
        text
        + f"""
channel: {{key_file: {paths.key}}}
paths: {{state: {paths.files.state}, run: {paths.files.agent_run}}}
drill: {{outage: 5m}}
"""
    )


async def move_in(world: World) -> None:
    """Import, put right, check, set up and start, as docs/migration.md and docs/first-pair.md tell."""
    imported = world.shared / "hafailover.yaml"
    old = [
        word
        for host in HOSTS
        for option, name in FILES
        for word in (option, f"{OLD / host / name}")
    ]
    await ok(world, "A", "hafailover", "import", *old, "--size", "4M", "--output", str(imported))
    text = put_right(imported.read_text(), world.paths)
    for node in "AB":
        Paths(own=world.directory / node).configuration.write_text(text)
    assert "server-a: this node's copy holds the data" in await ok(
        world, "A", "hafailover", "init", "--yes"
    )
    source, target = (Paths(own=world.directory / node).key for node in "AB")
    target.write_text(source.read_text())
    target.chmod(0o600)
    await ok(world, "B", "hafailover", "init", "--yes")
    for node in "AB":
        await ok(world, node, "hafailover", "check")
        await ok(world, node, "service", "hafailover", "start")


def test_from_the_handbooks_files_to_the_report_of_a_drill(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with World(tmp_path, Tuning(image_megabytes=4), BARE) as world:
            await world.start()
            await move_in(world)
            async with asyncio.timeout(120):
                while (await world.nodes["A"].run("hafailover", "status")).status:  # noqa: ASYNC110
                    await asyncio.sleep(0.5)
            seen = json.loads(await ok(world, "A", "hafailover", "status", "--json"))
            assert (seen["node"], seen["groups"][0]["role"]) == ("server-a", "primary")

            report = world.shared / "drill.html"
            words = ("drill", "--scenario", "all", "--yes", "--report", str(report), "--json")
            drilled = json.loads(await ok(world, "A", "hafailover", *words, deadline_s=400))
            assert_fits("drill", drilled)
            assert (drilled["verdict"], len(drilled["exercises"])) == ("met", 3)
            page = report.read_text()
            for host in HOSTS:
                assert host in page
            assert page.count("<svg") >= 3
            told = await ok(world, "A", "hafailover", "history", "--alerts", "--json")
            assert "drill-result" in told

    in_own_namespaces(story)
