"""How does the agent hand alerts to the courier without ever waiting for it?

The courier is a process of its own, started at the agent's start and again whenever it ends. What it
has not confirmed stays here, bounded: the quietest go first, critical ones never.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hafailover.group.actions import Severity
from hafailover.runtime.alerting import Alert
from hafailover.runtime.codec import encode
from hafailover.runtime.settings import AlertSettings
from hafailover.system.child import Tail
from hafailover.system.child_stream import ChildStream
from hafailover.system.log import NOTICE, WARNING, Log
from hafailover.system.spawning import spawn
from hafailover.units import MILLISECOND

WINDOW: Final = 64
"""So many alerts are on their way to the courier at once."""
ALIVE_S: Final = 5.0
_AGAIN_S: Final = 1.0
_AGAIN_MAX_S: Final = 60.0
_LINE_MAX: Final = 1 << 20
_WORDS_MAX: Final = 1000
_DROPPABLE: Final = (Severity.NOTE, Severity.WARNING)
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_WANTED: Final = (
    "PATH",
    "HAFAILOVER_PATH",
    "SSL_CERT_FILE",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)
"""Variables of the agent's that the courier gets, too."""


class CourierLink:
    """The agent's end."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: AlertSettings,
        directory: Path,
        log: Log,
        environment: Mapping[str, str],
    ) -> None:
        """Start the courier, if there is anybody to tell.

        Args:
            loop: The agent's.
            settings: Whom to tell.
            directory: Where what is not delivered waits.
            log: Told what the courier has to say.
            environment: The agent's own, of which a few variables count.
        """
        self._loop = loop
        self._settings = settings
        self._directory = directory
        self._log = log
        self._environment = {name: environment[name] for name in _WANTED if name in environment}
        self._environment |= {"PYTHONPATH": _ROOT, "LC_ALL": "C.UTF-8", "HOME": "/"}
        self._life_ms = time.time_ns() // MILLISECOND
        self._kept: OrderedDict[int, Alert] = OrderedDict()
        self._numbers: dict[Severity, deque[int]] = {each: deque() for each in Severity}
        self._sent: set[int] = set()
        self._next = 1
        self._stream: ChildStream | None = None
        self._words: Tail | None = None
        self._again_s = _AGAIN_S
        self._timers: list[asyncio.TimerHandle] = []
        self._dropped = 0
        self._counts: dict[str, Any] = {}
        self.pid = 0
        if settings.has_destinations:
            self._start()

    @property
    def dropped(self) -> int:
        """How many deliveries were given up because too many waited."""
        return self._dropped + int(self._counts.get("dropped", 0))

    def status(self) -> dict[str, Any]:
        """Return how it goes, for the status document."""
        return {
            "waiting": int(self._counts.get("waiting", 0)) + len(self._kept),
            "only_in_memory": int(self._counts.get("only_in_memory", 0)) + len(self._kept),
            "dropped": self.dropped,
            "failing": dict(self._counts.get("failing", {})),
        }

    def give(self, alert: Alert) -> None:
        """Have an alert delivered; returns at once."""
        if not self._settings.has_destinations:
            return
        self._kept[self._next] = alert
        self._numbers[alert.severity].append(self._next)
        self._next += 1
        self._shed()
        self._fill()

    def close(self) -> None:
        """Let the courier deliver what it can, and end by itself."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._stream is not None:
            # What the kernel takes now is taken; the rest was never confirmed.
            self._stream.flush()
        self._hang_up()

    def _start(self) -> None:
        self._reap()
        self._sent.clear()
        try:
            ours = self._spawn()
        except OSError as error:
            self._log.say(f"the courier of alerts cannot be started: {error.strerror}", WARNING)
            self._hang_up()
            self._try_again()
            return
        self._stream = ChildStream(
            self._loop, ours, took=self._took, lost=self._lost, most=_LINE_MAX
        )
        settings = encode(AlertSettings, self._settings)
        self._send({"settings": settings, "directory": str(self._directory), "life": self._life_ms})
        self._timers.append(self._loop.call_later(ALIVE_S, self._say_alive))
        self._fill()

    def _spawn(self) -> socket.socket:
        """Start the process; returns our end of what is said.

        It outlives the agent for a moment, so it must not hold the agent's standard error: daemon(8) reads that
        to its end before it starts the next agent.
        """
        program = (sys.executable, "-m", "hafailover.courier.process")
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        self._words = Tail(self._loop, read, _WORDS_MAX)
        try:
            self.pid = spawn(
                sys.executable,
                program,
                self._environment,
                [
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(write)
        return ours

    def _say_alive(self) -> None:
        self._timers.clear()
        if self._stream is not None:
            if self._stream.is_sent:
                self._send({"alive": True})
            self._timers.append(self._loop.call_later(ALIVE_S, self._say_alive))

    def _fill(self) -> None:
        """Send what fits into the window, oldest first."""
        if self._stream is None:
            return
        for number, alert in self._kept.items():
            if len(self._sent) >= WINDOW:
                return
            if number not in self._sent:
                self._sent.add(number)
                self._send({"alert": encode(Alert, alert), "id": number})

    def _shed(self) -> None:
        while len(self._kept) > self._settings.queue:
            victim = next((found for each in _DROPPABLE if (found := self._oldest(each))), 0)
            if not victim:
                return
            del self._kept[victim]
            self._dropped += 1

    def _oldest(self, severity: Severity) -> int:
        """Return the number of the oldest that waits here and is of this severity; 0 = none."""
        numbers = self._numbers[severity]
        while numbers:
            number = numbers.popleft()
            if number in self._kept and number not in self._sent:
                return number
        return 0

    def _send(self, message: dict[str, Any]) -> None:
        if self._stream is not None:
            self._stream.send(json.dumps(message).encode() + b"\n")

    def _took(self, received: bytearray) -> None:
        *lines, rest = received.split(b"\n")
        received[:] = rest
        for line in lines:
            try:
                self._take(json.loads(line))
            except ValueError:
                self._log.say("the courier of alerts said something that is no JSON", WARNING)

    def _take(self, message: dict[str, Any]) -> None:
        self._again_s = _AGAIN_S
        if "have" in message:
            self._kept.pop(message["have"], None)
            if not self._kept:
                for numbers in self._numbers.values():
                    numbers.clear()
            self._sent.discard(message["have"])
            self._fill()
        if "say" in message:
            self._log.say(f"alerts: {message['say']}", NOTICE)
        if "counts" in message:
            self._counts = message["counts"]

    def _lost(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        said = self._hang_up()
        last_words = f"; its last words: {said}" if said else ""
        self._log.say(
            f"the courier of alerts (pid {self.pid}) has ended; it is started again{last_words}",
            WARNING,
        )
        self._try_again()

    def _reap(self) -> None:
        if self.pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)

    def _try_again(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = [self._loop.call_later(self._again_s, self._start)]
        self._again_s = min(self._again_s * 2, _AGAIN_MAX_S)

    def _hang_up(self) -> str:
        """Close everything to and from the process; returns its last words."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        words, self._words = self._words, None
        return words.close().decode(errors="replace").strip() if words is not None else ""
