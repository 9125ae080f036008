"""What a worker does with an image file: look at it, write its last sector, make it durable.

The last sector is where gmirror keeps its metadata. Its place follows md(4), which cuts the size of
a file down to whole sectors.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import stat

from hafailover.system.work import Refusal, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

SECTOR: Final = 512
_BLOCK: Final = 512
"""``st_blocks`` counts in these on every host (stat(2))."""


def look_at_image(*, path: str) -> dict[str, Any]:
    """Return what stat(2) says of an image, whether it can be written, and its last sector."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return {"exists": False, "problem": ""}
    seen: dict[str, Any] = {
        "exists": True,
        "size_bytes": status.st_size,
        "device": status.st_dev,
        "inode": status.st_ino,
        "birth_ns": birth_ns(status),
        "is_writable": os.access(path, os.W_OK),
        "is_sparse": status.st_blocks * _BLOCK < status.st_size,
        "sector": "",
        "problem": "",
    }
    if not stat.S_ISREG(status.st_mode):
        seen["problem"] = f"{path} is not a regular file"
    elif status.st_size < SECTOR or status.st_size % SECTOR:
        seen["problem"] = f"the size of {path} is not a whole number of sectors of {SECTOR} bytes"
    else:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            seen["sector"] = os.pread(descriptor, SECTOR, status.st_size - SECTOR).hex()
        finally:
            os.close(descriptor)
    return seen


def write_tail(*, path: str, size: int, sector: str, expect: str = "") -> dict[str, Any]:
    """Overwrite the last sector, fsync, and read it back.

    Refuses unless the file is ``size`` bytes long and, where ``expect`` is given, its last sector
    still has this SHA-256: somebody else may have written it since it was looked at.
    """
    wanted = bytes.fromhex(sector)
    assert len(wanted) == SECTOR  # noqa: S101 - the agent encodes it
    descriptor = os.open(path, os.O_RDWR)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(f"{path} is not a regular file")
        if status.st_size != size or size < SECTOR or size % SECTOR:
            raise Refusal(f"{path} has {status.st_size} bytes, not the {size} it should have")
        offset = size - SECTOR
        found = os.pread(descriptor, SECTOR, offset)
        if expect and _sha256(found) != expect:
            raise Refusal(f"the last sector of {path} changed since it was looked at")
        if found != wanted:
            write_whole(descriptor, wanted, offset)
        os.fsync(descriptor)
        if os.pread(descriptor, SECTOR, offset) != wanted:
            raise Refusal(f"the last sector of {path} is not what was just written to it")
    finally:
        os.close(descriptor)
    return {"was": found.hex()}


def sync_image(*, path: str) -> dict[str, Any]:
    """Make everything that was written to the image durable, by whichever process."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return {}


def _sha256(data: bytes) -> str:
    import hashlib  # noqa: PLC0415 - most workers live without it, and it is slow to load

    return hashlib.sha256(data).hexdigest()


def birth_ns(status: os.stat_result) -> int:
    """Return when a file was created, to the microsecond, or 0 where nobody knows.

    Always from the floating-point field, which every release of Python has: the same file must have
    the same birth after an upgrade, and that field is exact to a quarter of a microsecond.
    """
    born: float = getattr(status, "st_birthtime", 0.0)
    return round(born * 1e6) * 1000
