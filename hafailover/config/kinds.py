"""Which values may a key have: how is one read, shown, and described to who got it wrong?

Each scalar kind reads the text of one scalar. ``parse`` raises ``ValueError``; its text, if any,
says more than ``allowed`` alone would.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from hafailover.config import spans
from hafailover.units import SECOND

_PATH: Final = re.compile(r"(/[A-Za-z0-9._+@%:=,~^-]+)+")


_NOT_WRITABLE: Final = "the volume is mounted to be written"
_MOUNTED_ALREADY: Final = "it is for what is mounted already"
_BY_SOMEBODY: Final = "it is for fstab(5), and nobody but the agent mounts the volume"
IMPOSSIBLE_OPTIONS: Final = {
    "ro": _NOT_WRITABLE,
    "rdonly": _NOT_WRITABLE,
    "norw": _NOT_WRITABLE,
    "update": _MOUNTED_ALREADY,
    "reload": _MOUNTED_ALREADY,
    "snapshot": _MOUNTED_ALREADY,
    "force": "what is not clean is checked first, and never mounted by force",
    "noauto": _BY_SOMEBODY,
    "failok": _BY_SOMEBODY,
}
"""Options of mount(8) with which no volume can be served, and why."""


class ScalarKind(Protocol):
    """A kind whose values are written as one scalar."""

    @property
    def allowed(self) -> str:
        """What may be written, to follow "allowed is"."""

    def parse(self, text: str) -> object:
        """Return the value of ``text``, or raise ValueError."""

    def show(self, value: Any) -> str:
        """Return the canonical text of a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A word or line, within a pattern."""

    allowed: str = "a line of text"
    pattern: str = r"[^\x00-\x1f\x7f]+"
    length_max: int = 1024

    def parse(self, text: str) -> str:
        """Return the text itself."""
        if len(text) > self.length_max:
            raise ValueError(f"longer than {self.length_max} characters")
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError
        return text

    def show(self, value: Any) -> str:
        """Return the text itself."""
        return str(value)


@dataclass(frozen=True, slots=True)
class MountOption:
    """An option of mount(8) that goes with a volume."""

    allowed: str = field(default="a mount option such as noatime", init=False)

    def parse(self, text: str) -> str:
        """Return the option itself."""
        if re.fullmatch(r"[A-Za-z0-9_=.-]+", text) is None:
            raise ValueError
        # mount(8) does not tell capital letters apart.
        if text.casefold() in IMPOSSIBLE_OPTIONS:
            raise ValueError(IMPOSSIBLE_OPTIONS[text.casefold()])
        return text

    def show(self, value: Any) -> str:
        """Return the option itself."""
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number within limits."""

    low: int
    high: int

    @property
    def allowed(self) -> str:
        """The limits."""
        if self.low == self.high:
            return f"the number {self.low}"
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, text: str) -> int:
        """Return the number; decimal digits only, so that 010 and 0x10 surprise nobody."""
        if re.fullmatch(r"0|[1-9][0-9]{0,17}", text) is None:
            raise ValueError
        value = int(text)
        if not self.low <= value <= self.high:
            raise ValueError
        return value

    def show(self, value: Any) -> str:
        """Return decimal digits."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Boolean:
    """Strictly true or false."""

    allowed: str = field(default="true or false", init=False)

    def parse(self, text: str) -> bool:
        """Return the truth value."""
        if text not in {"true", "false"}:
            raise ValueError
        return text == "true"

    def show(self, value: Any) -> str:
        """Return the word."""
        return "true" if value else "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def allowed(self) -> str:
        """The words."""
        return "one of " + ", ".join(self.words)

    def parse(self, text: str) -> str:
        """Return the word."""
        if text not in self.words:
            raise ValueError
        return text

    def show(self, value: Any) -> str:
        """Return the word."""
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A span of time with its unit, within limits, in nanoseconds."""

    low: int
    high: int
    step: int = 1
    """The span must be a multiple of this."""

    @property
    def allowed(self) -> str:
        """The limits."""
        low, high = spans.render_duration(self.low), spans.render_duration(self.high)
        whole = "in whole seconds " if self.step == SECOND else ""
        return f"a duration {whole}from {low} to {high}"

    def parse(self, text: str) -> int:
        """Return nanoseconds."""
        value = spans.parse_duration(text)
        if not self.low <= value <= self.high or value % self.step:
            raise ValueError
        return value

    def show(self, value: Any) -> str:
        """Return the shortest text."""
        return spans.render_duration(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A number of bytes with its unit, within limits."""

    low: int
    high: int
    step: int = 1

    @property
    def allowed(self) -> str:
        """The limits."""
        low, high = spans.render_size(self.low), spans.render_size(self.high)
        whole = f" in multiples of {self.step} bytes" if self.step > 1 else ""
        return f"a size from {low} to {high}{whole}"

    def parse(self, text: str) -> int:
        """Return bytes."""
        value = spans.parse_size(text)
        if not self.low <= value <= self.high or value % self.step:
            raise ValueError
        return value

    def show(self, value: Any) -> str:
        """Return the shortest text."""
        return spans.render_size(value)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the day in local time."""

    allowed: str = field(default="a part of the day such as 22:00-05:00", init=False)

    def parse(self, text: str) -> tuple[int, int]:
        """Return start and end in minutes after midnight."""
        return spans.parse_window(text)

    def show(self, value: Any) -> str:
        """Return the shortest text."""
        return spans.render_window(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsolutePath:
    """The absolute path of a file or directory, in characters that every tool carries unchanged."""

    length_max: int = 900

    @property
    def allowed(self) -> str:
        """The form."""
        return "an absolute path of letters, digits and ._+@%:=,~^-"

    def parse(self, text: str) -> str:
        """Return the path."""
        # kern.geom.confxml prints the path of a ggate unescaped, and gg.exports ends a path at a
        # blank (ggated(8)): one such character makes the whole observation unreadable.
        for character in text:
            if character in "&<>\"'" or character.isspace():
                raise ValueError(
                    f"it contains {character!r}, which kern.geom.confxml and exports cannot carry"
                )
        if len(text) > self.length_max:
            raise ValueError(f"longer than {self.length_max} characters")
        if _PATH.fullmatch(text) is None or "/../" in f"{text}/" or "/./" in f"{text}/":
            raise ValueError
        return text

    def show(self, value: Any) -> str:
        """Return the path."""
        return str(value)
