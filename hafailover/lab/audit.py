"""Is every record that was acknowledged really on the copies?

The audit comes after a power cut of everything: it reads the image files themselves, with no
kernel, mirror or agent in between, so that nothing that was only in a cache counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.lab.ufs import ContentStore, FileDevice
from hafailover.lab.ufs.tree import ROOT
from hafailover.lab.workload import records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_METADATA_SECTOR = 512
"""gmirror keeps the last sector for itself; the file system is on what lies before it."""

RECORDS_FILE = "records"


async def content(image: Path) -> bytes:
    """Return the workload's file as it lies on ``image``; empty if it is not there."""
    with FileDevice(image, spared=_METADATA_SECTOR) as device:
        try:
            store = await ContentStore.load(device)
            inode = store.tree.child(store.tree.inodes[ROOT], RECORDS_FILE)
        except OSError:
            return b""
        return await store.read(inode, 0, inode.size)


async def count_lost(image: Path, acknowledged: Sequence[records.Acknowledgement]) -> int:
    """Return how many of the acknowledged records ``image`` does not hold."""
    return len(records.lost(acknowledged, await content(image)))
