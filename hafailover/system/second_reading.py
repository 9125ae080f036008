"""Does scapy read the same in a peer's message as we do?

Messages are decided on from their bytes, at once. A message that was not seen before is given to
scapy's layers afterwards, in a child process; if the two do not agree, one is wrong: it is said.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from hafailover.errors import EdgeError
from hafailover.system.advert_socket import Received
from hafailover.system.frame_set import Reading
from hafailover.system.scapy_process import ask_scapy
from hafailover.vrrp.advertisement import Advertisement

DELAY_S: Final = 5.0
"""Between children, and before the first: whoever sends ever new messages must not keep us busy."""

_WAITING_MAX: Final = 16
_KNOWN_MAX: Final = 256


class SecondReading:
    """Remembers which messages were read twice, and has new ones read again."""

    def __init__(self, on_difference: Callable[[str], None], delay_s: float = DELAY_S) -> None:
        """Report differences to ``on_difference``."""
        self._on_difference = on_difference
        self._delay_s = delay_s
        self._known: set[bytes] = set()
        self._waiting: list[tuple[Received, Advertisement]] = []
        self._task: asyncio.Task[None] | None = None

    def note(self, received: Received, ours: Advertisement) -> None:
        """Take note of a message that counted; costs a set look-up when it is known."""
        if received.payload in self._known or len(self._waiting) >= _WAITING_MAX:
            return
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known.add(received.payload)
        self._waiting.append((received, ours))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._read())

    async def close(self) -> None:
        """Forget what waits, and end the child if one is running."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._delay_s)
            batch, self._waiting = self._waiting, []
            readings = [
                Reading(
                    payload=received.payload,
                    source=received.source,
                    destination=received.destination,
                )
                for received, _ in batch
            ]
            try:
                answers = await ask_scapy(readings)
            except EdgeError as error:
                self._on_difference(f"no second reading: {error.message}")
                continue
            for (received, ours), theirs in zip(batch, answers, strict=True):
                if theirs != ours:
                    text = f"{received.payload.hex()}: read as {ours}, by scapy as {theirs}"
                    self._on_difference(text)
        self._task = None
