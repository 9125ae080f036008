"""Which data blocks are free?"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class FreeBlocks:
    """The free blocks of one file system; a freed block is reused only after the next commit.

    Until then the committed tree still points to it, and a crash would show another file's bytes
    there.
    """

    def __init__(self, total: int, used: Iterable[int]) -> None:
        """Start with ``total`` blocks of which ``used`` are taken."""
        self.total = total
        self._free = bytearray(b"\x01") * total
        self._count = total
        self._cursor = 0
        self._waiting: list[int] = []
        for block in used:
            self._take(block)

    @property
    def count(self) -> int:
        """Blocks that are free or will be after the next commit."""
        return self._count + len(self._waiting)

    @property
    def waiting(self) -> bool:
        """Whether a commit would free blocks."""
        return bool(self._waiting)

    def allocate(self) -> int:
        """Take one block, if possible the one behind the last.

        Raises:
            OSError: ENOSPC.
        """
        block = self._free.find(1, self._cursor)
        if block < 0:
            block = self._free.find(1)
        if block < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._take(block)
        self._cursor = block + 1
        return block

    def release(self, block: int) -> None:
        """Give a block back, from the next commit on."""
        self._waiting.append(block)

    def take_waiting(self) -> list[int]:
        """Return the blocks that the commit now beginning will free."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def wait_again(self, blocks: list[int]) -> None:
        """Put blocks back whose commit failed."""
        self._waiting = blocks + self._waiting

    def committed(self, blocks: list[int]) -> None:
        """Make the blocks of a finished commit usable."""
        for block in blocks:
            self._free[block] = 1
        self._count += len(blocks)

    def _take(self, block: int) -> None:
        self._count -= self._free[block]
        self._free[block] = 0
