"""Declare two images that were just made identical to be a pair: the first record of each.

Run in a node as ``python -m hafailover.lab.founding GROUP VOLUME IMAGE DIRECTORY LINEAGE``. The
image gets the agent's marker in its last sector, and the record, in the agent's own form, speaks
of this very file.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from hafailover.lineage.changes import founded
from hafailover.lineage.record import ImageBinding, LineageRecord
from hafailover.runtime.record_slots import SLOTS, encode_slot
from hafailover.storage.tail import encode_marker
from hafailover.system.image_work import look_at_image, sync_image, write_tail


def record_file(directory: Path, group: str, volume: str) -> Path:
    """Return where the agent looks for the record of a volume."""
    return directory / f"{group}.{volume}.record"


def found(group: str, volume: str, image: Path, directory: Path, lineage: str) -> None:
    """Mark the image and write its record, both durable."""
    close_id = secrets.token_hex(16)
    size = image.stat().st_size
    write_tail(path=str(image), size=size, sector=encode_marker(close_id).hex())
    sync_image(path=str(image))
    seen = look_at_image(path=str(image))
    binding = ImageBinding(
        device=seen["device"],
        inode=seen["inode"],
        size_bytes=size,
        birth_ns=seen["birth_ns"],
        close_id=close_id,
    )
    record = founded(
        LineageRecord(sequence=1),
        lineage=lineage,
        binding=binding,
        boot=os.environ.get("HAFAILOVER_BOOT_ID", ""),
    )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = encode_slot(group, volume, record) * SLOTS
    with record_file(directory, group, volume).open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def main() -> None:
    """Do what the command line says."""
    group, volume, image, directory, lineage = sys.argv[1:]
    found(group, volume, Path(image), Path(directory), lineage)


if __name__ == "__main__":
    main()
