"""Has frames built, and messages read, by scapy in a child process (``scapy_child``).

So the agent stays small and quick: it keeps the bytes, not what made them.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final

from hafailover.errors import EdgeError
from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder
from hafailover.runtime.shapes import CodecError
from hafailover.system.child import Tail
from hafailover.system.frame_set import Answer, FrameOrder, FrameSet, Refusal, Request
from hafailover.system.python_child import python_environment
from hafailover.system.spawning import spawn

DEADLINE_S: Final = 20.0
"""Importing scapy takes 0.4 s, on a busy machine with a cold cache several seconds."""

CHILD: Final = "hafailover.system.scapy_child"

_COMPLAINT_BYTES: Final = 4096
_REAP_S: Final = 0.01


class ScapyProcessError(EdgeError):
    """The child process that builds frames did not do so."""


async def ask_scapy(requests: Sequence[Request]) -> list[Answer]:
    """Start a child, have it answer every request in order, and let it end.

    Raises:
        ScapyProcessError: it could not be started, took too long, or answered nonsense.
    """
    lines = "".join(json.dumps(encoder(Request)(request)) + "\n" for request in requests)
    child = ScapyChild()
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


class ScapyChild:
    """One child, started as every child of a real-time process has to be (``spawning``)."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            ScapyProcessError: It cannot be started.
        """
        self._socket, theirs = socket.socketpair()
        read, write = os.pipe()
        try:
            self._pid = spawn(
                sys.executable,
                (sys.executable, "-m", CHILD),
                python_environment(os.environ),
                [
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
            )
        except OSError as error:
            self._socket.close()
            os.close(read)
            raise ScapyProcessError(f"{sys.executable} cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(write)
        self._errors = Tail(asyncio.get_running_loop(), read, _COMPLAINT_BYTES)

    async def ask(self, lines: bytes) -> bytes:
        """Give it all questions, and return all it says until it ends.

        Raises:
            OSError: It has gone before it read everything.
        """
        reader, writer = await asyncio.open_connection(sock=self._socket)
        try:
            writer.write(lines)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.transport.abort()

    async def end(self) -> str:
        """Kill what is left of it, and return the last line of its complaints."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        while not self._is_reaped():  # noqa: ASYNC110 - nobody else tells
            await asyncio.sleep(_REAP_S)
        said = self._errors.close().decode(errors="replace")
        return " ".join(said.strip().splitlines()[-1:])

    def _is_reaped(self) -> bool:
        return os.waitpid(self._pid, os.WNOHANG)[0] != 0


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
