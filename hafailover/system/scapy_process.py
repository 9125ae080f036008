"""Has frames built, and messages read, by scapy in a child process (``scapy_child``).

So the agent stays small and quick: it keeps the bytes, not what made them.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder
from hafailover.runtime.shapes import CodecError
from hafailover.system.child import Tail
from hafailover.system.frame_set import Answer, FrameOrder, FrameSet, Refusal, Request
from hafailover.system.scapy_start import ScapyProcessError, ScapyStart

DEADLINE_S: Final = 20.0
"""Importing scapy takes 0.4 s, on a busy machine with a cold cache several seconds."""

_COMPLAINT_BYTES: Final = 4096
_REAP_S: Final = 0.01


async def ask_scapy(requests: Sequence[Request], start: ScapyStart | None = None) -> list[Answer]:
    """Have a child answer every request in order, and let it end.

    Args:
        requests: What it is asked.
        start: The child, if it has been started already.

    Raises:
        ScapyProcessError: it could not be started, took too long, or answered nonsense.
    """
    lines = "".join(json.dumps(encoder(Request)(request)) + "\n" for request in requests)
    child = _Asked(start or ScapyStart())
    try:
        out = await asyncio.wait_for(child.ask(lines.encode()), DEADLINE_S)
    except TimeoutError as error:
        raise ScapyProcessError(f"building frames took more than {DEADLINE_S:.0f} s") from error
    except OSError:
        # It went before it had read everything; what it complained of says more.
        out = b""
    finally:
        complaint = await child.end()
    try:
        answers = [decoder(Answer, True)(json.loads(line)) for line in out.splitlines()]  # noqa: FBT003
    except (CodecError, json.JSONDecodeError) as error:
        raise ScapyProcessError(f"building frames gave nonsense: {error}") from error
    if len(answers) != len(requests):
        raise ScapyProcessError(f"building frames failed: {complaint}")
    return answers


class _Asked:
    """A child that is asked, once."""

    def __init__(self, start: ScapyStart) -> None:
        self._start = start
        self._errors = Tail(asyncio.get_running_loop(), start.errors, _COMPLAINT_BYTES)

    async def ask(self, lines: bytes) -> bytes:
        """Give it all questions, and return all it says until it ends.

        Raises:
            OSError: It has gone before it read everything.
        """
        reader, writer = await asyncio.open_connection(sock=self._start.socket)
        try:
            writer.write(lines)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.transport.abort()

    async def end(self) -> str:
        """Kill what is left of it, and return the last line of its complaints."""
        self._start.kill()
        while not self._start.is_reaped():  # noqa: ASYNC110 - nobody else tells
            await asyncio.sleep(_REAP_S)
        said = self._errors.close().decode(errors="replace")
        return " ".join(said.strip().splitlines()[-1:])


async def build(orders: Sequence[FrameOrder], start: ScapyStart | None = None) -> list[FrameSet]:
    """Have the frames of several routers built by one child, which may have been started already.

    Raises:
        ScapyProcessError: it did not work.
    """
    answers = await ask_scapy(orders, start)
    sets = [answer for answer in answers if isinstance(answer, FrameSet)]
    if len(sets) != len(orders):
        reasons = [answer.reason for answer in answers if isinstance(answer, Refusal)]
        raise ScapyProcessError(f"building frames failed: {'; '.join(reasons)}")
    return sets
