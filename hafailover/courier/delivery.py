"""One letter after the other to each destination, again after a while if it does not get there."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from hafailover.courier.destinations import Destination, Failure, wants
from hafailover.courier.spool import Letter, Spool
from hafailover.runtime.alerting import Alert

FIRST_PAUSE_S: Final = 1.0
PAUSE_MAX_S: Final = 300.0
TRIES_IN_A_ROW: Final = 5
"""After so many the next letter is tried once: if that one is taken, it was the letter, and not the destination."""
REFUSALS_MAX: Final = 3
"""A destination that turns the same letter down so often will never take it."""


@dataclass(slots=True)
class Trouble:
    """How long a destination has not been reached, and why."""

    text: str
    since: float


class Round:
    """Delivers to one destination for as long as the process lives."""

    def __init__(
        self,
        destination: Destination,
        spool: Spool,
        say: Callable[[str], None],
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.destination = destination
        self.trouble: Trouble | None = None
        self._spool = spool
        self._say = say
        self._first_pause_s = first_pause_s
        self._pause_s = first_pause_s
        self._tries: dict[int, int] = {}
        self._aside: set[int] = set()
        """Letters that were not taken while a later one was: they let all others go first."""
        self._refusals: dict[int, int] = {}
        self._fresh = asyncio.Event()

    def wake(self) -> None:
        """There is something new."""
        self._fresh.set()

    async def run(self) -> None:
        """Deliver, for ever."""
        while True:
            self._fresh.clear()
            letter = self._head()
            if letter is None:
                await self._fresh.wait()
                continue
            failure = await self._try(letter.alert)
            if failure is None:
                self._arrived(letter)
            else:
                self._failed(letter, failure)
                await self._rest(letter)
                self._pause_s = min(self._pause_s * 2, PAUSE_MAX_S)

    def _head(self) -> Letter | None:
        """Return the letter that is next: the oldest, but those that are not taken stand behind."""
        mine = [letter for letter in self._spool if self.destination.name in letter.waiting]
        return min(
            mine,
            key=lambda each: (
                each.number in self._aside,
                self._tries.get(each.number, 0) >= TRIES_IN_A_ROW,
                each.number,
            ),
            default=None,
        )

    async def _rest(self, letter: Letter) -> None:
        """Wait before the next try; a new letter does not wait because of one that is not taken."""
        if letter.number not in self._aside:
            await asyncio.sleep(self._pause_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):
                await self._fresh.wait()

    async def _try(self, alert: Alert) -> Failure | None:
        try:
            return await self.destination.deliver(alert)
        except Exception as error:  # noqa: BLE001 - a foreign library may raise anything
            return Failure(text=f"{type(error).__name__}: {error}")

    def _arrived(self, letter: Letter) -> None:
        if self.trouble is not None:
            lasted = _now_s() - self.trouble.since
            self._say(f"{self.destination.name}: reached again after {lasted:.0f} s")
            self.trouble = None
        self._pause_s = self._first_pause_s
        self._forget(letter)
        self._aside |= self._set_back()
        self._spool.delivered(letter, self.destination.name)

    def _set_back(self) -> set[int]:
        """Return the letters that the next one was let past."""
        return {number for number, tries in self._tries.items() if tries >= TRIES_IN_A_ROW}

    def _forget(self, letter: Letter) -> None:
        self._tries.pop(letter.number, None)
        self._refusals.pop(letter.number, None)
        self._aside.discard(letter.number)

    def _count(self, letter: Letter) -> None:
        """Count a try that failed; where a later letter fails like the oldest, they go on in order."""
        past = self._set_back() - self._aside
        if past and letter.number not in self._aside | past:
            for number in past:
                del self._tries[number]
            return
        self._tries[letter.number] = self._tries.get(letter.number, 0) + 1

    def _failed(self, letter: Letter, failure: Failure) -> None:
        if not failure.is_away:
            self._count(letter)
        if self.trouble is None or self.trouble.text != failure.text:
            self._say(f"{self.destination.name}: {failure.text}; it is tried again")
        since = _now_s() if self.trouble is None else self.trouble.since
        self.trouble = Trouble(text=failure.text, since=since)
        if failure.is_final:
            refusals = self._refusals.get(letter.number, 0) + 1
            self._refusals[letter.number] = refusals
            if refusals >= REFUSALS_MAX:
                self._say(
                    f"{self.destination.name}: turned down {letter.alert.kind} "
                    f"{letter.alert.state} for good: {failure.text}"
                )
                self._forget(letter)
                self._spool.delivered(letter, self.destination.name)


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def put(spool: Spool, rounds: Iterable[Round], alert: Alert) -> None:
    """Give an alert to all who want it."""
    listed = list(rounds)
    names = [each.destination.name for each in listed if wants(each.destination, alert)]
    if spool.put(alert, names) is not None:
        for each in listed:
            each.wake()
