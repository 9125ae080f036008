"""Whole lives of the courier: an hour without its web server, ends at the wrong moment, letters that nobody takes."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hafailover.courier import process
from hafailover.courier.delivery import PAUSE_MAX_S, Round, put
from hafailover.courier.destinations import Failure
from hafailover.courier.open_alerts import GRACE_MS
from hafailover.courier.process import Courier
from hafailover.courier.spool import Spool
from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.alerting import Alert
from hafailover.runtime.codec import encode
from hafailover.runtime.settings import AlertSettings, WebhookSettings
from hafailover.units import seconds
from tests.courier.server import Web, web_server
from tests.courier.swift import run_swiftly
from tests.courier.test_open_alerts import alert

ROOT = Path(__file__).parents[2]
MINUTE_S = 60.0
BEGIN_MS = 1_700_000_000_000

RAISED: tuple[tuple[int, AlertKind, str], ...] = (
    (1, AlertKind.UNPROTECTED, "only A has the data"),
    (2, AlertKind.FAILOVER, "moved at minute 2"),
    (3, AlertKind.DIVERGED, "the copies have diverged"),
    (5, AlertKind.UNPROTECTED, "only A has the data"),
    (12, AlertKind.FAILOVER, "moved at minute 12"),
    (22, AlertKind.FAILOVER, "moved at minute 22"),
    # At minute 30 agent and courier are started again; what lasts is derived anew, the divergence is over.
    (31, AlertKind.UNPROTECTED, "only A has the data"),
    (35, AlertKind.FAILOVER, "moved at minute 35"),
    (45, AlertKind.FAILOVER, "moved at minute 45"),
    (55, AlertKind.FAILOVER, "moved at minute 55"),
)
"""What the agent says, and in which minute; the end of the first one follows in minute 58."""
TOLD = [
    ("unprotected", "raised"),
    ("moved at minute 2", "raised"),
    ("diverged", "raised"),
    ("moved at minute 12", "raised"),
    ("unprotected", "repeated"),
    ("moved at minute 22", "raised"),
    ("diverged", "repeated"),
    ("diverged", "resolved"),
    ("moved at minute 35", "raised"),
    ("unprotected", "repeated"),
    ("moved at minute 45", "raised"),
    ("moved at minute 55", "raised"),
    ("unprotected", "resolved"),
]
"""What has to arrive, once and in this order: repeated every twenty minutes, and nothing said twice."""


class Clock:
    """The loop's, as the time of day."""

    def now_ms(self) -> int:
        return BEGIN_MS + round(asyncio.get_running_loop().time() * 1000)

    async def until(self, minute: float) -> None:
        await asyncio.sleep(minute * MINUTE_S - asyncio.get_running_loop().time())


class Life:
    """A courier that runs, and the agent that talks to it."""

    def __init__(self, settings: AlertSettings, directory: Path, clock: Clock) -> None:
        self.clock = clock
        self.courier = Courier(settings, directory, clock.now_ms(), clock.now_ms)
        self.given = 0

    def say(self, kind: AlertKind, text: str, state: str = "raised") -> None:
        said = alert(kind, at=self.clock.now_ms(), text=text, state=state)
        self.given += 1
        self.courier.take({"alert": encode(Alert, said), "id": self.given})


@asynccontextmanager
async def living(settings: AlertSettings, directory: Path, clock: Clock) -> AsyncIterator[Life]:
    life = Life(settings, directory, clock)
    lines = asyncio.StreamReader()
    running = asyncio.create_task(life.courier.run(lines))
    yield life
    lines.feed_eof()
    await running


def gist(document: dict[str, str]) -> tuple[str, str]:
    """Return what tells one delivery from another."""
    words = document["text"] if document["kind"] == "failover" else document["kind"]
    return words, document["state"]


