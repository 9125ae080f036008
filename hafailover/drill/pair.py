"""What a drill asks of the running agent: how things stand, and orders, on one connection each."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hafailover.errors import ControlError, RequestRefusedError
from hafailover.system.control_client import STATUS_S, ControlClient

_ORDER_S: Final = 40.0
_LOOK_S: Final = 0.1
_AGAIN_S: Final = 0.5
_LASTING: Final = frozenset(
    {
        "configuration-differs",
        "diverged",
        "flapping",
        "one-way-link",
        "records-not-durable",
        "service-failing",
        "waiting-for-operator",
    }
)
"""Alerts about what does not pass by itself."""
_SAYS_NOTHING_S: Final = 30.0
"""So long a drill bears an agent that does not answer: it may be restarted."""


class AbandonedError(Exception):
    """The exercise is given up; the text says why."""


def does_not_pass(seen: dict[str, Any]) -> bool:
    """Whether something stands against a move that only a person, or a repair, takes away."""
    peer = seen["peer"]
    is_cut = peer["heard"] and (not peer["hears_us_on"] or not peer["link_up"])
    is_told = seen["paused"] is not None or peer["paused"] or peer["same_configuration"] is False
    return bool(is_cut or is_told) or any(each["kind"] in _LASTING for each in seen["alerts"])


class Pair:
    """One group, as the agent of this node sees it."""

    def __init__(self, socket: Path, group: str) -> None:
        """Connect to nothing yet."""
        self._socket = socket
        self.group = group
        self._talking = threading.Lock()

    def look(self) -> dict[str, Any]:
        """Return how the group stands.

        Raises:
            AbandonedError: The agent does not answer any more.
        """
        end = time.monotonic() + _SAYS_NOTHING_S
        while True:
            try:
                found: dict[str, Any] = self._ask("status", STATUS_S)["groups"][0]
            except ControlError as error:
                if time.monotonic() > end or isinstance(error, RequestRefusedError):
                    raise AbandonedError(error.message) from error
                time.sleep(_LOOK_S)
                continue
            return found

    def order(self, word: str, reason: str = "", *, seen_epoch: int = -1) -> str:
        """Give an order; one after the other, since the peer takes one at a time.

        Raises:
            ControlError: It was refused, or not answered.
        """
        with self._talking:
            answer = self._ask(word, _ORDER_S, reason=reason, seen_epoch=seen_epoch)
        return str(answer["text"])

    def order_once_possible(self, word: str, reason: str, limit_s: float) -> str:
        """Give an order again and again until it is taken: an arbiter may count a returned copy later than the agents.

        Raises:
            ControlError: It was not answered; or refused, still after ``limit_s`` or for what does not pass by itself.
        """
        end = time.monotonic() + limit_s
        while True:
            try:
                return self.order(word, reason)
            except RequestRefusedError:
                if time.monotonic() > end or does_not_pass(self.look()):
                    raise
            time.sleep(_AGAIN_S)

    def wait(
        self, what: str, holds: Callable[[dict[str, Any]], bool], limit_s: float
    ) -> dict[str, Any]:
        """Wait until something holds of the group, and return how it stands then.

        Raises:
            AbandonedError: It does not within ``limit_s``.
        """
        end = time.monotonic() + limit_s
        while True:
            seen = self.look()
            if holds(seen):
                return seen
            if time.monotonic() > end:
                raise AbandonedError(f"not within {limit_s:.0f} s: {what} ({seen['headline']})")
            time.sleep(_LOOK_S)

    def wait_for_copies(self, limit_s: float, note: Callable[[dict[str, Any]], object]) -> None:
        """Wait until both copies are in sync; a rebuild may take its time as long as it moves.

        Raises:
            AbandonedError: Nothing has moved for ``limit_s``.
        """
        end, last = time.monotonic() + limit_s, None
        while True:
            seen = self.look()
            note(seen)
            if seen["health"] == "healthy":
                return
            moved = [(each["copy"], each["rebuild_percent"]) for each in seen["volumes"]]
            if moved != last:
                end, last = time.monotonic() + limit_s, moved
            if time.monotonic() > end:
                text = f"the copies are not in sync again ({seen['headline']})"
                raise AbandonedError(text)
            time.sleep(_LOOK_S)

    def _ask(self, word: str, patience_s: float, **options: Any) -> Any:
        client = ControlClient(self._socket)
        try:
            return client.ask(word, self.group, patience_s=patience_s, **options)
        finally:
            client.close()
