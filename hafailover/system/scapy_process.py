"""Where scapy runs: a child process that answers one line with another, and ends with its input.

    agent --> {"is": "FrameOrder", ...}  --> build_frames       --> {"is": "FrameSet", ...}
    agent --> {"is": "Reading", ...}     --> read_through_scapy --> {"is": "Advertisement", ...}

So the agent stays small and quick: it keeps the bytes, not what made them.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from hafailover.errors import EdgeError
from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder
from hafailover.runtime.shapes import CodecError
from hafailover.system.frame_set import FrameOrder, FrameSet
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import Address

DEADLINE_S: Final = 20.0
"""Importing scapy takes 0.4 s, on a busy machine with a cold cache several seconds."""

_LINE_LIMIT: Final = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A message that scapy shall read, too."""

    payload: bytes
    source: Address
    destination: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What scapy could not do."""

    reason: str


Request: TypeAlias = FrameOrder | Reading
Answer: TypeAlias = FrameSet | Advertisement | Refusal


class ScapyProcessError(EdgeError):
    """The child process that builds frames did not do so."""


async def ask_scapy(requests: Sequence[Request]) -> list[Answer]:
    """Start a child, have it answer every request in order, and let it end.

    Raises:
        ScapyProcessError: it could not be started, took too long, or answered nonsense.
    """
    lines = "".join(json.dumps(encoder(Request)(request)) + "\n" for request in requests)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __spec__.name,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(lines.encode()), DEADLINE_S)
    except TimeoutError as error:
        raise ScapyProcessError(f"building frames took more than {DEADLINE_S:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        answers = [decoder(Answer, True)(json.loads(line)) for line in out.splitlines()]  # noqa: FBT003
    except (CodecError, json.JSONDecodeError) as error:
        raise ScapyProcessError(f"building frames gave nonsense: {error}") from error
    if len(answers) != len(requests):
        tail = err.decode(errors="replace").strip().splitlines()[-1:]
        raise ScapyProcessError(f"building frames failed: {' '.join(tail)}")
    return answers


async def build(orders: Sequence[FrameOrder]) -> list[FrameSet]:
    """Have the frames of several routers built by one child.

    Raises:
        ScapyProcessError: it did not work.
    """
    answers = await ask_scapy(orders)
    sets = [answer for answer in answers if isinstance(answer, FrameSet)]
    if len(sets) != len(orders):
        reasons = [answer.reason for answer in answers if isinstance(answer, Refusal)]
        raise ScapyProcessError(f"building frames failed: {'; '.join(reasons)}")
    return sets


def _answer(request: Any) -> Answer:
    from hafailover.system import frames  # noqa: PLC0415 - the agent imports this module, too

    try:
        if isinstance(request, FrameOrder):
            return frames.build_frames(request)
        return frames.read_through_scapy(request.payload, request.source, request.destination)
    except ValueError as error:
        return Refusal(reason=str(error))


def main() -> None:
    """Answer each line of the standard input with a line on the standard output."""
    read, write = decoder(Request, True), encoder(Answer)  # noqa: FBT003
    for line in sys.stdin:
        answer = _answer(read(json.loads(line)))
        sys.stdout.write(json.dumps(write(answer)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