def test_a_webhook_that_is_down_for_an_hour_misses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web, clock = Web(), Clock()
    with web_server(web):
        port = int(web.url.rpartition(":")[2])
    hooks = (WebhookSettings(url=web.url, deadline=seconds(5)),)
    settings = AlertSettings(webhooks=hooks, repeat=seconds(20 * MINUTE_S))

    async def hour(begin: int, end: int, life: Life) -> None:
        for minute, kind, text in RAISED:
            if begin <= minute < end:
                await clock.until(minute)
                life.say(kind, text)

    async def story() -> None:
        with ExitStack() as opened:
            async with living(settings, tmp_path / "spool", clock) as first:
                await hour(0, 20, first)
                await clock.until(20)
                web.status = 503
                opened.enter_context(web_server(web, port))
                await hour(20, 30, first)
                await clock.until(30)
            async with living(settings, tmp_path / "spool", clock) as second:
                await hour(30, 40, second)
                await clock.until(40)
                opened.close()
                await hour(40, 60, second)
                await clock.until(58)
                for _ in range(2):
                    second.say(AlertKind.UNPROTECTED, "only A has the data", "resolved")
                await clock.until(60)
                assert web.posted == []
                web.status = 200
                opened.enter_context(web_server(web, port))
                await clock.until(60 + PAUSE_MAX_S / MINUTE_S)
                assert [gist(each) for each in web.posted] == TOLD
                second.say(AlertKind.FAILOVER, "afterwards")
                await asyncio.sleep(1)
                assert gist(web.posted[-1]) == ("afterwards", "raised")

    run_swiftly(story())

    assert list((tmp_path / "spool").glob("*.alert")) == []
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum("have" in each for each in said) == len(RAISED) + 3
    assert any("reached again after" in each.get("say", "") for each in said)


def die(*_: object) -> None:
    raise SystemExit


