"""Alerts: what is logged, and what commands of the operators get of them."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.settings import AlertHookSettings, AlertSettings
from hafailover.system.alert_hook import encoded
from hafailover.system.alerts import AlertPort
from hafailover.system.log import Log
from hafailover.system.runner import GIVEN_BYTES_MAX, Runner
from hafailover.system.writer_thread import LineWriter
from hafailover.units import milliseconds, seconds
from tests.system.conftest import Bench

NOW_NS = 1_700_000_000_123_456_789


class Rig:
    """A port with its log, and hooks that write down what they are given."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.directory = directory
        self.runner = Runner(bench.loop)
        self.lines: list[str] = []
        descriptor = os.open(directory / "log", os.O_WRONLY | os.O_CREAT)
        self.log = Log(LineWriter("log", descriptor), node="A")

    def hook(
        self, name: str, body: str = "", **settings: Any
    ) -> AlertHookSettings:  # a shell script of its own
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\ncat >> {self.directory}/{name}.given\n")
        path.chmod(0o755)
        settings.setdefault("deadline", seconds(60))
        return AlertHookSettings(command=(str(path),), **settings)

    def given(self, name: str) -> list[dict[str, Any]]:
        path = self.directory / f"{name}.given"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def port(self, *hooks: AlertHookSettings, queue: int = 10) -> AlertPort:
        return AlertPort(
            self.log,
            self.runner,
            node="A",
            settings=AlertSettings(hooks=hooks, queue=queue),
            listener=lambda group, text: self.lines.append(f"{group} {text}"),
            wall_ns=lambda: NOW_NS,
        )

    def until(self, holds: Callable[[], object]) -> None:
        self.bench.until(holds)


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    subject = Rig(bench, tmp_path)
    yield subject
    subject.runner.close()
    subject.log.close(30)


def test_everything_is_said_in_the_log_and_to_who_listens(rig: Rig, tmp_path: Path) -> None:
    port = rig.port()
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


def test_a_hook_gets_an_alert_and_its_end_in_order(rig: Rig) -> None:
    port = rig.port(rig.hook("hook", "sleep 0.05"))
    port.raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, "B is gone")
    port.resolve_alert("g", AlertKind.PEER_LOST, "B is back")
    rig.until(lambda: len(rig.given("hook")) == 2 and rig.runner.running == 0)
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


def test_a_hook_hears_nothing_that_is_too_quiet_for_it(rig: Rig) -> None:
    port = rig.port(rig.hook("loud", severity=Severity.CRITICAL), rig.hook("all"))
    port.raise_alert("g", AlertKind.UNPROTECTED, Severity.WARNING, "one copy")
    port.resolve_alert("g", AlertKind.UNPROTECTED, "two copies")
    port.raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, "B is gone")
    rig.until(lambda: len(rig.given("all")) == 3 and rig.runner.running == 0)
    assert [each["text"] for each in rig.given("loud")] == ["B is gone"]


def test_a_hook_that_hangs_or_fails_holds_up_neither_another_nor_its_next(rig: Rig) -> None:
    port = rig.port(
        rig.hook("hung", "sleep 1000", deadline=milliseconds(300)),
        rig.hook("broken", "cat; exec false"),
        rig.hook("good"),
    )
    for text in ("one", "two"):
        port.raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, text)
    rig.until(lambda: [each["text"] for each in rig.given("good")] == ["one", "two"])
    rig.until(lambda: rig.runner.running == 0)
    rig.log.close(30)
    written = (rig.directory / "log").read_text()
    assert written.count("did not end within 0.3 s") == 2
    assert written.count("the alert hook ended with 1") == 2


def test_what_waits_for_a_hook_is_bounded(rig: Rig) -> None:
    port = rig.port(rig.hook("hook"), queue=3)
    for number in range(10):
        port.raise_alert("g", AlertKind.PEER_LOST, Severity.CRITICAL, str(number))
    # One was given to the command at once, three wait.
    assert port.dropped == 6
    rig.until(lambda: len(rig.given("hook")) == 4 and rig.runner.running == 0)


def test_a_text_that_is_too_long_for_a_pipe_is_cut() -> None:
    line = encoded({"node": "A", "text": "\u00fc\n" * 5000})
    assert GIVEN_BYTES_MAX // 2 < len(line) <= GIVEN_BYTES_MAX
    assert json.loads(line)["text"].startswith("\u00fc\n\u00fc")
