"""Who gets alerts, and how is one given? Each try ends in time: delivered, or why not."""

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.client import HTTPException
from typing import Any, Final, Protocol
from urllib import error, request
from urllib.parse import urljoin

from hafailover import __version__
from hafailover.group.actions import Severity
from hafailover.override import override
from hafailover.runtime.alerting import Alert
from hafailover.runtime.settings import (
    AlertHookSettings,
    AlertSettings,
    MailSettings,
    WebhookSettings,
)
from hafailover.system.child import Tail
from hafailover.system.python_child import SEARCH_PATH
from hafailover.units import SECOND

_RANKS: Final = tuple(Severity)
_SAID_BYTES: Final = 300
_AGENT: Final = f"hafailover/{__version__}"
_REAP_S: Final = 1.0
_APPRISE_S: Final = 30.0
_NOT_THIS_ONE: Final = frozenset({400, 406, 411, 413, 414, 415, 422, 431})
"""Answers about what was sent (RFC 9110 section 15.5, RFC 6585); all others tell of who should take it."""
_LATER: Final = frozenset({401, 403, 404, 408, 421, 425, 429, 502, 503, 504})
"""Answers that any other letter would get, too: nobody is there, has time, or knows this sender."""
_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
"""Answers that send whoever asks to another address, with every other letter, too."""
_SUBJECT_MAX: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an alert was not delivered."""

    text: str
    is_final: bool = False
    """Whether it is no use to try this very alert again: it was understood and turned down."""
    is_away: bool = False
    """Whether no other alert would have got through either, so that it stays first."""


class Destination(Protocol):
    """One of those who are told."""

    name: str
    """Stays the same while the configuration does."""

    @property
    def severity(self) -> Severity:
        """The least that it wants to hear of."""
        ...

    async def deliver(self, alert: Alert) -> Failure | None:
        """Give it an alert; None = it has it."""
        ...


def wants(destination: Destination, alert: Alert) -> bool:
    """Whether an alert is loud enough for a destination."""
    return _RANKS.index(alert.severity) >= _RANKS.index(destination.severity)


def destinations_of(settings: AlertSettings) -> tuple[Destination, ...]:
    """Return everybody whom the configuration names."""
    found: list[Destination] = [
        Hook(hook, f"exec {number}: {hook.command[0]}")
        for number, hook in enumerate(settings.hooks, start=1)
    ]
    found += [
        Webhook(hook, f"webhook {number}: {_bare(hook.url)}")
        for number, hook in enumerate(settings.webhooks, start=1)
    ]
    if settings.mail is not None:
        found.append(Mail(settings.mail))
    if settings.apprise:
        found.append(Apprise(settings.apprise))
    return tuple(found)


def _bare(url: str) -> str:
    """Return a URL without what may be secret in it: user, path and query often are."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}"


@dataclass(slots=True)
class Hook:
    """A command that gets the JSON on its standard input, and words of it in its environment."""

    _settings: AlertHookSettings
    name: str

    @property
    def severity(self) -> Severity:
        """The least that it wants to hear of."""
        return self._settings.severity

    async def deliver(self, alert: Alert) -> Failure | None:
        """Run it."""
        data = json.dumps(alert.document()).encode() + b"\n"
        deadline_s = self._settings.deadline / SECOND
        return await run_program(self._settings.command, data, deadline_s, environment_of(alert))


@dataclass(slots=True)
class Webhook:
    """A web address that the JSON is posted to."""

    _settings: WebhookSettings
    name: str

    @property
    def severity(self) -> Severity:
        """The least that it wants to hear of."""
        return self._settings.severity

    async def deliver(self, alert: Alert) -> Failure | None:
        """Post it."""
        headers = {"Content-Type": "application/json", **dict(self._settings.headers)}
        data = json.dumps(alert.document()).encode()
        return await fetch(self._settings.url, self._settings.deadline / SECOND, data, headers)


@dataclass(slots=True)
class Mail:
    """Mail through the local sendmail(8)."""

    _settings: MailSettings
    name: str = "mail"

    @property
    def severity(self) -> Severity:
        """The least that it wants to hear of."""
        return self._settings.severity

    async def deliver(self, alert: Alert) -> Failure | None:
        """Hand it to the mail system."""
        command = (self._settings.sendmail, "-oi", "-t", "-f", self._settings.sender)
        deadline_s = self._settings.deadline / SECOND
        return await run_program(command, self.message(alert), deadline_s, {})

    def message(self, alert: Alert) -> bytes:
        """Return the mail."""
        message = EmailMessage()
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.to)
        subject = " ".join(f"[{alert.node}] {_headline(alert)}: {alert.text}".split())
        message["Subject"] = subject[:_SUBJECT_MAX]
        message["Date"] = formatdate(alert.time_ms / 1000)
        message["Message-ID"] = make_msgid(domain="hafailover.invalid")
        message["Auto-Submitted"] = "auto-generated"
        lines = [alert.text, "", f"node      {alert.node}", f"group     {alert.group}"]
        lines += [f"alert     {alert.kind}", f"severity  {alert.severity.value}"]
        lines += [
            f"state     {alert.state}",
            "",
            "What to do: docs/runbook.md, or hafailover explain",
        ]
        message.set_content("\n".join(lines) + "\n")
        return message.as_bytes()


