"""How is the GEOM tree looked at once a second without starting a program each time?

A worker process of its own asks the kernel, and says no more than "as before" while nothing has changed.
When it hangs inside the kernel it is abandoned like every worker, and nobody asks again before it is gone.
"""

import asyncio
import hashlib
from collections.abc import Callable

from hafailover.override import override
from hafailover.storage.geom_facts import GeomFacts, see_geom
from hafailover.storage.observing import CONFXML, LOOK
from hafailover.system.looks import GATHER_S, Seen, SharedLook
from hafailover.system.worker import Answer, AnswerKind, Worker


class GeomLook(SharedLook[GeomFacts]):
    """The whole topology in one consistent snapshot."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker: Worker,
        parse: Callable[[str], GeomFacts] = see_geom,
        gather_s: float = GATHER_S,
    ) -> None:
        super().__init__(loop, f"sysctl {CONFXML}", parse, gather_s=gather_s)
        self._worker = worker
        self._last = ""
        """Hash of the text that was seen last."""
        self._seen: Seen[GeomFacts] | None = None

    @override
    def _hung_since(self) -> int | None:
        return next((stuck.since_ns for stuck in self._worker.stuck), None)

    @override
    def _start(self) -> None:
        arguments = {"name": CONFXML, "known": self._last}
        self._worker.ask(
            "read_sysctl", arguments, LOOK, lambda answer: self._answer(self._told(answer))
        )

    def _told(self, answer: Answer) -> Seen[GeomFacts]:
        if answer.kind is not AnswerKind.DONE:
            return Seen(value=None, problem=f"{self._what}: {answer.problem}")
        if "text" in answer.result:
            text: bytes = answer.result["text"]
            self._last = hashlib.sha256(text).hexdigest()
            self._seen = self._read(text)
        assert self._seen is not None  # noqa: S101 - "as before" is said only of a known text
        return self._seen
