"""Alerts: what is logged, and that a real courier gets them without the agent ever waiting."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.settings import (
    AlertHookSettings,
    AlertSettings,
    DeadManSettings,
    WebhookSettings,
)
from hafailover.system import courier_link
from hafailover.system.alerts import AlertPort
from hafailover.system.courier_link import CourierLink
from hafailover.system.host import HostPort
from hafailover.system.log import Log
from hafailover.system.python_child import SEARCH_PATH
from hafailover.system.runner import Runner
from hafailover.system.writer_thread import LineWriter
from hafailover.units import milliseconds, seconds
from tests.courier.server import Web, web_server
from tests.system.conftest import Bench

ROOT = Path(__file__).parents[2]
NOW_NS = 1_700_000_000_123_456_789


class Rig:
    """A port with its log, a courier, and hooks that write down what they are given."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.directory = directory
        self.lines: list[str] = []
        self.links: list[CourierLink] = []
        descriptor = os.open(directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.log = Log(LineWriter("log", descriptor), node="A")

    def hook(self, name: str, body: str = "", **settings: Any) -> AlertHookSettings:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\ncat >> {self.directory}/{name}.given\n")
        path.chmod(0o755)
        settings.setdefault("deadline", seconds(60))
        settings.setdefault("severity", Severity.NOTE)
        return AlertHookSettings(command=(str(path),), **settings)

    def given(self, name: str) -> list[dict[str, Any]]:
        path = self.directory / f"{name}.given"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def link(self, *hooks: AlertHookSettings, **settings: Any) -> CourierLink:
        wanted = AlertSettings(hooks=hooks, **settings)
        link = CourierLink(self.bench.loop, wanted, self.directory / "spool", self.log, os.environ)
        self.links.append(link)
        return link

    def port(self, link: CourierLink) -> AlertPort:
        return AlertPort(
            self.log,
            link,
            node="A",
            listener=lambda group, text: self.lines.append(f"{group} {text}"),
            wall_ns=lambda: NOW_NS,
        )

    def until(self, holds: Callable[[], object]) -> None:
        self.bench.until(holds)

    def written(self) -> str:
        return (self.directory / "log").read_text()


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    subject = Rig(bench, tmp_path)
    yield subject
    for link in subject.links:
        link.close()
    subject.log.close(30)


def test_everything_is_said_in_the_log_and_to_who_listens(rig: Rig, tmp_path: Path) -> None:
    port = rig.port(rig.link())
    port.raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, "B is gone")
    port.resolve_alert("g", AlertKind.PEER_LOST, "B is back")
    port.note("g", "a note")
    assert rig.lines == [
        "g alert peer-lost (critical): B is gone",
        "g alert peer-lost resolved: B is back",
        "g a note",
    ]
    rig.log.close(30)
    written = (tmp_path / "log").read_text().splitlines()
    assert len(written) == 3
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z g: alert peer-lost", written[0])


def test_nobody_is_started_when_there_is_nobody_to_tell(rig: Rig) -> None:
    link = rig.link()
    rig.port(link).raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, "B is gone")
    assert link.pid == 0
    assert link.status()["waiting"] == 0


def test_a_hook_gets_an_alert_and_its_end_in_order(rig: Rig) -> None:
    port = rig.port(rig.link(rig.hook("hook", "sleep 0.05")))
    port.raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, "B is gone")
    port.resolve_alert("g", AlertKind.PEER_LOST, "B is back")
    rig.until(lambda: len(rig.given("hook")) == 2)
    shared = {
        "version": 1,
        "time": 1_700_000_000_123,
        "node": "A",
        "group": "g",
        "kind": "peer-lost",
        "severity": "critical",
    }
    assert rig.given("hook") == [
        {**shared, "state": "raised", "text": "B is gone"},
        {**shared, "state": "resolved", "text": "B is back"},
    ]


def test_a_reset_of_the_host_is_told_before_it_happens(rig: Rig) -> None:
    hook = rig.hook("hook")
    port = rig.port(rig.link(hook))
    (rig.directory / "reboot").write_text("#!/bin/sh\nsleep 1000\n")
    (rig.directory / "reboot").chmod(0o755)
    runner = Runner(rig.bench.loop, path=f"{rig.directory}:{SEARCH_PATH}")
    host = HostPort(
        rig.bench.loop,
        runner,
        frozenset({"g"}),
        say=lambda _: None,
        alarm=port.tell_reset,
        finished=lambda: None,
    )

    host.reset("g", "the demotion is stuck")
    rig.until(lambda: rig.given("hook"))
    runner.close()

    [told] = rig.given("hook")
    assert (told["kind"], told["severity"]) == (AlertKind.HOST_RESET.value, "critical")
    assert told["text"] == "the host is reset: the demotion is stuck"


