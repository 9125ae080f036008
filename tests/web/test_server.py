"""The process that answers over HTTP, beside a stand-in for the agent's control socket."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hafailover.web.server import REQUESTS_MAX
from tests.cli.test_status_text import GROUP
from tests.web.test_answers import STATUS

ROOT = Path(__file__).parents[2]


class Agent:
    """Answers a subscription with a status each 100 ms, and counts how often it was talked to."""

    def __init__(self, path: Path) -> None:
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(path))
        self.door.listen()
        self.is_speaking = True
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self.door.accept()
            except OSError:
                return
            self.connections += 1
            self.link = link
            assert json.loads(link.recv(65_536))["request"] == "subscribe"
            line = json.dumps({"version": 1, "status": STATUS}).encode() + b"\n"
            note = {"group": "web", "text": "standby -> promoting"}
            link.sendall(json.dumps({"version": 1, "note": note}).encode() + b"\n")
            while True:
                if self.is_speaking:
                    with contextlib.suppress(OSError):
                        link.sendall(line)
                time.sleep(0.1)


@dataclass
class Served:
    """A server that runs."""

    agent: Agent
    process: subprocess.Popen[bytes]
    base: str

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.base + path, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until(self, path: str, status: int) -> str:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                found, text = self.get(path)
                if found == status:
                    return text
            time.sleep(0.05)
        raise AssertionError(f"{path} did not end with {status}")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    control, journal = tmp_path / "control.sock", tmp_path / "journal.jsonl"
    journal.write_bytes(
        b'{"line":"clock","offset":1800000000000000000}\n'
        b'{"line":"step","group":"web","now":1,"event":{"is":"Started"},"actions":[]}\n'
    )
    agent = Agent(control)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(control), str(journal), "127.0.0.1", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "hafailover.web.server", *words], stdin=subprocess.PIPE, cwd=ROOT
    )
    yield Served(agent, process, f"http://127.0.0.1:{port}")
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()
    agent.door.close()


def test_a_server_lives_beside_its_agent(served: Served) -> None:
    served.until("/primary", 200)
    assert json.loads(served.get("/status")[1])["groups"] == [GROUP]
    page = served.until("/", 200)
    assert "the agent starts" in page
    assert "standby -&gt; promoting" in page
    assert served.get("/nothing")[0] == 404
    if os.getuid() == 0:
        status = Path(f"/proc/{served.process.pid}/status").read_text()
        assert "Uid:\t65534\t65534" in status

    # However many ask, and however slowly: the agent is asked nothing more.
    host, port = served.base.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(REQUESTS_MAX + 8)]
    for link in idle:
        link.close()
    for _ in range(50):
        served.until("/metrics", 200)
    assert served.agent.connections == 1

    request = urllib.request.Request(served.base + "/", method="POST", data=b"x")  # noqa: S310
    with pytest.raises(urllib.error.HTTPError, match="501"):
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 - loopback

    served.agent.is_speaking = False
    served.until("/health", 503)

    assert served.process.stdin is not None
    served.process.stdin.close()
    assert served.process.wait(10) == 0


def test_a_server_that_hears_nothing_any_more_ends_so_that_the_agent_starts_another(
    served: Served,
) -> None:
    served.until("/primary", 200)
    served.agent.link.shutdown(socket.SHUT_RDWR)
    assert served.process.wait(20) == 1


def test_the_page_is_drawn_by_a_browser(served: Served, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    served.until("/primary", 200)
    base = [
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}/c",
    ]
    done = subprocess.run(
        [*base, "--virtual-time-budget=1000", "--dump-dom", served.base],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "A serves; the peer's copy is being rebuilt, 42 %" in done.stdout, done.stderr
