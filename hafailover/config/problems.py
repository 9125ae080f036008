"""What is wrong with a configuration file, and where exactly?"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from hafailover.errors import EX_CONFIG, HaFailoverError


class Severity(Enum):
    """How much a finding matters (the value is the word that is shown)."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Mark:
    """A place in the file, both counted from 1."""

    line: int
    column: int


START = Mark(line=1, column=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, or at least surprising, in the file."""

    mark: Mark
    key: str
    """The path of the key, such as ``groups.web.vrid``; empty for the file as a whole."""
    text: str
    """What was found, and what is allowed, as one sentence without a full stop."""
    severity: Severity = Severity.ERROR

    def render(self, path: str) -> str:
        """Return the line that compilers have taught everybody to read."""
        key = f"{self.key}: " if self.key else ""
        word = "" if self.severity is Severity.ERROR else f"{self.severity.value}: "
        return f"{path}:{self.mark.line}:{self.mark.column}: {word}{key}{self.text}"


class ConfigErrors(HaFailoverError):  # noqa: N818 - it carries all errors of a file, not one
    """The file cannot be used; every error in it is in ``problems``."""

    exit_status = EX_CONFIG

    def __init__(
        self,
        path: str,
        problems: Iterable[Problem],
        *,
        hint: str = "hafailover sample prints an annotated configuration",
    ) -> None:
        self.path = path
        self.problems = tuple(
            sorted(dict.fromkeys(problems), key=lambda problem: (problem.mark, problem.key))
        )
        super().__init__(
            "\n".join(problem.render(path) for problem in self.problems),
            hint=hint,
        )


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a did-you-mean clause with its leading semicolon, or nothing."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f'; did you mean "{folded[close[0]]}"?' if close else ""
