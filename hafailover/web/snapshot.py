"""What was heard of the agent last, and how old is that? The only thing that answers are made from."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

FRESH_S: Final = 5.0
"""The agent speaks every second; after so long without a word it counts as silent."""
NOTES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the timeline; ``at`` is Unix time."""

    at: float
    group: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known at one moment; ``document`` is None before the first word."""

    document: dict[str, Any] | None
    age_s: float
    notes: tuple[Moment, ...]

    @property
    def is_fresh(self) -> bool:
        """Whether the agent still speaks."""
        return self.document is not None and self.age_s <= FRESH_S


class Listener:
    """Takes in what the agent says; asked from many threads."""

    def __init__(
        self,
        notes: list[Moment],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin with the notes of earlier."""
        self._clock, self._wall = clock, wall
        self._lock = threading.Lock()
        self._document: dict[str, Any] | None = None
        self._at = 0.0
        self._notes = deque(notes, maxlen=NOTES)

    def take(self, message: dict[str, Any]) -> None:
        """Take in one message of a subscription."""
        with self._lock:
            if "status" in message:
                self._document, self._at = message["status"], self._clock()
            elif "note" in message:
                note = message["note"]
                moment = Moment(at=self._wall(), group=note["group"], text=note["text"])
                self._notes.append(moment)

    def heard(self) -> Heard:
        """Return what is known now."""
        with self._lock:
            age_s = self._clock() - self._at
            return Heard(document=self._document, age_s=age_s, notes=tuple(self._notes))