def test_a_courier_that_stands_still_costs_the_agent_nothing_and_loses_nothing(rig: Rig) -> None:
    link = rig.link(rig.hook("hook"), queue=10)
    port = rig.port(link)
    rig.until(lambda: link.pid)
    os.kill(link.pid, signal.SIGSTOP)
    slowest = 0.0
    for number in range(500):
        begin = time.perf_counter()
        severity = Severity.CRITICAL if number % 100 == 0 else Severity.NOTE
        port.raise_alert("g", AlertKind.FAILOVER, severity, f"failover {number}")
        slowest = max(slowest, time.perf_counter() - begin)
    waiting = link.status()["waiting"]
    os.kill(link.pid, signal.SIGCONT)

    # On a quiet machine 0.2 ms at most; what is excluded is waiting for somebody.
    assert slowest < 0.5
    assert waiting <= 10 + courier_link.WINDOW
    assert link.dropped >= 400
    wanted = {f"failover {number}" for number in range(0, 500, 100)}
    rig.until(lambda: wanted <= {each["text"] for each in rig.given("hook")})


def test_a_courier_that_is_killed_loses_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier_link, "_AGAIN_S", 0.01)
    link = rig.link(rig.hook("hook", "sleep 0.2"))
    port = rig.port(link)
    for text in ("one", "two", "three"):
        port.raise_alert("g", AlertKind.FAILOVER, Severity.CRITICAL, text)
    first = link.pid
    rig.until(lambda: rig.given("hook"))
    os.kill(first, signal.SIGKILL)

    rig.until(lambda: {"one", "two", "three"} <= {each["text"] for each in rig.given("hook")})

    assert link.pid != first
    rig.until(lambda: "has ended; it is started again" in rig.written())


def test_what_was_not_delivered_waits_for_the_next_life_of_the_agent(rig: Rig) -> None:
    web = Web()
    with web_server(web):
        pass
    hooks = (WebhookSettings(url=web.url, deadline=seconds(1)),)
    link = rig.link(webhooks=hooks)
    rig.port(link).raise_alert("g", AlertKind.FAILOVER, Severity.CRITICAL, "kept")
    rig.until(lambda: link.status()["failing"])
    assert link.status()["waiting"] == 1
    link.close()

    with web_server(web, int(web.url.rpartition(":")[2])):
        rig.link(webhooks=hooks)
        rig.until(lambda: web.texts == ["kept"])


def test_an_alert_is_repeated_while_its_cause_lasts(rig: Rig) -> None:
    port = rig.port(rig.link(rig.hook("hook"), repeat=milliseconds(200)))
    port.raise_alert("g", AlertKind.DIVERGED, Severity.CRITICAL, "diverged")
    rig.until(lambda: len(rig.given("hook")) >= 3)
    port.resolve_alert("g", AlertKind.DIVERGED, "resolved")
    rig.until(lambda: rig.given("hook")[-1]["state"] == "resolved")
    states = [each["state"] for each in rig.given("hook")]
    assert states[:3] == ["raised", "repeated", "repeated"]
    assert states.count("resolved") == 1


def test_somebody_is_called_while_all_is_well_and_not_otherwise(rig: Rig, tmp_path: Path) -> None:
    web = Web()
    with web_server(web):
        dead_man = DeadManSettings(url=f"{web.url}/alive", interval=milliseconds(100))
        port = rig.port(rig.link(dead_man=dead_man))
        rig.until(lambda: len(web.got) >= 2)
        assert set(web.got) == {"/alive"}
        port.raise_alert("g", AlertKind.DIVERGED, Severity.CRITICAL, "diverged")

        opened = tmp_path / "spool" / "open.json"
        rig.until(lambda: opened.exists() and opened.read_text() != "[]")
        count = len(web.got)
        end = time.monotonic() + 0.5
        rig.until(lambda: time.monotonic() > end)
        assert len(web.got) <= count + 1
        port.resolve_alert("g", AlertKind.DIVERGED, "over")
        count = len(web.got)
        rig.until(lambda: len(web.got) > count)


AGENT = """
import asyncio, os, sys
from pathlib import Path
from types import SimpleNamespace
from hafailover.runtime.settings import AlertSettings, WebhookSettings
from hafailover.system.courier_link import CourierLink
from hafailover.units import seconds
from tests.courier.test_open_alerts import alert
loop = asyncio.new_event_loop()
settings = AlertSettings(webhooks=(WebhookSettings(url=sys.argv[1], deadline=seconds(20)),))
log = SimpleNamespace(say=lambda *_: None)
link = CourierLink(loop, settings, Path(sys.argv[2]), log, os.environ)
link.give(alert())
loop.run_until_complete(loop.run_in_executor(None, sys.stdin.read))
link.close()
"""


def test_a_courier_that_hangs_does_not_hold_the_log_of_an_agent_that_is_gone(
    tmp_path: Path,
) -> None:
    """As daemon(8) does: it reads the agent's standard error to its end, then starts the next agent."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        agent = subprocess.Popen(
            [sys.executable, "-c", AGENT, url, str(tmp_path / "spool")],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        asked, _ = silent.accept()
        with asked, agent:
            assert agent.stdin is not None
            agent.stdin.close()
            assert agent.wait(60) == 0
            began = time.monotonic()
            assert agent.stderr is not None
            assert agent.stderr.read() == b""
            assert time.monotonic() - began < 1


def test_the_last_words_of_a_courier_are_in_the_log(rig: Rig) -> None:
    rig.link(rig.hook("hook"))._send({"alert": "no alert", "id": 1})
    rig.until(lambda: "it is started again; its last words: " in rig.written())
    assert "Error" in rig.written().rpartition("its last words: ")[2]
