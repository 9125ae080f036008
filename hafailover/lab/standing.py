"""A lab that is left standing to play with: who is inside, and what can be done to it from outside?

The lab's process listens at a UNIX socket in the lab's directory and takes the faults of
scenarios, a line each. A node is entered through its first process: the kernel tells, at that
process's own socket, which number it has in the caller's view, and nsenter(1) does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafailover.lab import faults, scenario
from hafailover.lab.node_files import NodeFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.lab.world import World

DOOR: Final = "lab.sock"
_DOWN: Final = "down"
_PEER_CREDENTIALS: Final = struct.Struct("iII")


def default_directory() -> Path:
    """Return where ``lab up`` of this user stands."""
    return Path(os.environ.get("TMPDIR", "/tmp")) / f"hafailover-lab-{os.getuid()}"  # noqa: S108


async def stand(world: World, welcome: Callable[[], object] = lambda: None) -> None:
    """Take faults until somebody says ``down``, or until cancelled; ``welcome`` is called once the door is open.

    To be cancelled is the other way to end: from the welcome on it is no failure.
    """
    over = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readline()).decode().strip()
        answer = "done"
        if words == _DOWN:
            over.set()
        else:
            try:
                await faults.cause(world, scenario.parse_fault(words))
            except (scenario.ScenarioError, OSError) as problem:
                answer = str(problem)
        writer.write(answer.encode() + b"\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(take, world.directory / DOOR):
        with contextlib.suppress(asyncio.CancelledError):
            welcome()
            await over.wait()


def tell(directory: Path, words: str) -> str:
    """Say one line to the lab that stands in ``directory`` and return what it answers.

    Raises:
        OSError: no lab stands there.
    """
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(directory / DOOR))
        door.sendall(words.encode() + b"\n")
        with door.makefile() as answer:
            return answer.readline().strip()


def take_down(directory: Path) -> None:
    """End the lab that stands in ``directory``.

    Raises:
        OSError: no lab stands there.
    """
    tell(directory, _DOWN)


def entrance(directory: Path, node: str) -> list[str]:
    """Return the command line that enters ``node``; what is to be run there follows it.

    Raises:
        OSError: no lab stands in ``directory``, or the node is off.
    """
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(NodeFiles(root=directory / node).order_door))
        raw = door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    pid, _, _ = _PEER_CREDENTIALS.unpack(raw)
    user = ["--user", "--preserve-credentials"] if os.geteuid() else []
    environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    words = [word for word in environment.split("\0") if "=" in word]
    spaces = ["--mount", "--net", "--pid", "--uts"]
    return ["nsenter", f"--target={pid}", *user, *spaces, "--", "env", "-i", *words]
