"""The agent's hold on the process that answers over HTTP: what it hears of it, what it holds, and for how long."""

import errno
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hafailover.runtime.settings import MetricsSettings, NodeSettings, PathSettings
from hafailover.system import status_server
from hafailover.system.spawning import spawn
from hafailover.system.status_server import StatusServer
from tests.system.conftest import Bench


class Rig:
    """A server of a node without an agent."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.said: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            metrics = MetricsSettings(port=free.getsockname()[1])
        paths = PathSettings(state=directory, run=directory)
        settings = NodeSettings(node="A", peer="B", metrics=metrics, paths=paths)
        self.server = StatusServer(bench.loop, settings, self.said.append)


@pytest.fixture
def rig(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr(status_server, "_RETRY_S", 0.01)
    monkeypatch.setattr(status_server, "_RETRY_LIMIT_S", 0.01)
    subject = Rig(bench, tmp_path)
    yield subject
    subject.server.close()
    bench.turn()


def open_descriptors() -> int:
    def is_open(number: int) -> bool:
        try:
            os.fstat(number)
        except OSError:
            return False
        return True

    return sum(is_open(number) for number in range(1024))


def test_its_complaints_come_to_the_agent_and_hold_no_log_of_its(rig: Rig) -> None:
    """Were its standard error the agent's own, daemon(8) would wait for it before it starts the next agent."""
    rig.server.start()
    rig.bench.until(lambda: rig.said)
    assert rig.said[0].startswith("status over HTTP has ended; it is started again in 0 s: status")
    assert "127.0.0.1" in rig.said[0]


def test_one_that_cannot_be_started_costs_no_descriptor(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EAGAIN, "no process")

    monkeypatch.setattr(status_server, "spawn", fail)
    rig.server.start()
    rig.bench.until(lambda: rig.said)
    before = open_descriptors()
    rig.bench.until(lambda: len(rig.said) > 10)
    assert open_descriptors() == before
    assert rig.said[-1].endswith(": no process")


def test_one_that_cannot_be_killed_does_not_hold_up_the_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits inside the kernel."""
    argv = ("sleep", "20")
    monkeypatch.setattr(status_server, "spawn", lambda *_: spawn("/bin/sleep", argv, {}, []))
    rig.server.start()
    rig.bench.until(lambda: rig.server._pid)
    pid = rig.server._pid
    with monkeypatch.context() as inside_the_kernel:
        inside_the_kernel.setattr(os, "kill", lambda *_: None)
        began = time.monotonic()
        rig.server.close()
        took = time.monotonic() - began
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    rig.server._pid = 0
    assert took < 5
