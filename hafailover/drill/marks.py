"""What is lost? Numbered lines, each on disk before it counts, written by whoever serves, and counted at the end."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hafailover.drill.pair import Pair
from hafailover.errors import ControlError
from hafailover.system.mount_work import CANARY_DIRECTORY, MARKS_FILE
from hafailover.units import MILLISECOND

PERIOD_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One line that is on disk: its number, its volume, and when it was asked for and answered."""

    number: int
    volume: str
    asked_ns: int
    answered_ns: int


class Marker:
    """Writes marks through the agents until it is told to stop."""

    def __init__(self, pair: Pair, drill: str, volumes: Sequence[dict[str, Any]]) -> None:
        """Empty the files of an earlier drill, and begin.

        Raises:
            ControlError: The first marks cannot be written.
        """
        self._pair = pair
        self._drill = drill
        self._volumes = [str(each["name"]) for each in volumes]
        self._places = {str(each["name"]): Path(each["mount_point"]) for each in volumes}
        self._marks: list[Mark] = []
        self._number = 0
        self._is_over = threading.Event()
        for name in self._volumes:
            pair.order("mark", f"{name} begin {drill}")
        self._thread = threading.Thread(target=self._run, name="marks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._is_over.set()
        self._thread.join()

    @property
    def count(self) -> int:
        """How many marks are on disk."""
        return len(self._marks)

    def longest_wait_ms(self, begin_ns: int, end_ns: int) -> int:
        """Return how long a mark that was asked for in a span waited at most."""
        waits = [
            each.answered_ns - each.asked_ns
            for each in tuple(self._marks)
            if begin_ns <= each.asked_ns <= end_ns
        ]
        return max(waits, default=0) // MILLISECOND

    def lost(self) -> tuple[Mark, ...]:
        """Return the marks that are not in the volumes as they are mounted here.

        Raises:
            OSError: They cannot be read.
        """
        marks = tuple(self._marks)
        found = {name: self._read(name) for name in self._volumes}
        return tuple(each for each in marks if each.number not in found[each.volume])

    def _read(self, volume: str) -> set[int]:
        path = self._places[volume] / CANARY_DIRECTORY / MARKS_FILE
        words = [line.split() for line in path.read_text(encoding="ascii").splitlines()]
        return {int(each[1]) for each in words if len(each) == 2 and each[0] == self._drill}

    def _run(self) -> None:
        while not self._is_over.wait(PERIOD_S):
            self._number += 1
            volume = self._volumes[self._number % len(self._volumes)]
            asked_ns = time.monotonic_ns()
            try:
                self._pair.order("mark", f"{volume} {self._drill} {self._number}")
            except ControlError:
                continue
            self._marks.append(
                Mark(
                    number=self._number,
                    volume=volume,
                    asked_ns=asked_ns,
                    answered_ns=time.monotonic_ns(),
                )
            )