def test_a_courier_that_dies_before_an_alert_is_kept_has_not_heard_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent, which was not answered, says it again to the next one."""
    hooks = (WebhookSettings(url="http://127.0.0.1:9", deadline=seconds(1)),)
    settings = AlertSettings(webhooks=hooks)

    async def story() -> None:
        clock = Clock()
        for state in ("raised", "resolved"):
            dying = Life(settings, tmp_path / "spool", clock)
            with monkeypatch.context() as dies:
                dies.setattr(process, "put", die)
                with pytest.raises(SystemExit):
                    dying.say(AlertKind.DIVERGED, "the copies have diverged", state)
            Life(settings, tmp_path / "spool", clock).say(AlertKind.DIVERGED, "again", state)

    run_swiftly(story())

    kept = Spool(tmp_path / "spool", 100, lambda _: None)
    assert [each.alert.state for each in kept] == ["raised", "resolved"]


def test_a_courier_that_is_started_again_beneath_a_living_agent_ends_nothing(
    tmp_path: Path,
) -> None:
    """The agent says what lasts once in its life; only its own new life has to say it again."""
    hooks = (WebhookSettings(url="http://127.0.0.1:9", deadline=seconds(1)),)
    settings = AlertSettings(webhooks=hooks, repeat=seconds(24 * 60 * MINUTE_S))

    async def story() -> None:
        clock = Clock()
        begun = clock.now_ms()
        async with living(settings, tmp_path / "spool", clock) as first:
            first.say(AlertKind.DIVERGED, "the copies have diverged")
        await asyncio.sleep(1)
        for life_ms, states in ((begun, ["raised"]), (begun + 1000, ["raised", "resolved"])):
            courier = Courier(settings, tmp_path / "spool", life_ms, clock.now_ms)
            lines = asyncio.StreamReader()
            running = asyncio.create_task(courier.run(lines))
            await asyncio.sleep(2 * GRACE_MS / 1000)
            lines.feed_eof()
            await running
            kept = Spool(tmp_path / "spool", 100, lambda _: None)
            assert [each.alert.state for each in kept] == states

    run_swiftly(story())


class Picky:
    """Takes what it likes, when it likes; remembers what it was offered and took, and when."""

    name = "picky"
    severity = Severity.NOTE

    def __init__(self, *, away: int = 0) -> None:
        self.away = away
        self.offered: list[str] = []
        self.taken: list[tuple[str, float]] = []

    async def deliver(self, alert: Alert) -> Failure | None:
        self.offered.append(alert.text)
        if len(self.offered) <= self.away or alert.text == "poison":
            return Failure(text="no")
        self.taken.append((alert.text, asyncio.get_running_loop().time()))
        return None


async def deliver_for(seconds_: float, around: Round) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds_):
            await around.run()


def test_a_command_that_fails_for_a_while_gets_everything_in_order(tmp_path: Path) -> None:
    """It does not say whether it was the letter: another is tried now and then, and if that fails, too, it was not."""
    picky = Picky(away=13)
    around = Round(picky, Spool(tmp_path, 100, lambda _: None), lambda _: None)

    async def story() -> None:
        for text in ("one", "two", "three"):
            put(around._spool, [around], alert(text=text))
        await deliver_for(3600, around)

    run_swiftly(story())

    assert picky.offered[:13] == [*["one"] * 5, "two", *["one"] * 5, "two", "one"]
    assert [text for text, _ in picky.taken] == ["one", "two", "three"]


def test_a_letter_that_nobody_takes_delays_no_other(tmp_path: Path) -> None:
    picky = Picky()
    spool = Spool(tmp_path, 100, lambda _: None)
    around = Round(picky, spool, lambda _: None)

    async def story() -> None:
        for text in ("poison", "one"):
            put(spool, [around], alert(text=text))
        await deliver_for(3600, around)
        running = asyncio.create_task(around.run())
        await asyncio.sleep(PAUSE_MAX_S / 2)
        put(spool, [around], alert(text="fresh"))
        await asyncio.sleep(1)
        running.cancel()
        assert [text for text, _ in picky.taken] == ["one", "fresh"]
        assert picky.offered.count("poison") > 10

    run_swiftly(story())

    assert [letter.alert.text for letter in spool] == ["poison"]


@contextlib.contextmanager
def started(settings: AlertSettings, directory: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Yield a real process that has been given its settings."""
    words = [sys.executable, "-m", "hafailover.courier.process"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT) as courier:
        document = encode(AlertSettings, settings)
        give(courier, {"settings": document, "directory": str(directory), "life": BEGIN_MS})
        try:
            yield courier
        finally:
            courier.kill()


def give(courier: "subprocess.Popen[bytes]", message: dict[str, Any]) -> None:
    assert courier.stdin is not None
    courier.stdin.write(json.dumps(message).encode() + b"\n")
    courier.stdin.flush()


def test_a_courier_ends_with_its_agent_though_nobody_answers_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        hooks = (WebhookSettings(url=url, deadline=seconds(100)),)
        with started(AlertSettings(webhooks=hooks), tmp_path / "spool") as courier:
            give(courier, {"alert": encode(Alert, alert()), "id": 1})
            asked, _ = silent.accept()
            with asked:
                assert courier.stdin is not None
                courier.stdin.close()
                assert courier.wait(20) == 0


def test_a_duty_that_fails_ends_the_courier_which_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        courier = Courier(AlertSettings(), tmp_path / "spool", BEGIN_MS)
        courier._open.next_ms = lambda: "never"  # type: ignore[method-assign, return-value, assignment]
        with pytest.raises(ExceptionGroup, match="TaskGroup"):
            async with asyncio.timeout(60):
                await courier.run(asyncio.StreamReader())

    run_swiftly(story())

    with started(AlertSettings(), tmp_path / "spool") as courier:
        give(courier, {"alert": "no alert", "id": 1})
        _, said = courier.communicate(timeout=20)
        assert courier.returncode == 1
        assert b"Traceback" in said
