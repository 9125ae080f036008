"""Has frames built, and messages read, by scapy in a child process (``scapy_child``).

So the agent stays small and quick: it keeps the bytes, not what made them.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

from hafailover.errors import EdgeError
from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder
from hafailover.runtime.shapes import CodecError
from hafailover.system.frame_set import Answer, FrameOrder, FrameSet, Refusal, Request

DEADLINE_S: Final = 20.0
"""Importing scapy takes 0.4 s, on a busy machine with a cold cache several seconds."""

CHILD: Final = "hafailover.system.scapy_child"

_LINE_LIMIT: Final = 4 << 20


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
        CHILD,
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
