"""Who may talk to the running agent, and how do orders get to the core and answers back?

Only the owner of the process: the socket's mode is 0600, and that is all the authentication there
is. Connections are few, each has a small buffer, and none can hold up another or the protocol.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

from hafailover.errors import StoreError
from hafailover.group.events import OperatorAsked
from hafailover.runtime.control_protocol import (
    LINE_BYTES_MAX,
    BadRequest,
    CompareRequest,
    OrderRequest,
    StateRequest,
    StatusRequest,
    SubscribeRequest,
    encode_line,
    parse_request,
)
from hafailover.system.comparing import Difference, Progress
from hafailover.system.hash_exchange import PLACES_MAX, ComparisonError
from hafailover.system.pauses import PauseStore

CONNECTIONS_MAX: Final = 32
REPLY_S: Final = 300.0
"""An order that the core has not answered by then is answered for; it may still be carried out."""
Compare = Callable[[str, Progress], Awaitable[tuple[Difference, ...]]]
_STATUS_PERIOD_S: Final = 1.0
_NOTES_MAX: Final = 256
_RANGES_SHOWN: Final = 1000


class OperatorPort:
    """Carries orders to the core, and its replies to who waits for them."""

    def __init__(self, pauses: PauseStore, feed: Callable[[str, OperatorAsked], None]) -> None:
        self._pauses = pauses
        self._feed = feed
        self._waiting: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._last_id = 0

    def next_id(self) -> int:
        """Return an id that no order of this life had."""
        self._last_id += 1
        return self._last_id

    async def order(self, group: str, order: OperatorAsked) -> tuple[bool, str]:
        """Give an order, and return whether it was accepted, and the answer's text."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[order.id] = future
        try:
            self._feed(group, order)
            return await asyncio.wait_for(future, REPLY_S)
        except TimeoutError:
            return False, f"no answer within {REPLY_S:.0f} s; look at the status"
        finally:
            self._waiting.pop(order.id, None)

    def reply(self, group: str, order_id: int, text: str, *, accepted: bool) -> None:
        """Answer an order, once what it rests on is durable."""
        self._pauses.when_durable(
            group, lambda problem: self._answer(order_id, text, problem, accepted=accepted)
        )

    def _answer(self, order_id: int, text: str, problem: str, *, accepted: bool) -> None:
        future = self._waiting.get(order_id)
        if future is not None and not future.done():
            future.set_result((accepted and not problem, problem or text))


class ControlServer:
    """Listens on the control socket."""

    def __init__(
        self,
        path: Path,
        operators: OperatorPort,
        *,
        groups: Iterable[str],
        status: Callable[[str | None], dict[str, Any]],
        state: Callable[[str], dict[str, Any]],
        compare: Compare,
    ) -> None:
        """Make a server that does not listen yet.

        Args:
            path: Of the socket.
            operators: Takes the orders.
            groups: Names of the groups of this node.
            status: Returns the status document of one group, or of all.
            state: Returns everything that one group knows.
            compare: Compares the copies of a group, telling how far it is.
        """
        self._compare_copies = compare
        self._path = path
        self._operators = operators
        self._groups = frozenset(groups)
        self._status = status
        self._state = state
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: set[asyncio.Queue[bytes]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            StoreError: The socket cannot be made.
        """
        try:
            self._path.unlink(missing_ok=True)
            # Nobody else may connect in the moment between bind and chmod.
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(
                    self._serve, self._path, limit=LINE_BYTES_MAX
                )
            finally:
                os.umask(before)
        except OSError as error:
            raise StoreError(self._path, error.strerror or str(error)) from error

    async def close(self) -> None:
        """Stop listening, and end the conversations."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def tell(self, group: str, text: str) -> None:
        """Pass a note on to everybody who subscribed."""
        if self._listeners:
            line = encode_line(note={"group": group, "text": text})
            for listener in self._listeners:
                # Whoever does not read loses notes, and nobody else does.
                with contextlib.suppress(asyncio.QueueFull):
                    listener.put_nowait(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._tasks.add(task)
        try:
            if len(self._tasks) > CONNECTIONS_MAX:
                writer.write(encode_line(ok=False, problem="too many connections"))
                return
            await self._converse(reader, writer)
            await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            # It went away, or its line was longer than any request.
            return
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = parse_request(line, order_id=self._operators.next_id())
            match request:
                case BadRequest(problem=problem):
                    writer.write(encode_line(ok=False, problem=problem))
                case StatusRequest(group=group):
                    writer.write(self._show(group))
                case StateRequest(group=group):
                    writer.write(self._show_state(group))
                case OrderRequest(group=group, order=order):
                    writer.write(await self._obey(group, order))
                case SubscribeRequest(group=group) if group is not None and (
                    group not in self._groups
                ):
                    writer.write(self._unknown(group))
                case CompareRequest(group=group):
                    writer.write(await self._compare(writer, group))
                case SubscribeRequest(group=group):
                    await self._stream(writer, group)
            await writer.drain()

    def _show(self, group: str | None) -> bytes:
        if group is not None and group not in self._groups:
            return self._unknown(group)
        return encode_line(ok=True, result=self._status(group))

    def _show_state(self, group: str) -> bytes:
        if group not in self._groups:
            return self._unknown(group)
        return encode_line(ok=True, result=self._state(group))

    async def _obey(self, group: str, order: OperatorAsked) -> bytes:
        if group not in self._groups:
            return self._unknown(group)
        accepted, text = await self._operators.order(group, order)
        if accepted:
            return encode_line(ok=True, result={"text": text})
        return encode_line(ok=False, problem=text)

    async def _compare(self, writer: asyncio.StreamWriter, group: str) -> bytes:
        if group not in self._groups:
            return self._unknown(group)

        def progress(volume: str, done: int, total: int) -> None:
            # It would go on for as long as the images are large, and nobody could compare, or choose, meanwhile.
            if writer.is_closing():
                raise ConnectionResetError
            writer.write(encode_line(progress={"volume": volume, "done": done, "total": total}))

        try:
            found = await self._compare_copies(group, progress)
        except ComparisonError as error:
            return encode_line(ok=False, problem=str(error))
        rows = [
            {
                "volume": each.volume.name,
                "image": each.volume.image,
                "size_bytes": each.volume.size_bytes,
                "differing_bytes": each.size_bytes,
                "ranges": len(each.ranges),
                "first_ranges": each.ranges[:_RANGES_SHOWN],
                "files_of_places": min(len(each.ranges), PLACES_MAX),
                "own_files": each.own_files,
                "their_files": each.their_files,
            }
            for each in found
        ]
        return encode_line(ok=True, result={"group": group, "volumes": rows})

    async def _stream(self, writer: asyncio.StreamWriter, group: str | None) -> None:
        notes: asyncio.Queue[bytes] = asyncio.Queue(_NOTES_MAX)
        self._listeners.add(notes)
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while True:
                if loop.time() >= due:
                    writer.write(encode_line(status=self._status(group)))
                    due = loop.time() + _STATUS_PERIOD_S
                with contextlib.suppress(TimeoutError):
                    writer.write(await asyncio.wait_for(notes.get(), due - loop.time()))
                await writer.drain()
        finally:
            self._listeners.discard(notes)

    def _unknown(self, group: str) -> bytes:
        names = ", ".join(sorted(self._groups))
        return encode_line(ok=False, problem=f"there is no group {group!r}; there are: {names}")