@dataclass(slots=True)
class Apprise:
    """Everything else, through the library apprise, if it is installed."""

    _urls: tuple[str, ...]
    name: str = "apprise"

    @property
    def severity(self) -> Severity:
        """The least that it is given."""
        return Severity.WARNING

    async def deliver(self, alert: Alert) -> Failure | None:
        """Send it."""
        try:
            import apprise  # noqa: PLC0415 - an optional extra
        except ImportError:
            return Failure(text="the library apprise is not installed: pip install apprise")
        sender = apprise.Apprise()
        for url in self._urls:
            sender.add(url)
        title = f"[{alert.node}] {_headline(alert)}"
        try:
            async with asyncio.timeout(_APPRISE_S):
                is_sent = await asyncio.to_thread(sender.notify, title=title, body=alert.text)
        except TimeoutError:
            return Failure(text=f"apprise did not end within {_APPRISE_S:g} s")
        return None if is_sent else Failure(text="apprise could not reach all of its destinations")


def _headline(alert: Alert) -> str:
    state = "" if alert.state == "raised" else f" ({alert.state})"
    return f"{alert.severity.value}: {alert.group} {alert.kind}{state}"


def environment_of(alert: Alert) -> dict[str, str]:
    """Return the variables that a command finds."""
    words = {key: str(value) for key, value in alert.document().items()}
    return {f"HAFAILOVER_{key.upper()}": value for key, value in words.items()}


async def run_program(
    command: tuple[str, ...], data: bytes, deadline_s: float, environment: dict[str, str]
) -> Failure | None:
    """Run a program with something on its standard input; at its deadline its group is killed.

    Its exit counts, and not the end of its output: what it leaves running may hold that for ever.
    """
    loop = asyncio.get_running_loop()
    read, write = os.pipe()
    output = Tail(loop, read, _SAID_BYTES)
    # What it leaves running may speak for a while yet, and is not to die of SIGPIPE at once.
    loop.call_later(2 * deadline_s, output.close)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=write,
            stderr=write,
            env={"PATH": SEARCH_PATH, "HOME": "/", "LC_ALL": "C.UTF-8", **environment},
            start_new_session=True,
        )
    except OSError as problem:
        return Failure(text=f"{command[0]} cannot be started: {problem.strerror}", is_away=True)
    finally:
        os.close(write)
    try:
        async with asyncio.timeout(deadline_s):
            await process.communicate(data)
    except TimeoutError:
        return Failure(text=f"{command[0]} did not end within {deadline_s:g} s and was killed")
    finally:
        await _end(process)
    if process.returncode == 0:
        return None
    said = output.close().decode(errors="replace").strip()
    return Failure(text=f"{command[0]} ended with {process.returncode}: {said}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a program's group; one inside the kernel is not waited for."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_REAP_S):
            await process.wait()


class _Posting(request.HTTPRedirectHandler):
    """Follows no redirection of a POST.

    urllib would make a GET without the data of it, and give secret headers to whomever the answer names.
    """

    @override
    def redirect_request(self, req: request.Request, *answer: Any) -> request.Request | None:
        return None if req.data is not None else super().redirect_request(req, *answer)


async def fetch(
    url: str, deadline_s: float, data: bytes | None = None, headers: dict[str, str] | None = None
) -> Failure | None:
    """Ask a web address, with POST if there is data; any answer below 300 is a yes."""
    asked = request.Request(url, data=data, headers={"User-Agent": _AGENT, **(headers or {})})  # noqa: S310

    def ask() -> None:
        opener = request.build_opener(_Posting)
        with opener.open(asked, timeout=deadline_s) as answer:
            answer.read(_SAID_BYTES)

    try:
        # Each system call has its limit; a resolver, or an answer that trickles, has this one.
        async with asyncio.timeout(deadline_s + 1):
            await asyncio.to_thread(ask)
    except error.HTTPError as problem:
        problem.close()
        return _refused(url, problem)
    except TimeoutError:
        return Failure(text=f"{_bare(url)} did not answer within {deadline_s:g} s", is_away=True)
    except HTTPException as problem:
        said = repr(problem)[:_SAID_BYTES]
        return Failure(text=f"{_bare(url)} gave no proper answer: {said}", is_away=True)
    except (OSError, ValueError) as problem:
        reason: Any = getattr(problem, "reason", problem)
        return Failure(text=f"{_bare(url)}: {reason}", is_away=True)
    return None


def _refused(url: str, answer: error.HTTPError) -> Failure:
    text = f"{_bare(url)} answered {answer.code}"
    location = answer.headers.get("Location")
    if answer.code in _ELSEWHERE and location:
        there = _bare(urljoin(url, location))
        text += f" and points to {there}: write the address that it names into the configuration"
    return Failure(
        text=text,
        is_final=answer.code in _NOT_THIS_ONE,
        is_away=answer.code in _LATER | _ELSEWHERE,
    )
