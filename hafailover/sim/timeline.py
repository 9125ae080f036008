"""What happens next in the simulated world? A heap of calls, in order of time and then of asking."""

import heapq
from collections.abc import Callable
from random import Random

from hafailover.units import Instant


class Timeline:
    """The one clock of the simulated world, with everything that is still to happen.

    ``dice`` is the only source of chance: the same seed gives the same run to the byte.
    """

    def __init__(self, seed: int) -> None:
        self.now = Instant(0)
        self.dice = Random(seed)  # noqa: S311 - reproducible, not secret
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, span_ns: int, call: Callable[[], None]) -> None:
        """Have ``call`` made ``span_ns`` from now."""
        self.at(self.now + max(0, span_ns), call)

    def at(self, when: int, call: Callable[[], None]) -> None:
        """Have ``call`` made at ``when``, or now if that has passed."""
        self._count += 1
        heapq.heappush(self._heap, (max(when, self.now), self._count, call))

    def next_at(self) -> int | None:
        """Return when the next call is due."""
        return self._heap[0][0] if self._heap else None

    def advance(self) -> bool:
        """Make the next call; False if nothing is left."""
        if not self._heap:
            return False
        when, _, call = heapq.heappop(self._heap)
        self.now = Instant(when)
        call()
        return True
