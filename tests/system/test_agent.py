"""A whole agent, as a process in a network namespace of its own: a plain virtual router."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hafailover.config.load import load
from hafailover.group.events import Event, LinkChanged
from hafailover.runtime.control_protocol import encode_request
from hafailover.runtime.core import core_of
from hafailover.runtime.replay import Replayed, replay

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("unshare") or shutil.which("ip") is None,
        reason="needs root, unshare and ip",
    ),
]
UNSHARE = shutil.which("unshare") or ""
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
CONFIG = """
version: 1
nodes:
  a:
    lan: 192.0.2.2
networks:
  lan:
    interface: em0
paths:
  state: {0}/state
  run: {0}/run
groups:
  gateway:
    vrid: 51
    priority: 150
    vrrp:
      version: 3
      interval: 100ms
    addresses:
      - 192.0.2.1/24
"""


class Host:
    """A namespace with an agent in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "plain.yaml"
        self.config.write_text(CONFIG.format(directory))
        self.shell = subprocess.Popen(
            [UNSHARE, "--net", sys.executable, "-m", "tests.system.agent_in_netns"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HAFAILOVER_BOOT_ID": "boot"},
        )
        assert self.shell.stdout is not None
        assert self.shell.stdout.readline() == "ready\n"
        self.pid = 0

    def do(self, command: str) -> tuple[int, str]:
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{command}\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line.startswith("== "):
                return int(line[3:]), "".join(lines)
            lines.append(line)
        raise AssertionError("the namespace has ended")

    def start(self) -> None:
        command = f"exec {sys.executable} -m hafailover run --config {self.config} --node a"
        log = self.directory / "agent.log"
        status, text = self.do(f"({command}) </dev/null >/dev/null 2>>{log} & echo $!")
        assert status == 0
        self.pid = int(text)

    def kill(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)
        self.until(lambda: not alive(self.pid), "the agent's end")
        self.pid = 0

    def status(self) -> dict[str, Any]:
        socket = self.directory / "run/control.sock"
        done = subprocess.run(
            [sys.executable, "-m", "hafailover", "status", "--json", "--socket", str(socket)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        document: dict[str, Any] = json.loads(done.stdout)
        return {**document, "exit_status": done.returncode}

    def addresses(self) -> str:
        return self.do("ip -4 -o address show dev em0")[1]

    def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"waited for {what}: {self.log()}"
            time.sleep(0.05)

    def log(self) -> str:
        return (self.directory / "agent.log").read_text()

    def end(self) -> None:
        if self.pid and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.close()
        self.shell.stdout.close()
        self.shell.wait(PATIENCE_S)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    subject = Host(tmp_path)
    yield subject
    subject.end()


def test_a_router_lives_from_start_to_end(host: Host) -> None:
    host.start()
    host.until(lambda: "192.0.2.1/24" in host.addresses(), "the virtual address")
    host.until(lambda: host.status()["exit_status"] == 0, "health")
    status = host.status()
    assert [group["role"] for group in status["groups"]] == ["primary"]
    assert status["agent"]["stuck_children"] == []
    assert status["agent"]["alerts_dropped"] == 0
    assert status["ignored_advertisements"] == []
    host.config.write_text(host.config.read_text().replace("vrid: 51", "vrid: 5100"))
    os.kill(host.pid, signal.SIGHUP)
    told = "alert configuration-changed (warning)"
    host.until(lambda: told in host.log(), "an alert about the file")
    assert "would not start again" in host.log()
    host.kill(signal.SIGTERM)
    assert "192.0.2.1" not in host.addresses()
    assert not (host.directory / "run/control.sock").exists()
    assert "internal error" not in host.log()
    assert host.status()["exit_status"] == 3


def test_an_agent_killed_and_started_again_goes_on(host: Host) -> None:
    host.start()
    host.until(lambda: "192.0.2.1/24" in host.addresses(), "the virtual address")
    host.kill(signal.SIGKILL)
    assert "192.0.2.1/24" in host.addresses()
    host.start()
    host.until(lambda: host.status()["exit_status"] == 0, "health")
    assert "192.0.2.1/24" in host.addresses()


def test_an_address_that_the_file_names_no_more_is_taken_off_by_the_next_life(host: Host) -> None:
    """It may be another group's by now, and up on the other node."""
    host.start()
    host.until(lambda: "192.0.2.1/24" in host.addresses(), "the virtual address")
    host.kill(signal.SIGKILL)
    host.config.write_text(host.config.read_text().replace("- 192.0.2.1/24", "- 192.0.2.7/24"))
    host.start()
    host.until(lambda: "192.0.2.7/24" in host.addresses(), "the new address")
    assert "192.0.2.1/24" not in host.addresses()
    assert "192.0.2.2/24" in host.addresses()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_told_to_stop_while_it_starts_stops_in_order(
    host: Host, number: signal.Signals
) -> None:
    host.start()
    host.until(lambda: "192.0.2.1/24" in host.addresses(), "the virtual address")
    host.kill(signal.SIGKILL)
    host.start()
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children")
    host.until(children.read_text, "its first child")
    host.kill(number)
    assert f"{number.name}: the agent stops" in host.log()
    assert "192.0.2.1" not in host.addresses()


def test_an_agent_short_of_descriptors_lets_in_whoever_knocks_later(host: Host) -> None:
    host.start()
    host.until(lambda: host.status()["exit_status"] == 0, "health")
    limits = resource.prlimit(host.pid, resource.RLIMIT_NOFILE)
    held = {int(each.name) for each in Path(f"/proc/{host.pid}/fd").iterdir()}
    free = next(number for number in range(3, limits[0]) if number not in held)
    resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (free, limits[1]))
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(host.directory / "run/control.sock"))
        host.until(lambda: "a connection has to wait" in host.log(), "the shortage")
        resource.prlimit(host.pid, resource.RLIMIT_NOFILE, limits)
        visitor.sendall(encode_request("status", None))
        visitor.settimeout(PATIENCE_S)
        assert visitor.recv(1 << 16).startswith(b'{"version":1,"ok":true')
    assert "internal error" not in host.log()


def test_a_second_agent_is_refused(host: Host) -> None:
    host.start()
    host.until(lambda: host.status()["exit_status"] == 0, "health")
    status, text = host.do(f"{sys.executable} -m hafailover run --config {host.config} --node a")
    assert status == 75
    assert f"another agent is running (pid {host.pid})" in text
    assert host.status()["exit_status"] == 0


def replayed(host: Host) -> list[Replayed]:
    settings = load(host.config, "a")
    cores = {group.name: core_of(group) for group in settings.groups}
    with (host.directory / "state/journal.jsonl").open("rb") as lines:
        return list(replay(lines, cores))


def test_its_journal_replays_and_tells_of_a_lost_carrier(host: Host) -> None:
    host.start()
    host.until(lambda: host.status()["exit_status"] == 0, "health")
    host.do("ip link set em1 down")
    host.until(lambda: LinkChanged(is_up=False) in events(host), "the lost carrier")
    assert host.status()["exit_status"] == 2
    host.do("ip link set em1 up")
    host.until(lambda: LinkChanged(is_up=True) in events(host), "the carrier")
    host.kill(signal.SIGTERM)
    steps = replayed(host)
    assert len(steps) > 5
    assert all(step.is_same for step in steps)
    assert "internal error" not in host.log()


def events(host: Host) -> list[Event]:
    return [step.event for step in replayed(host)]


def test_a_link_that_is_down_at_the_start_is_told(host: Host) -> None:
    host.do("ip link set em1 down")
    host.start()
    host.until((host.directory / "state/journal.jsonl").exists, "the journal")
    host.until(lambda: LinkChanged(is_up=False) in events(host), "the lost carrier")
