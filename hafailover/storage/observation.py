"""What was not understood, and where: the one error of every parser of this package."""

import re
from typing import Final

NUMBER: Final = re.compile(r"[0-9]{1,20}")
"""A plain decimal number. Not ``str.isdigit``, which takes digits of every script of the world."""


class ObservationError(Exception):
    """Something the host said was not understood; what it spoke of is unknown, so dangerous.

    Attributes:
        what: Where it stood, for a human: ``mount(8), line 3``.
        word: The text that was not understood, cut to a readable length.
    """

    WORD_LENGTH: Final = 120

    def __init__(self, what: str, word: str) -> None:
        self.what = what
        self.word = word if len(word) <= self.WORD_LENGTH else word[: self.WORD_LENGTH] + "…"
        super().__init__(f"{what}: not understood: {self.word!r}")


def number(text: str, what: str) -> int:
    """Return the number that ``text`` is, or raise ObservationError."""
    if NUMBER.fullmatch(text) is None:
        raise ObservationError(what, text)
    return int(text)
