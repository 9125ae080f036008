"""Which states were met before, by whichever copy of the process? A table in memory that all copies share."""

from __future__ import annotations

from hashlib import blake2b
from mmap import mmap

_BYTES = 8
_LEFT_BITS = 2
_LEFT = (1 << _LEFT_BITS) - 1
_SHARE = 3 / 4
"""A fuller table would be slow, and is refused."""


def fingerprint(state: object) -> int:
    """Return a number for a state made of plain values: the same in every process and on every machine."""
    return int.from_bytes(blake2b(repr(state).encode(), digest_size=_BYTES).digest(), "big")


class Known:
    """Fingerprints of states, each with the most faults that were still to come when it was met.

    What one copy of the process adds is seen by all others at once; only one of them may run at a time.
    """

    def __init__(self, slots: int = 1 << 22) -> None:
        """Make an empty table; memory that is never used costs nothing."""
        self._slots = slots
        # The last word counts the states.
        self._words = memoryview(mmap(-1, (slots + 1) * _BYTES)).cast("Q")

    def __len__(self) -> int:
        """Return how many different states were met."""
        return self._words[self._slots]

    def add(self, state: int, left: int) -> bool:
        """Take note of a state, met with ``left`` faults to come (at most 3); False if it was met with as many or more.

        Raises:
            MemoryError: The table is full.
        """
        words = self._words
        # A word of zeros is a free one, so no state may be all zeros.
        mark = (state & ~_LEFT) or _LEFT + 1
        slot = (mark >> _LEFT_BITS) % self._slots
        while word := words[slot]:
            if word & ~_LEFT == mark:
                is_news = word & _LEFT < left
                words[slot] = max(word, mark | left)
                return is_news
            slot = (slot + 1) % self._slots
        if len(self) >= self._slots * _SHARE:
            raise MemoryError(f"more than {len(self)} states")
        words[slot] = mark | left
        words[self._slots] += 1
        return True
