"""scripts/vagrant-acceptance plays a scenario to its end on machines that are the lab's."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from hafailover.lab.configuration import Tuning
from hafailover.lab.plan import FLOATING_ADDRESS
from hafailover.lab.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
VAGRANT = ROOT / "vagrant"
MACHINES = {"node-a": "A", "node-b": "B"}
WRITER = """#!/bin/sh
HAFAILOVER_PYTHON={python} HAFAILOVER_WRITER_PIDFILE={run}/writer.pid HAFAILOVER_WRITER_FILE={mounted}/records
export HAFAILOVER_PYTHON HAFAILOVER_WRITER_PIDFILE HAFAILOVER_WRITER_FILE
exec {vagrant}/writer "$@"
"""


class Machines:
    """Does to the lab's machines what vagrant(1) would do to its own; paths and addresses are translated."""

    def __init__(self, world: World, directory: Path) -> None:
        self._world = world
        view = world.paths
        self._there = {
            "/usr/local/etc/hafailover.yaml": str(view.configuration),
            "/usr/local/libexec/hafailover-client.py": str(VAGRANT / "client.py"),
            "/var/tmp/hafailover-client": str(directory / "client"),
            "/var/run/hafailover": str(view.files.agent_run),
            "192.168.77.100": FLOATING_ADDRESS,
            "/data": str(view.files.mount_point),
        }
        self.asked: list[list[str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = json.loads(await reader.readline())
        self.asked.append(words)
        answer = await self._answer(words)
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def _answer(self, words: list[str]) -> tuple[int, str, str]:
        match words:
            case ["halt", "--force", machine]:
                await self._world.nodes[MACHINES[machine]].power_off()
            case ["up", "--no-provision", machine]:
                await self._world.nodes[MACHINES[machine]].power_on()
            case ["ssh", machine, "-c", command]:
                sudo, *rest = shlex.split(command)
                assert (sudo, rest[:2], len(rest)) == ("sudo", ["sh", "-c"], 3)
                return await self._ssh(machine, rest[2])
            case _:
                return 1, "", f"vagrant: what is {words}?\n"
        return 0, "", ""

    async def _ssh(self, machine: str, script: str) -> tuple[int, str, str]:
        for here, there in self._there.items():
            script = script.replace(here, there)
        if machine == "client":
            pid = self._world.bystanders["client"].pid
            inside = ("nsenter", f"--net=/proc/{pid}/ns/net", "--", "sh", "-c", script)
            process = await asyncio.create_subprocess_exec(
                *inside, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            said, err = await process.communicate()
            status, out, error = process.returncode or 0, said.decode(), err.decode()
        else:
            try:
                ended = await self._world.nodes[MACHINES[machine]].run("sh", "-c", script)
            except OSError as problem:
                return 255, "", f"ssh: {problem}\n"
            status, out, error = ended.status, ended.output, ended.error
        for here, there in self._there.items():
            out = out.replace(there, here)
        return status, out, error


def let_the_writer_serve(world: World) -> None:
    """Put the acceptance run's service into the place of the lab's."""
    view = world.paths.files
    for name, node in world.nodes.items():
        program = node.files.programs / "writer"
        program.write_text(
            WRITER.format(
                python=sys.executable, run=view.run, mounted=view.mount_point, vagrant=VAGRANT
            )
        )
        program.chmod(0o755)
        place = world.directory / name / "etc" / "hafailover.yaml"
        document = yaml.safe_load(place.read_text())
        words = str(view.programs / "writer")
        document["groups"]["web"]["services"] = [
            {"name": "writer", "start": [words, "start"], "stop": [words, "stop"]}
        ]
        place.write_text(yaml.safe_dump(document, sort_keys=False))


def test_a_primary_loses_its_power_on_machines_of_vagrants(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    lab, outside = tmp_path / "lab", tmp_path / "outside"
    lab.mkdir()
    outside.mkdir()
    vagrant = outside / "vagrant"
    door = outside / "door"
    fake = Path(__file__).parent / "fake_vagrant.py"
    vagrant.write_text(f'#!/bin/sh\nexec {sys.executable} {fake} {door} "$@"\n')
    vagrant.chmod(0o755)

    async def story() -> None:
        async with World(lab, Tuning()) as world:
            let_the_writer_serve(world)
            await world.start()
            machines = Machines(world, outside)
            server = await asyncio.start_unix_server(machines.serve, door)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(ROOT / "scripts" / "vagrant-acceptance"), "primary-power"),
                env={**os.environ, "PATH": f"{outside}:{os.environ['PATH']}"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            out, _ = await process.communicate()
            server.close()
            os.kill(int((outside / "client.pid").read_text()), signal.SIGTERM)
            said = out.decode()
            assert process.returncode == 0, said
            assert said.startswith("primary-power: The primary loses its power.")
            # The lanes of both nodes and of the client, and the rows below them, as the lab shows them.
            rows = {line[2:24].strip(): line[24:].strip() for line in said.splitlines()}
            assert rows["writes lost"] == "0"
            assert rows["both mounted"] == "0 ms"
            assert int(rows["writes acknowledged"]) > 100
            assert int(rows["outage"].removesuffix(" ms")) > 1000
            lanes = [line for line in said.splitlines() if line[2:3] in "AB" and "█" in line]
            assert [line[2] for line in lanes] == ["A", "B"]
            assert "|takeover" in said
            assert "nodes:  █ serves" in said
            assert said.rstrip().endswith("passed")
            # The dead one was brought back, rebuilt, and serves again, as the next story would expect.
            asked = [
                words[-1] if words[0] == "ssh" else " ".join(words) for words in machines.asked
            ]
            after = asked[asked.index("halt --force node-a") :]
            assert "up --no-provision node-a" in after
            assert any("hafailover switchover" in words for words in after)
            assert world.observer.look().mounted == {"A"}
            # Set up already, and with this arbiter: nothing was changed.
            assert not any(
                "init --yes'" in words[-1] and "||" not in words[-1] for words in machines.asked
            )

    in_own_namespaces(story)
