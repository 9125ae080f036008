"""How does a command of the operators learn of alerts, one at a time?

It gets one JSON document on its standard input:

    version   1; only ever grows by further keys
    time      when it was said, in milliseconds since 1970, by this host's clock
    node      who says it
    group     the group that it is about
    kind      the alert's name, as in status and history
    severity  note, warning or critical
    state     raised or resolved
    text      a sentence

What waits is bounded. A command that hangs is killed at its deadline like any other.
"""

import json
from collections import deque
from typing import Any, Final

from hafailover.runtime.settings import AlertHookSettings
from hafailover.system.child import Ended
from hafailover.system.log import WARNING, Log
from hafailover.system.runner import GIVEN_BYTES_MAX, Runner

VERSION: Final = 1


class AlertHook:
    """One command and what waits for it."""

    def __init__(
        self, settings: AlertHookSettings, *, queue_max: int, runner: Runner, log: Log
    ) -> None:
        """Take the command; nothing is started yet.

        Args:
            settings: The command, what it wants to hear and how long it may take.
            queue_max: So many documents wait at most; what comes then is dropped and counted.
            runner: Starts it.
            log: Told when it fails.
        """
        self.settings = settings
        self.dropped = 0
        self._queue_max = queue_max
        self._runner = runner
        self._log = log
        self._waiting: deque[bytes] = deque()
        self._is_running = False

    def give(self, document: dict[str, Any]) -> None:
        """Deliver a document as soon as the command is free."""
        if len(self._waiting) >= self._queue_max:
            self.dropped += 1
            return
        self._waiting.append(encoded(document))
        self._next()

    def _next(self) -> None:
        if self._waiting and not self._is_running:
            self._is_running = True
            self._runner.start(
                self.settings.command,
                deadline=self.settings.deadline,
                done=self._ended,
                given=self._waiting.popleft(),
            )

    def _ended(self, ended: Ended) -> None:
        self._is_running = False
        if ended.status != 0:
            said = ended.problem or ended.stderr.decode(errors="replace").strip()
            self._log.say(f"the alert hook ended with {ended.status}: {said}", WARNING)
        self._next()


def encoded(document: dict[str, Any]) -> bytes:
    """Return a document as one line that fits into a pipe; a text that is too long loses its end."""
    text: str = document["text"]
    while True:
        line = json.dumps({"version": VERSION, **document, "text": text}).encode() + b"\n"
        if len(line) <= GIVEN_BYTES_MAX:
            return line
        text = text[: len(text) * 3 // 4]
