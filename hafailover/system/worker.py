"""Work on files, done in a child so that the event loop never waits for a disk.

A worker performs one operation at a time. Past its deadline it is abandoned: killed once,
remembered as stuck until it is gone (one in the D state ends when the kernel likes), and a fresh
one takes over. What an abandoned operation did, or will still do, is unknown; the caller looks
again.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from hafailover.system.worker_stream import WorkerStream
from hafailover.units import Nanoseconds

STUCK_MAX: Final = 16
"""With so many stuck workers no other is started: the disk is gone, and every try costs memory."""
_REAP_DELAYS: Final = (0.05, 1.0, 10.0)


class AnswerKind(Enum):
    """How an operation came back."""

    DONE = "done"
    REFUSED = "declined to act"
    FAILED = "the host did not let it"
    ABANDONED = "did not end within its deadline: its effect is unknown"
    NOT_BEGUN = "never begun: it has had no effect"
    LOST = "the worker ended in the middle: its effect is unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back from an operation; ``result`` is there only when it is done."""

    kind: AnswerKind
    result: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    took_ns: int = 0

    @property
    def is_done(self) -> bool:
        """Whether the operation was performed."""
        return self.kind is AnswerKind.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckWorker:
    """A worker that was killed in the middle of an operation and is still there."""

    pid: int
    worker: str
    operation: str
    arguments: Mapping[str, Any]
    since_ns: int
    """When the operation began, on the loop's monotonic clock."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Call:
    operation: str
    arguments: Mapping[str, Any]
    done: Callable[[Answer], None]
    began: float
    timer: asyncio.TimerHandle


class Worker:
    """A queue of operations on files, performed in order by a replaceable child process."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, name: str, *, path: str = os.defpath
    ) -> None:
        """Make a worker that has not started yet.

        Args:
            loop: Where answers are delivered.
            name: For humans: what this worker is for.
            path: Where the child finds the programs that it runs (fstat).
        """
        self.name = name
        self._loop = loop
        self._environment = {"LC_ALL": "C", "PATH": path}
        self._queue: deque[_Call] = deque()
        self._current: _Call | None = None
        self._stream: WorkerStream | None = None
        self._number = 0
        self._leaving: dict[int, StuckWorker | None] = {}

    @property
    def stuck(self) -> tuple[StuckWorker, ...]:
        """Workers that were killed at a deadline and are still there, oldest first."""
        self._reap()
        return tuple(each for each in self._leaving.values() if each is not None)

    @property
    def pid(self) -> int | None:
        """The child that serves now, if there is one."""
        return None if self._stream is None else self._stream.pid

    def start(self) -> None:
        """Start the child before it is needed."""
        if self._stream is None:
            self._stream = WorkerStream(
                self._loop, self._environment, take=self._take, lost=self._lost
            )

    def call(
        self, operation: str, arguments: Mapping[str, Any], deadline: Nanoseconds
    ) -> asyncio.Future[Answer]:
        """Ask for an operation; the answer comes within the deadline, whatever hangs.

        The future never fails. The deadline includes the time spent behind earlier operations.
        """
        future: asyncio.Future[Answer] = self._loop.create_future()

        def done(answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        self.ask(operation, arguments, deadline, done)
        return future

    def ask(
        self,
        operation: str,
        arguments: Mapping[str, Any],
        deadline: Nanoseconds,
        done: Callable[[Answer], None],
    ) -> None:
        """Ask as ``call`` does; ``done`` is called once, later, and without the turn of the loop a future takes."""
        began = self._loop.time()
        call: _Call = _Call(
            operation=operation,
            arguments=arguments,
            done=done,
            began=began,
            timer=self._loop.call_at(began + deadline / 1e9, lambda: self._expire(call)),
        )
        self._queue.append(call)
        self._next()

    def close(self) -> None:
        """End the child and answer everything that waits."""
        call = self._current
        if call is not None:
            self._abandon(call)
            self._answer(call, AnswerKind.ABANDONED, "the agent stops")
        if self._stream is not None:
            self._part(None)
        while self._queue:
            self._answer(self._queue.popleft(), AnswerKind.NOT_BEGUN, "the agent stops")
        self._reap()

    def _next(self) -> None:
        if self._current is not None or not self._queue:
            return
        call = self._queue.popleft()
        problem = self._refresh()
        if problem:
            call.timer.cancel()
            self._loop.call_soon(self._refuse, call, problem)
            return
        self._current = call
        self._number += 1
        assert self._stream is not None  # noqa: S101 - just refreshed
        request = {"id": self._number, "op": call.operation, "args": dict(call.arguments)}
        self._stream.send(request)

    def _refuse(self, call: _Call, problem: str) -> None:
        self._answer(call, AnswerKind.NOT_BEGUN, problem)
        self._next()

    def _refresh(self) -> str:
        """Have a child, or say why there can be none."""
        if self._stream is None and len(self.stuck) >= STUCK_MAX:
            return f"{STUCK_MAX} workers for {self.name} are stuck"
        try:
            self.start()
        except OSError as error:
            return f"no worker for {self.name} can be started: {error.strerror}"
        return ""

    def _expire(self, call: _Call) -> None:
        if call is not self._current:
            self._queue.remove(call)
            ahead = self._current.operation if self._current is not None else "nothing"
            self._answer(call, AnswerKind.NOT_BEGUN, f"{call.operation} waited behind {ahead}")
            return
        self._abandon(call)
        self._answer(call, AnswerKind.ABANDONED, f"{call.operation} did not end in time")
        self._next()

    def _answer(
        self,
        call: _Call,
        kind: AnswerKind,
        problem: str = "",
        result: Mapping[str, Any] | None = None,
    ) -> None:
        call.timer.cancel()
        if call is self._current:
            self._current = None
        took = round((self._loop.time() - call.began) * 1e9)
        call.done(Answer(kind=kind, result=result or {}, problem=problem, took_ns=took))

    def _abandon(self, call: _Call) -> None:
        """Kill the child in the middle of ``call``, and remember it until it is gone."""
        assert self._stream is not None  # noqa: S101 - it serves the call
        self._stream.kill()
        self._part(
            StuckWorker(
                pid=self._stream.pid,
                worker=self.name,
                operation=call.operation,
                arguments=dict(call.arguments),
                since_ns=round(call.began * 1e9),
            )
        )

    def _part(self, remember: StuckWorker | None) -> None:
        """Stop listening to the child: end of file ends it if nothing else did."""
        assert self._stream is not None  # noqa: S101 - the caller looked
        stream, self._stream = self._stream, None
        stream.close()
        self._leaving[stream.pid] = remember
        for delay in _REAP_DELAYS:
            self._loop.call_later(delay, self._reap)

    def _reap(self) -> None:
        for pid in tuple(self._leaving):
            try:
                found, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                found = pid
            if found:
                del self._leaving[pid]

    def _lost(self) -> None:
        """The child is gone, or talks nonsense."""
        call = self._current
        if call is None:
            self._part(None)
        else:
            self._abandon(call)
            self._answer(call, AnswerKind.LOST, f"the worker ended during {call.operation}")
        self._next()

    def _take(self, message: Mapping[str, Any]) -> None:
        call = self._current
        if call is None or message.get("id") != self._number:
            self._lost()
            return
        if "done" in message:
            self._answer(call, AnswerKind.DONE, result=message["done"])
        elif "refused" in message:
            self._answer(call, AnswerKind.REFUSED, str(message["refused"]))
        else:
            self._answer(call, AnswerKind.FAILED, str(message.get("failed")))
        self._next()
