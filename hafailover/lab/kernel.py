"""How does the lab hold a node's emulated kernel?"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from hafailover.lab import mounts
from hafailover.lab.host import control
from hafailover.lab.host.undo import power_off

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafailover.lab.node_files import NodeFiles


def command(files: NodeFiles, name: str) -> list[str]:
    """Return the command line of the kernel of node ``name``, whose own view ``files`` is."""
    return [sys.executable, "-m", "hafailover.lab.host.kerneld", str(files.root), name]


def after_power_off(home: Path) -> None:
    """Take back what the caches of the node in ``home`` had not yet brought to its disks.

    The node's journals name its files as the node saw them, so this looks at them from there: in a
    thread with mounts of its own, which end with it.
    """
    problems: list[BaseException] = []

    def take_back() -> None:
        try:
            own = home.parent / "self"
            mounts.unshare(mounts.CLONE_NEWNS)
            mounts.mount("none", "/", "", mounts.MS_REC | mounts.MS_PRIVATE)
            mounts.mount(str(home), str(own), "", mounts.MS_BIND | mounts.MS_REC)
            power_off(own)
        except BaseException as problem:  # noqa: BLE001 -- raised again by the caller's thread
            problems.append(problem)

    thread = threading.Thread(target=take_back)
    thread.start()
    thread.join()
    for problem in problems:
        raise problem


async def disturb(home: Path, words: tuple[str, ...], names: Mapping[str, Path | str]) -> None:
    """Put a fault into the kernel of the node in ``home``; ``names`` are put in for their words.

    Raises:
        ValueError: the words mean nothing to the kernel; the text says what would.
        OSError: the node is off.
    """
    await control.disturb(home, tuple(str(names.get(word, word)) for word in words))
