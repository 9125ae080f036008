"""Delivery to real programs, a real web server and a sendmail of our own, when they work and when not."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from hafailover.courier.delivery import Round, put
from hafailover.courier.destinations import (
    Apprise,
    Destination,
    Failure,
    Hook,
    Mail,
    Webhook,
    destinations_of,
    fetch,
)
from hafailover.courier.spool import Spool
from hafailover.group.actions import Severity
from hafailover.runtime.alerting import Alert
from hafailover.runtime.settings import (
    AlertHookSettings,
    AlertSettings,
    MailSettings,
    WebhookSettings,
)
from hafailover.units import milliseconds, seconds
from tests.courier.server import Web, web_server
from tests.courier.test_open_alerts import alert

LIMIT_S = 60.0


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server(Web()) as serving:
        yield serving


def script(directory: Path, name: str, body: str) -> str:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def hook(command: str, **settings: object) -> Hook:
    settings.setdefault("deadline", seconds(30))
    return Hook(AlertHookSettings(command=(command,), **settings), "hook")  # type: ignore[arg-type]


def webhook(web: Web, **settings: object) -> Webhook:
    settings.setdefault("deadline", seconds(30))
    return Webhook(WebhookSettings(url=web.url, **settings), "web")  # type: ignore[arg-type]


def deliver(destination: Destination, what: Alert | None = None) -> Failure | None:
    return asyncio.run(destination.deliver(what or alert()))


def test_a_command_gets_json_and_words_in_its_environment(tmp_path: Path) -> None:
    command = script(tmp_path, "hook", f"cat >{tmp_path}/in; env >{tmp_path}/env")

    assert deliver(hook(command), alert(text="a 'quoted' text\nof two lines")) is None

    document = json.loads((tmp_path / "in").read_text())
    assert document == alert(text="a 'quoted' text\nof two lines").document()
    environment = (tmp_path / "env").read_text()
    for line in ("HAFAILOVER_KIND=unprotected", "HAFAILOVER_STATE=raised", "HAFAILOVER_GROUP=web"):
        assert f"{line}\n" in environment


def test_a_command_that_fails_hangs_or_is_missing_is_told_apart(tmp_path: Path) -> None:
    failed = deliver(hook(script(tmp_path, "bad", "echo no route; exit 3")))
    hung = deliver(hook(script(tmp_path, "hung", "sleep 1000"), deadline=milliseconds(200)))
    missing = deliver(hook(str(tmp_path / "none")))

    assert failed is not None
    assert failed.text.endswith("ended with 3: no route")
    assert hung is not None
    assert "did not end within 0.2 s and was killed" in hung.text
    assert missing is not None
    assert "cannot be started: No such file" in missing.text


def test_what_a_command_leaves_running_is_no_failure_of_it(tmp_path: Path) -> None:
    """It may speak on, too: who is told may be told in the background."""
    left = f"(sleep 0.5; echo more; echo done >{tmp_path}/done; sleep 9) &"
    deadline = seconds(8)

    async def story() -> None:
        good = hook(script(tmp_path, "good", f"{left} exit 0"), deadline=deadline)
        bad = hook(script(tmp_path, "bad", f"{left} echo no route; exit 3"), deadline=deadline)
        assert await good.deliver(alert()) is None
        while not (tmp_path / "done").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        failed = await bad.deliver(alert())
        assert failed is not None
        assert failed.text.endswith("ended with 3: no route")

    asyncio.run(asyncio.wait_for(story(), LIMIT_S))


def test_a_webhook_is_posted_json_with_its_headers(web: Web) -> None:
    assert deliver(webhook(web, headers=(("Authorization", "Bearer x"),))) is None

    assert web.posted == [alert().document()]
    assert web.headers[0]["Authorization"] == "Bearer x"
    assert web.headers[0]["Content-Type"] == "application/json"


def test_a_webhook_that_says_no_hangs_or_is_down_is_told_apart(web: Web) -> None:
    web.status = 503
    busy = deliver(webhook(web))
    web.status = 404
    gone = deliver(webhook(web))
    web.status = 422
    malformed = deliver(webhook(web))
    web.status = 500
    broken = deliver(webhook(web))
    web.status = 200
    web.hangs.set()
    hung = deliver(webhook(web, deadline=milliseconds(300)))
    web.hangs.clear()
    down = deliver(Webhook(WebhookSettings(url="http://127.0.0.1:9/x?token=secret"), "web"))

    assert busy == Failure(text=f"{web.url} answered 503", is_away=True)
    assert gone == Failure(text=f"{web.url} answered 404", is_away=True)
    assert malformed == Failure(text=f"{web.url} answered 422", is_final=True)
    assert broken == Failure(text=f"{web.url} answered 500")
    assert hung is not None
    assert "0.3 s" in hung.text or "timed out" in hung.text
    assert down is not None
    assert "secret" not in down.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_webhook_that_has_moved_is_not_followed(web: Web, status: int) -> None:
    """Where it points nothing would be posted to, and the headers are not for everybody."""
    with web_server(Web()) as elsewhere:
        web.status, web.location = status, f"{elsewhere.url}/new?token=secret"
        failed = deliver(webhook(web, headers=(("Authorization", "Bearer x"),)))
        web.location = "/new/"
        nearby = deliver(webhook(web))
        assert elsewhere.got == []

    hint = "write the address that it names into the configuration"
    moved = f"{web.url} answered {status} and points to"
    assert failed == Failure(text=f"{moved} {elsewhere.url}: {hint}", is_away=True)
    assert nearby == Failure(text=f"{moved} {web.url}: {hint}", is_away=True)


def test_who_is_asked_without_data_may_send_elsewhere() -> None:
    with web_server(Web()) as here, web_server(Web()) as there:
        here.status, here.location = 302, f"{there.url}/alive"
        assert asyncio.run(fetch(here.url, 30)) is None
        assert there.got == ["/alive"]


@pytest.mark.parametrize("words", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000, b""])
def test_who_does_not_speak_http_is_a_failure_and_nothing_worse(words: bytes) -> None:
    def answer(door: socket.socket) -> None:
        link, _ = door.accept()
        with link:
            link.recv(65_536)
            with contextlib.suppress(OSError):
                link.sendall(words)

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=answer, args=(door,), daemon=True).start()
        failed = asyncio.run(fetch(f"http://127.0.0.1:{door.getsockname()[1]}/?token=secret", 30))

    assert failed is not None
    assert "gave no proper answer" in failed.text
    assert failed.is_away
    assert "secret" not in failed.text


def test_a_mail_is_one_that_mail_programs_understand(tmp_path: Path) -> None:
    sendmail = script(tmp_path, "sendmail", f'echo "$@" >{tmp_path}/args; cat >{tmp_path}/mail')
    settings = MailSettings(
        to=("ops@example.net", "boss@example.net"),
        sender="ha@example.net",
        sendmail=sendmail,
        deadline=seconds(30),
    )

    assert (
        deliver(Mail(settings), alert(text="B is gone:\nBcc: x@example.net", state="resolved"))
        is None
    )

    mail = message_from_bytes((tmp_path / "mail").read_bytes(), policy=default)
    assert mail["To"] == "ops@example.net, boss@example.net"
    assert (
        mail["Subject"]
        .strip()
        .startswith("[A] warning: web unprotected (resolved): B is gone: Bcc")
    )
    assert mail["Bcc"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert (tmp_path / "args").read_text().split() == ["-oi", "-t", "-f", "ha@example.net"]


def test_apprise_is_asked_for_if_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)

    failure = deliver(Apprise(("mailto://x",)))

    assert failure is not None
    assert "not installed" in failure.text


def test_names_of_destinations_keep_secrets() -> None:
    settings = AlertSettings(
        hooks=(AlertHookSettings(command=("/bin/x", "--token=1")),),
        webhooks=(WebhookSettings(url="https://u:p@h.example/path?key=s"),),
        mail=MailSettings(to=("a@b",)),
        apprise=("slack://token",),
    )

    assert [each.name for each in destinations_of(settings)] == [
        "exec 1: /bin/x",
        "webhook 1: https://h.example",
        "mail",
        "apprise",
    ]


class Bench:
    """Rounds over a spool, run until something is so."""

    def __init__(self, directory: Path, *destinations: Destination) -> None:
        self.said: list[str] = []
        self.spool = Spool(directory / "spool", 100, self.said.append)
        self.rounds = [
            Round(each, self.spool, self.said.append, first_pause_s=0.02) for each in destinations
        ]

    def give(self, text: str, severity: Severity = Severity.WARNING) -> None:
        put(self.spool, self.rounds, alert(text=text, severity=severity))

    def run(
        self, holds: Callable[[], object], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        async def story() -> None:
            tasks = [asyncio.create_task(each.run()) for each in self.rounds]
            if first is not None:
                await first()
            async with asyncio.timeout(LIMIT_S):
                while not holds():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run(story())


def test_a_webhook_that_was_down_gets_everything_in_order_when_it_returns(tmp_path: Path) -> None:
    web = Web()
    with web_server(web):
        port = int(web.url.rpartition(":")[2])
    bench = Bench(tmp_path, webhook(web, deadline=seconds(2)))
    for text in ("one", "two", "three"):
        bench.give(text)
    bench.run(lambda: bench.rounds[0].trouble)
    assert len(bench.spool) == 3

    with web_server(web, port):
        bench.run(lambda: len(bench.spool) == 0)

    assert web.texts == ["one", "two", "three"]
    assert any("reached again" in line for line in bench.said)


def test_one_that_hangs_holds_up_nobody_else(tmp_path: Path, web: Web) -> None:
    hung = hook(script(tmp_path, "hung", "sleep 1000"), deadline=seconds(50))
    bench = Bench(tmp_path, hung, webhook(web))
    for text in ("one", "two"):
        bench.give(text)

    bench.run(lambda: [letter.waiting for letter in bench.spool] == [["hook"], ["hook"]])

    assert web.texts == ["one", "two"]


def test_what_is_too_quiet_is_not_told(tmp_path: Path, web: Web) -> None:
    bench = Bench(tmp_path, webhook(web, severity=Severity.CRITICAL))
    bench.give("quiet")
    bench.give("loud", Severity.CRITICAL)

    bench.run(lambda: len(bench.spool) == 0)

    assert web.texts == ["loud"]


def test_a_letter_that_is_turned_down_does_not_stop_the_others(tmp_path: Path) -> None:
    command = script(tmp_path, "picky", f"grep -v poison >>{tmp_path}/given")
    bench = Bench(tmp_path, hook(command))
    for text in ("poison", "one", "two"):
        bench.give(text)

    bench.run(lambda: len(bench.spool) == 1)

    given = [json.loads(line)["text"] for line in (tmp_path / "given").read_text().splitlines()]
    assert given == ["one", "two"]
    assert [letter.alert.text for letter in bench.spool] == ["poison"]


def test_an_answer_that_is_final_ends_the_tries(tmp_path: Path, web: Web) -> None:
    web.status = 400
    bench = Bench(tmp_path, webhook(web))
    bench.give("malformed, for somebody")

    bench.run(lambda: len(bench.spool) == 0)

    assert "turned down unprotected raised for good" in bench.said[-1]
