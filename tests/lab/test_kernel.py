"""A power failure takes back what the node had not brought to its disk, wherever the node saw it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hafailover.lab import kernel, mounts
from hafailover.lab.host import undo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lab


def test_unsynced_writes_are_taken_back(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    home, own = tmp_path / "A", tmp_path / "self"
    (home / "var").mkdir(parents=True)
    own.mkdir()
    (home / "image").write_bytes(b"old " * 1024)
    with (home / "image").open("rb") as file:
        os.fsync(file.fileno())

    async def story() -> None:
        mounts.mount(str(home), str(own), "", mounts.MS_BIND)
        journal = undo.UndoJournal(str(own), str(own / "image"))
        image = os.open(own / "image", os.O_RDWR)
        journal.before_write(image, 0, 512)
        os.pwrite(image, b"new " * 128, 0)
        os.close(image)
        journal.close()
        mounts.umount(str(own))
        kernel.after_power_off(home)
        # Only the thread that took it back saw the node's view.
        assert list(own.iterdir()) == []

    in_own_namespaces(story)
    assert (home / "image").read_bytes()[:512] == b"old " * 128
