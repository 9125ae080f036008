"""How does the lab hold a node's emulated kernel?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hafailover.lab.node_files import NodeFiles


def command(files: NodeFiles, name: str) -> list[str]:
    """Return the command line of the kernel of node ``name``, whose own view ``files`` is."""
    return [sys.executable, "-m", "hafailover.lab.host.kerneld", str(files.root), name]


def after_power_off(directory: Path) -> None:
    """Take back what the node's caches had not yet brought to its disks."""


async def disturb(files: NodeFiles, words: tuple[str, ...]) -> None:
    """Put a fault into the node's kernel."""
