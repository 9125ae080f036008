"""How are several groups shown one and the same look at the host, and how does a hung one end?

Readers of the GEOM tree can hang inside the kernel for as long as a stuck ggate does, unkillable.
So there is at most one look of a kind at any time; while an abandoned one is still there, what it
would have shown is unknown, at once. Who asks while a look is under way gets the next one, since
the present one may have looked before the question; who asks within a moment of each other share.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from hafailover.override import override
from hafailover.storage.observation import ObservationError
from hafailover.system.child import Child, Ended
from hafailover.system.runner import Runner
from hafailover.units import Nanoseconds

GATHER_S: Final = 0.002
"""So long a look waits for others who want the same, where there are others."""
OUTPUT_BYTES_MAX: Final = 4 * 1024 * 1024
"""``kern.geom.confxml`` of a host with hundreds of disks has some hundred kilobytes."""

KNOWN_MAX: Final = 4
"""So many different texts of one look are read once only."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[Value]):
    """What a look showed; ``value`` None = unknown, and ``problem`` says why."""

    value: Value | None
    problem: str = ""


class SharedLook(ABC, Generic[Value]):
    """One way to look and the parser of what it shows, shared by everybody who asks."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        what: str,
        parse: Callable[[str], Value],
        *,
        gather_s: float,
    ) -> None:
        self._loop = loop
        self._gather_s = gather_s
        self._what = what
        self._parse = parse
        self._waiting: list[Callable[[Seen[Value]], None]] = []
        self._asked: list[Callable[[Seen[Value]], None]] = []
        self._is_busy = False
        self._known: OrderedDict[bytes, Seen[Value]] = OrderedDict()
        """What was made of the last few texts, oldest first."""

    def ask(self, done: Callable[[Seen[Value]], None]) -> None:
        """Look, not earlier than now; ``done`` is called later, exactly once."""
        self._waiting.append(done)
        if not self._is_busy:
            self._is_busy = True
            self._begin_soon()

    @abstractmethod
    def _start(self) -> None:
        """Begin to look; ``_answer`` follows."""

    @abstractmethod
    def _hung_since(self) -> int | None:
        """Return since when an abandoned look hangs, on the monotonic clock; None if there is none."""

    def _begin_soon(self) -> None:
        if self._gather_s:
            self._loop.call_later(self._gather_s, self._begin)
        else:
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._asked, self._waiting = self._waiting, []
        hung = self._hung_since()
        if hung is None:
            self._start()
            return
        age_s = (time.monotonic_ns() - hung) / 1e9
        self._answer(Seen(value=None, problem=f"{self._what} has hung for {age_s:.0f} s"))

    def _read(self, text: bytes) -> Seen[Value]:
        # A host at rest shows the same again and again, or a mirror that is clean and dirty in turn.
        if text not in self._known:
            if len(self._known) >= KNOWN_MAX:
                self._known.popitem(last=False)
            try:
                self._known[text] = Seen(value=self._parse(text.decode()))
            except ObservationError as error:
                self._known[text] = Seen(value=None, problem=str(error))
            except UnicodeDecodeError as error:
                self._known[text] = Seen(value=None, problem=f"{self._what}: {error.reason}")
        return self._known[text]

    def _answer(self, seen: Seen[Value]) -> None:
        asked, self._asked = self._asked, []
        self._is_busy = bool(self._waiting)
        if self._is_busy:
            self._begin_soon()
        for done in asked:
            done(seen)


class CommandLook(SharedLook[Value]):
    """A look through one read-only command."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: Runner,
        *,
        argv: tuple[str, ...],
        deadline: Nanoseconds,
        parse: Callable[[str], Value],
        gather_s: float = GATHER_S,
    ) -> None:
        super().__init__(loop, argv[0], parse, gather_s=gather_s)
        self._runner = runner
        self._argv = argv
        self._deadline = deadline
        self._child: Child | None = None

    @override
    def _start(self) -> None:
        self._child = self._runner.start(
            self._argv, deadline=self._deadline, done=self._ended, keep=OUTPUT_BYTES_MAX
        )

    @override
    def _hung_since(self) -> int | None:
        if self._child is None:
            return None
        pid = self._child.pid
        return next((stuck.since_ns for stuck in self._runner.stuck if stuck.pid == pid), None)

    def _ended(self, ended: Ended) -> None:
        if ended.problem:
            self._answer(Seen(value=None, problem=ended.problem))
        elif ended.status != 0:
            said = ended.stderr.decode(errors="replace").strip()[-200:]
            problem = f"{self._argv[0]} ended with {ended.status}: {said}"
            self._answer(Seen(value=None, problem=problem))
        elif ended.is_cut:
            problem = f"{self._argv[0]} printed more than {OUTPUT_BYTES_MAX} bytes"
            self._answer(Seen(value=None, problem=problem))
        else:
            self._answer(self._read(ended.stdout))
