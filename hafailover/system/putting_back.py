"""Over which file may what a kept file holds be written? Over a copy that no pair goes by, and that stays one."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from hafailover.storage.tail import SECTOR_SIZE, ZERO_SECTOR
from hafailover.system.kept_file import KeptFileError, read_header, read_pieces


class NotACopyError(ValueError):
    """The file is an image of a pair, or may be one."""


def put_back(path: str, image: str, images: Collection[str] | None) -> int:
    """Write the pieces of a kept file over a copy of an image; returns how many bytes were written.

    The last sector becomes zero, as in an image that was exported: of a copy with gmirror's metadata md(4) would
    make a mirror with the name of the pair's.

    Args:
        path: The kept file.
        image: The copy.
        images: The images of this node; None if no configuration names them.

    Raises:
        NotACopyError: It is one of the images, or nobody can tell; then nothing was written.
        KeptFileError: The file is not whole, or the image has another size; then nothing was written.
        OSError: The host does not let it.
    """
    _refuse_image(image, images)
    with Path(path).open("rb") as stream:
        size = read_header(stream).get("size_bytes")
        if Path(image).stat().st_size != size:
            raise KeptFileError(f"{image} does not have the {size} bytes of the image it is from")
        for _ in read_pieces(stream):
            pass
        with Path(image).open("r+b") as target:
            target.seek(-SECTOR_SIZE, os.SEEK_END)
            target.write(ZERO_SECTOR)
            written = _write_pieces(stream, target)
            target.flush()
            os.fsync(target.fileno())
    return written


def _write_pieces(stream: BinaryIO, target: BinaryIO) -> int:
    written = 0
    for offset, data in read_pieces(stream):
        target.seek(offset)
        target.write(data)
        written += len(data)
    return written


def _refuse_image(image: str, images: Collection[str] | None) -> None:
    """Refuse what the pair goes by; where no configuration tells, whatever a pair has marked as its own."""
    if images is None:
        if _last_sector(image) != ZERO_SECTOR:
            raise NotACopyError(
                f"no configuration says which files are images of this node, and the last sector of {image} "
                f"is not empty: it may be one. Make a copy first (cp {image} COPY), empty the last sector "
                f"of the copy (truncate -s -{SECTOR_SIZE} COPY; truncate -s +{SECTOR_SIZE} COPY), and give that with "
                "--onto"
            )
        return
    for own in images:
        if Path(own).exists() and Path(own).samefile(image):
            raise NotACopyError(
                f"{image} is the image {own} of this node itself: writing over it would destroy the data "
                f"of the pair. Make a copy first (cp {own} COPY), and give that with --onto"
            )


def _last_sector(image: str) -> bytes:
    with Path(image).open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - SECTOR_SIZE))
        return stream.read(SECTOR_SIZE)
