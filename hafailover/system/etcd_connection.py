"""One conversation with one member of an etcd cluster: HTTP/1.1 by h11, bytes by asyncio.

Whatever goes wrong is a ``NoAnswerError``, and the request may have been carried out. Nothing here
knows deadlines: whoever runs out of patience cancels the call and closes the connection.
"""

import asyncio
import ssl
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import h11

ANSWER_BYTES_MAX: Final = 1 << 20
_PORT: Final = 2379
_READ_BYTES: Final = 65_536
_HEAD_START_S: Final = 0.1
"""So long an address is tried alone (RFC 8305 section 5): one whose packets vanish never says no."""


class NoAnswerError(Exception):
    """No whole answer came back; nobody knows what became of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a member listens for clients."""

    host: str
    port: int
    is_tls: bool

    @property
    def authority(self) -> str:
        """``host:port`` as HTTP and people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A whole answer."""

    status: int
    body: bytes


def parse_endpoint(url: str) -> Endpoint:
    """Return the endpoint of a member's client URL.

    Raises:
        ValueError: It is none; the text says why.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a member's client URL looks like https://etcd1.example.net:2379")
    if parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("a member's client URL has neither a path nor a user in it")
    return Endpoint(host=parts.hostname, port=parts.port or _PORT, is_tls=parts.scheme == "https")


class EtcdConnection:
    """An open connection, for one request after the other."""

    def __init__(
        self,
        endpoint: Endpoint,
        address: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.endpoint = endpoint
        self.address = address
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent over it."""
        return (
            self._http.our_state is h11.IDLE
            and not self._reader.at_eof()
            and not self._writer.is_closing()
        )

    async def post(self, path: str, body: bytes, *, token: str = "") -> HttpAnswer:
        """Send a request and return the whole answer.

        Raises:
            NoAnswerError: None came.
        """
        request = h11.Request(method="POST", target=path, headers=self._headers(body, token))
        try:
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                self._writer.write(self._http.send(event) or b"")
            # Why a line broke stands in what came back over it, such as an alert of TLS.
            with suppress(ConnectionError):
                await self._writer.drain()
            answer = await self._receive()
        except (OSError, h11.ProtocolError) as error:
            reason = str(error) or type(error).__name__
            raise NoAnswerError(f"{self.endpoint.authority}: {reason}") from error
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return answer

    def close(self) -> None:
        """End it now; nothing of it is waited for."""
        self._writer.transport.abort()

    def _headers(self, body: bytes, token: str) -> list[tuple[str, str]]:
        headers = [
            ("Host", self.endpoint.authority),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        return [*headers, ("Authorization", token)] if token else headers

    async def _receive(self) -> HttpAnswer:
        status, body = 0, b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_READ_BYTES))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > ANSWER_BYTES_MAX:
                    raise OSError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return HttpAnswer(status=status, body=body)
            elif isinstance(event, h11.ConnectionClosed):
                raise OSError("the connection was closed without an answer")


async def connect(
    endpoint: Endpoint, addresses: tuple[str, ...], tls: ssl.SSLContext | None
) -> EtcdConnection:
    """Open a connection to whichever of the member's addresses takes one first; the earlier ones get a head start.

    Raises:
        NoAnswerError: None of them does; the text says why.
    """
    problem = OSError("it has no address")
    waiting, trying = list(addresses), set[asyncio.Task[EtcdConnection]]()
    try:
        while waiting or trying:
            if waiting:
                trying.add(asyncio.create_task(_open(endpoint, waiting.pop(0), tls)))
            patience = _HEAD_START_S if waiting else None
            done, _ = await asyncio.wait(
                trying, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                trying.remove(task)
                error = task.exception()
                if not isinstance(error, OSError):
                    return task.result()
                problem = error
    finally:
        await _give_up(trying)
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    raise NoAnswerError(f"{endpoint.authority}: {reason}") from problem


async def _open(endpoint: Endpoint, address: str, tls: ssl.SSLContext | None) -> EtcdConnection:
    name = endpoint.host if tls is not None else None
    streams = await asyncio.open_connection(address, endpoint.port, ssl=tls, server_hostname=name)
    return EtcdConnection(endpoint, address, *streams)


async def _give_up(trying: Collection[asyncio.Task[EtcdConnection]]) -> None:
    """End what is still being tried, and close what was opened too late."""
    for task in trying:
        task.cancel()
    for opened in await asyncio.gather(*trying, return_exceptions=True):
        if isinstance(opened, EtcdConnection):
            opened.close()
