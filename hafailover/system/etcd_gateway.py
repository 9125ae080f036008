"""How is an etcd cluster asked through its JSON gateway, when members and answers get lost?

A call goes to one member; when that one takes more than its share of the time, or gives no answer, to
the next as well, and the first answer counts. So a request may be carried out twice: every change that is
asked for here must bear that (a transaction that compares what it replaces, a lease of a chosen number).

A call ends in an answer, in ``EtcdRefusedError`` (the cluster said no, nothing was changed by the
request that got this answer) or in ``EtcdUnknownError`` (nobody knows). Tokens are renewed when the
cluster does not take them any more; from 3.5 on its gateway then closes the connection without an
answer, so a token is not trusted after an answer that did not come. Neither password nor token ever
stands in a text that is made here.
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from hafailover.system.etcd_connection import (
    EtcdConnection,
    HttpAnswer,
    NoAnswerError,
    connect,
)
from hafailover.system.etcd_place import Place

AGAIN_S: Final = 0.05
"""Between two rounds over all members that gave no answer at once."""
_IDLE_MAX: Final = 4
"""So many open connections to one member are kept."""
_TEXT_MAX: Final = 300

_UNAUTHENTICATED: Final = 16
_NO_GOOD_TOKEN: Final = ("invalid auth token", "revision is old", "user name is empty")
_NO_AUTHENTICATION: Final = "authentication is not enabled"


class Refusal(Enum):
    """Why a cluster says no, as far as a caller treats it differently."""

    ABSENT = "absent"
    """gRPC code 5: a lease that is not there."""
    EXISTS = "exists"
    """A lease that is there already."""
    FORBIDDEN = "forbidden"
    """Of this user: gRPC code 7, a wrong password, or no user where one is needed."""
    OTHER = "other"


class EtcdRefusedError(Exception):
    """The cluster said no; the request that was answered so changed nothing."""

    def __init__(self, text: str, *, kind: Refusal = Refusal.OTHER) -> None:
        super().__init__(text)
        self.kind = kind


class EtcdUnknownError(Exception):
    """No answer that says whether the request was carried out."""


class _TokenRefusedError(Exception):
    """The member does not take the token."""


class _UnavailableError(Exception):
    """A member answered that it does not know: no leader, a time-out inside the cluster."""


@dataclass(slots=True)
class _Member:
    """One member and the open connections to it."""

    place: Place
    idle: list[EtcdConnection] = field(default_factory=list)
    address: str = ""
    """Where it answered last: of several addresses this one is tried first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who asks."""

    user: str
    password: str = field(repr=False)


class EtcdGateway:
    """A cluster, asked one call at a time or several at once."""

    def __init__(self, places: tuple[Place, ...], credentials: Credentials | None = None) -> None:
        """Connect to nobody yet.

        Args:
            places: The members.
            credentials: User and password; None if the cluster wants none.
        """
        self._members = [_Member(place) for place in places]
        self._credentials = credentials
        self._first = 0
        self._token = ""
        self.is_open_to_all = False
        """Whether a user is configured and the cluster has authentication switched off."""

    async def call(
        self, path: str, document: Mapping[str, Any], deadline_s: float
    ) -> dict[str, Any]:
        """Return the answer, as JSON objects.

        Raises:
            EtcdRefusedError: The cluster said no.
            EtcdUnknownError: Nobody answered in time.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        end, next_at = begun + deadline_s, begun
        first, count, tried = self._first, len(self._members), 0
        problems: dict[int, str] = {}
        asking: dict[asyncio.Task[dict[str, Any]], int] = {}
        try:
            while (now := loop.time()) < end:
                if now >= next_at:
                    index = (first + tried) % count
                    if index not in asking.values():
                        asking[loop.create_task(self._ask(index, path, document))] = index
                    tried += 1
                    # The next one is asked as well if this one takes more than its share.
                    rest = count - tried
                    next_at = now + ((end - now) / (rest + 1) if rest >= 0 else AGAIN_S)
                for task in await _first_of(asking, min(next_at, end) - loop.time()):
                    index = asking.pop(task)
                    error = task.exception()
                    if not isinstance(error, NoAnswerError | _UnavailableError):
                        # No is an answer too.
                        self._first = index
                        return task.result()
                    problems[index] = str(error)
                    pause = 0 if tried < count else AGAIN_S
                    next_at = min(next_at, loop.time() + pause)
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        for index in asking.values():
            # What it said before tells more than that it says nothing now.
            who = self._members[index].place.endpoint.authority
            problems.setdefault(index, f"{who}: no answer within {deadline_s:g} s")
        self._first = (first + 1) % count
        raise EtcdUnknownError("; ".join(dict.fromkeys(problems.values())))

    def close(self) -> None:
        """Close every connection that is not in use."""
        for member in self._members:
            while member.idle:
                member.idle.pop().close()

    async def _ask(self, index: int, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Ask one member; with a fresh token if it does not take the present one."""
        member = self._members[index]
        for is_last in (False, True):
            token = await self._sign_in(member)
            try:
                return await self._exchange(member, path, document, token)
            except NoAnswerError:
                # Of 3.5 and later, this may be what is left of a refused token.
                self._token = ""
                raise
            except _TokenRefusedError as error:
                if self._token == token:
                    self._token, self.is_open_to_all = "", False
                if is_last or self._credentials is None:
                    raise EtcdRefusedError(str(error), kind=Refusal.FORBIDDEN) from error
        raise AssertionError("the second refusal was raised")

    async def _sign_in(self, member: _Member) -> str:
        if self._credentials is None or self.is_open_to_all:
            return ""
        if not self._token:
            words = {"name": self._credentials.user, "password": self._credentials.password}
            try:
                answer = await self._exchange(member, "/v3/auth/authenticate", words, "")
                self._token = str(answer["token"])
            except EtcdRefusedError as error:
                if _NO_AUTHENTICATION not in str(error):
                    raise EtcdRefusedError(str(error), kind=Refusal.FORBIDDEN) from error
                self.is_open_to_all = True
            except KeyError as error:
                raise _UnavailableError("no token in the answer") from error
        return self._token

    async def _exchange(
        self, member: _Member, path: str, document: Mapping[str, Any], token: str
    ) -> dict[str, Any]:
        body = json.dumps(document, separators=(",", ":")).encode()
        connection = await self._connection(member)
        is_whole = False
        try:
            answer = await connection.post(path, body, token=token)
            is_whole = True
            member.address = connection.address
        finally:
            if is_whole and connection.is_reusable and len(member.idle) < _IDLE_MAX:
                member.idle.append(connection)
            else:
                connection.close()
        return _read(answer, f"{connection.endpoint.authority}")

    async def _connection(self, member: _Member) -> EtcdConnection:
        while member.idle:
            connection = member.idle.pop()
            if connection.is_reusable:
                return connection
            connection.close()
        place = member.place
        addresses = sorted(await place.addresses(), key=lambda each: each != member.address)
        return await connect(place.endpoint, tuple(addresses), place.tls)


async def _first_of(
    tasks: Collection[asyncio.Task[dict[str, Any]]], patience_s: float
) -> set[asyncio.Task[dict[str, Any]]]:
    """Return those that are done as soon as one is, or none after so long."""
    if not tasks:
        await asyncio.sleep(max(0.0, patience_s))
        return set()
    done, _ = await asyncio.wait(
        tasks, timeout=max(0.0, patience_s), return_when=asyncio.FIRST_COMPLETED
    )
    return done


def _read(answer: HttpAnswer, who: str) -> dict[str, Any]:
    """Return the document of an answer that says yes; raise what the others mean."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _UnavailableError(f"{who}: HTTP {answer.status} without JSON") from None
    if not isinstance(document, dict):
        raise _UnavailableError(f"{who}: HTTP {answer.status}, not an object")
    problem = document.get("error")
    if answer.status == 200 and problem is None:
        return document
    text = str(document.get("message") or problem or f"HTTP {answer.status}")[:_TEXT_MAX]
    code = document.get("code")
    raise _refusal(text, code if isinstance(code, int) else -1, who)


def _refusal(text: str, code: int, who: str) -> Exception:
    """Return what a gRPC status means (google.rpc.Code)."""
    text = f"{who}: {text}"
    if code == _UNAUTHENTICATED or any(words in text for words in _NO_GOOD_TOKEN):
        return _TokenRefusedError(text)
    match code:
        case 5:
            return EtcdRefusedError(text, kind=Refusal.ABSENT)
        case 7:
            return EtcdRefusedError(text, kind=Refusal.FORBIDDEN)
        case 9 if "lease already exists" in text:
            return EtcdRefusedError(text, kind=Refusal.EXISTS)
        case 3 | 8 | 9 | 11 | 12:
            # Invalid argument, exhausted, failed precondition, out of range, unimplemented: none
            # of these is said of a request that was carried out.
            return EtcdRefusedError(text)
        case _:
            return _UnavailableError(text)
