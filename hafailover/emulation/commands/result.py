"""What does a command leave behind, and how does it read its options?"""

from collections.abc import Callable
from dataclasses import dataclass

from hafailover.emulation.machine import Machine
from hafailover.emulation.tasks import Coroutine


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Exit status and output of one command."""

    status: int = 0
    stdout: str = ""
    stderr: str = ""


Command = Callable[[Machine, tuple[str, ...]], Coroutine[Result]]


class UsageError(Exception):
    """The options cannot be read; ``args[0]`` is getopt(3)'s complaint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What getopt(3) found: each option's values in order ("" for a flag), and the rest."""

    values: dict[str, list[str]]
    operands: tuple[str, ...]

    def has(self, letter: str) -> bool:
        """Whether the option was given."""
        return letter in self.values

    def last(self, letter: str, default: str = "") -> str:
        """Return the option's last value."""
        return self.values.get(letter, [default])[-1]


def read_options(arguments: tuple[str, ...], spec: str) -> Options:
    """Read ``arguments`` as getopt(3) does with ``spec``; raises ``UsageError``."""
    values: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            place = spec.find(letter)
            if place < 0 or letter == ":":
                raise UsageError(f"illegal option -- {letter}")
            if spec[place + 1 : place + 2] != ":":
                values.setdefault(letter, []).append("")
                continue
            if not letters and not rest:
                raise UsageError(f"option requires an argument -- {letter}")
            values.setdefault(letter, []).append(letters or rest.pop(0))
            letters = ""
    return Options(values=values, operands=tuple(rest))


def human(size: int) -> str:
    """Write a size in five columns, as humanize_number(3) does for geom's lists (64M, 1.0G)."""
    value, unit = float(size), 0
    while value >= 1000 and unit < 5:
        value /= 1024
        unit += 1
    suffix = "BKMGTP"[unit]
    if unit and value < 9.95:
        return f"{value:.1f}{suffix}"
    return f"{value:.0f}{suffix}"


def failed(stderr: str, status: int = 1) -> Result:
    """Return a failure with one line on stderr."""
    return Result(status=status, stderr=stderr + "\n")
