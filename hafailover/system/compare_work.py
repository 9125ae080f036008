"""What a worker does to compare two images: hash blocks, name the files there, keep what only this copy holds.

It only ever reads an image, whatever has it open, and takes its time: the host has something better to do.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PTH103, PTH108, PTH120, PTH123, PTH208

from __future__ import annotations

import os

from hafailover.system.kept_file import END, SUFFIX, UNFINISHED, encode_header, encode_piece
from hafailover.system.work import Refusal, sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

DIGEST: Final = 16
RATE: Final = 128 << 20
"""Bytes of an image that are read per second at most."""
_NICENESS: Final = 10
_TEXT_MAX: Final = 96 << 10
"""So much is said of files at most: it has to fit into one message to the peer."""
_SPARE: Final = 16 << 20
"""So much stays free beside what is kept: the records are on the same disk."""


def hash_blocks(*, path: str, offset: int, length: int, block: int) -> dict[str, Any]:
    """Return the hashes of the blocks of a range, one after the other; the last block may be shorter."""
    import hashlib  # noqa: PLC0415 - most workers live without it
    import time  # noqa: PLC0415

    _step_aside()
    began, hashes = time.monotonic(), []
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for at in range(offset, offset + length, block):
            wanted = min(block, offset + length - at)
            data = os.pread(descriptor, wanted, at)
            if len(data) != wanted:
                raise Refusal(f"{path} ends before {at + wanted}")
            hashes.append(hashlib.blake2b(data, digest_size=DIGEST).digest())
    finally:
        os.close(descriptor)
    time.sleep(max(0.0, length / RATE - (time.monotonic() - began)))
    return {"hashes": b"".join(hashes)}


def files_of(*, path: str, ranges: list[tuple[int, int]]) -> dict[str, Any]:
    """Return JSON: the files of an image's UFS2 that lie in these (offset, length), those with the most there first.

    ``files`` has their properties; ``left_out`` says how many more there are, and ``own_bytes`` how much there is the
    file system's own.
    """
    import json  # noqa: PLC0415 - as above

    from hafailover.storage.ufs2_files import NotReadableError, files_in  # noqa: PLC0415 - as above

    _step_aside()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found, own = files_in(lambda offset, length: os.pread(descriptor, length, offset), ranges)
    except NotReadableError as error:
        raise Refusal(str(error)) from error
    finally:
        os.close(descriptor)
    rows: list[dict[str, Any]] = []
    left = _TEXT_MAX
    for each in sorted(found, key=lambda one: (-one.bytes_there, one.path)):
        row = {name: getattr(each, name) for name in each.__slots__}
        # The text is carried in another JSON document, in which quotes and backslashes take two bytes.
        left -= len(json.dumps(json.dumps(row)))
        if left < 0:
            break
        rows.append(row)
    text = json.dumps({"files": rows, "left_out": len(found) - len(rows), "own_bytes": own})
    return {"text": text}


def begin_kept(*, path: str, header: dict[str, Any], needs: int) -> dict[str, Any]:
    """Make the file, if there is room for so many bytes beside what is whole: what was never ended goes first."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    sync_directory(os.path.dirname(directory))
    for name in os.listdir(directory):
        if name.endswith(SUFFIX + UNFINISHED):
            os.unlink(f"{directory}/{name}")
    room = os.statvfs(directory)
    free = room.f_bavail * room.f_frsize
    if free < needs + _SPARE:
        raise Refusal(f"{needs} bytes are to be kept in {directory}, and only {free} are free")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    descriptor = os.open(path + UNFINISHED, flags, 0o600)
    try:
        _write(descriptor, encode_header(header))
    finally:
        os.close(descriptor)
    return {}


def keep_blocks(*, path: str, image: str, ranges: list[tuple[int, int]]) -> dict[str, Any]:
    """Append these (offset, length) of an image to the file, durably: nothing is left to do at once at its end."""
    _step_aside()
    source = os.open(image, os.O_RDONLY)
    target = os.open(path + UNFINISHED, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        for offset, length in ranges:
            data = os.pread(source, length, offset)
            if len(data) != length:
                raise Refusal(f"{image} ends before {offset + length}")
            _write(target, encode_piece(offset, data))
        os.fsync(target)
    finally:
        os.close(source)
        os.close(target)
    return {}


def end_kept(*, path: str) -> dict[str, Any]:
    """Seal the file with its checksum, make it durable, and give it its name, which no other one loses for it.

    The name tells the second, and that comes twice where the clock is set back.
    """
    import hashlib  # noqa: PLC0415 - as above

    digest = hashlib.sha256()
    with open(path + UNFINISHED, "r+b") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        stream.write(encode_piece(END, digest.digest()))
        stream.flush()
        os.fsync(stream.fileno())
        size = stream.tell()
    os.link(path + UNFINISHED, path)
    os.unlink(path + UNFINISHED)
    sync_directory(os.path.dirname(path))
    return {"bytes": size}


def _step_aside() -> None:
    """Let everybody else go first."""
    if os.nice(0) < _NICENESS:
        os.nice(_NICENESS)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
