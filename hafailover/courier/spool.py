"""What is still to be delivered, and to whom: on the disk, whole and durable, or in memory and said so.

One file for each alert, named by its number; its destinations are those that do not have it yet. When
too many wait for one, the quietest go, the oldest of them first, and for that one alone; critical ones stay.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hafailover.courier.open_alerts import OpenAlert
from hafailover.group.actions import Severity
from hafailover.runtime.alerting import Alert
from hafailover.runtime.codec import decode, encode
from hafailover.system.work import replace_file, sync_directory

_OPEN_FILE: Final = "open.json"
_SUFFIX: Final = ".alert"
_DROPPABLE: Final = (Severity.NOTE, Severity.WARNING)


@dataclass(slots=True, kw_only=True)
class Letter:
    """One alert, and who has yet to get it."""

    number: int
    alert: Alert
    waiting: list[str] = field(default_factory=list)
    is_durable: bool = False


class Spool:
    """The letters, oldest first."""

    def __init__(self, directory: Path, limit: int, say: Callable[[str], None]) -> None:
        """Read what an earlier life left behind.

        Args:
            directory: Where the files are; made if it is missing.
            limit: So many letters are kept for each destination; critical ones are never dropped.
            say: Told in a sentence when the disk fails, and when it works again.
        """
        self._directory = directory
        self._limit = limit
        self._say = say
        self._problem = ""
        self.dropped = 0
        self._letters: dict[int, Letter] = {}
        self._next = 1
        self._attempt(self._make)
        for letter in self._read():
            self._letters[letter.number] = letter
            self._next = letter.number + 1

    def __iter__(self) -> Iterator[Letter]:
        return iter(tuple(self._letters.values()))

    def __len__(self) -> int:
        return len(self._letters)

    @property
    def only_in_memory(self) -> int:
        """How many letters a crash would lose."""
        return sum(not letter.is_durable for letter in self._letters.values())

    def put(self, alert: Alert, destinations: list[str]) -> Letter | None:
        """Keep an alert; None: nobody wants it."""
        if not destinations:
            return None
        letter = Letter(number=self._next, alert=alert, waiting=list(destinations))
        self._next += 1
        self._letters[letter.number] = letter
        for name in destinations:
            self._shed(name)
        if letter.number not in self._letters:
            return None
        self._save(letter)
        return letter

    def delivered(self, letter: Letter, destination: str) -> None:
        """Note that a destination has it."""
        if destination in letter.waiting:
            letter.waiting.remove(destination)
        if letter.waiting:
            self._save(letter)
        else:
            self._remove(letter)

    def keep_only(self, destinations: set[str]) -> None:
        """Forget destinations that the configuration does not have any more."""
        for letter in self:
            letter.waiting = [name for name in letter.waiting if name in destinations]
            if not letter.waiting:
                self._remove(letter)

    def save_all(self) -> None:
        """Try again to bring to the disk what is only in memory."""
        for letter in self:
            if not letter.is_durable:
                self._save(letter)

    def save_open(self, opened: tuple[OpenAlert, ...]) -> None:
        """Keep which alerts are open."""
        text = json.dumps([encode(OpenAlert, each) for each in opened])
        self._attempt(lambda: self._write(self._directory / _OPEN_FILE, text))

    def read_open(self) -> tuple[OpenAlert, ...]:
        """Return which alerts an earlier life left open."""
        try:
            listed = json.loads((self._directory / _OPEN_FILE).read_text())
            return tuple(decode(OpenAlert, each, strict=False) for each in listed)
        except (OSError, ValueError):
            return ()

    def _shed(self, destination: str) -> None:
        """Drop what a destination has no room for: notes first, then warnings, the oldest first.

        Each has room of its own: one that nobody reaches costs the others nothing.
        """
        waiting = [letter for letter in self if destination in letter.waiting]
        spare = [
            letter
            for severity in _DROPPABLE
            for letter in waiting
            if letter.alert.severity is severity
        ]
        for victim in spare[: max(0, len(waiting) - self._limit)]:
            self.dropped += 1
            self.delivered(victim, destination)

    def _path(self, letter: Letter) -> Path:
        return self._directory / f"{letter.number:012}{_SUFFIX}"

    def _save(self, letter: Letter) -> None:
        content: dict[str, Any] = {
            "alert": encode(Alert, letter.alert),
            "waiting": letter.waiting,
        }
        letter.is_durable = self._attempt(
            lambda: self._write(self._path(letter), json.dumps(content))
        )

    def _remove(self, letter: Letter) -> None:
        self._letters.pop(letter.number, None)
        self._attempt(lambda: self._path(letter).unlink(missing_ok=True))

    def _read(self) -> Iterator[Letter]:
        try:
            paths = sorted(self._directory.glob(f"*{_SUFFIX}"))
        except OSError:
            return
        for path in paths:
            try:
                content = json.loads(path.read_text())
                yield Letter(
                    number=int(path.stem),
                    alert=decode(Alert, content["alert"]),
                    waiting=[str(name) for name in content["waiting"]],
                    is_durable=True,
                )
            except (OSError, ValueError, KeyError, TypeError) as error:
                self._say(f"{path}: not read: {error}")

    def _make(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(str(self._directory.parent))

    def _write(self, path: Path, text: str) -> None:
        if not self._directory.is_dir():
            self._make()
        replace_file(str(path), text.encode(), 0o600)

    def _attempt(self, act: Callable[[], object]) -> bool:
        """Do something with the disk; what goes wrong is said once, and once that it is over."""
        try:
            act()
        except OSError as error:
            problem = f"{self._directory}: {error.strerror or error}"
            if problem != self._problem:
                self._say(f"alerts are kept in memory only: {problem}")
            self._problem = problem
            return False
        if self._problem:
            self._problem = ""
            self._say("alerts are kept on the disk again")
        return True
