"""What a worker does with the agent's own files: records in two slots, and small whole files.

Content goes through the pipe in hexadecimal. A slot is one block, preallocated, so that writing it
needs no space and no metadata of the file system.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PTH120

from __future__ import annotations

import os

from hafailover.system.work import Refusal, replace_file, sync_directory, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

SLOT: Final = 4096


def keep_file(*, path: str, aside: str) -> dict[str, Any]:
    """Give a file another name besides its own, durable, so that what takes its place takes nothing away."""
    try:
        os.link(path, aside, follow_symlinks=False)
    except FileNotFoundError:
        return {"kept": False}
    sync_directory(os.path.dirname(aside))
    return {"kept": True}


def write_record(*, path: str, slot: int, data: str) -> dict[str, Any]:
    """Overwrite one slot, padded with zeros, and fsync. Never makes the file longer."""
    content = bytes.fromhex(data)
    if len(content) > SLOT:
        raise Refusal(f"a record of {len(content)} bytes does not fit into a slot of {SLOT}")
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        if slot < 0 or (slot + 1) * SLOT > size:
            raise Refusal(f"{path} has {size} bytes and so no slot {slot}")
        write_whole(descriptor, content.ljust(SLOT, b"\0"), slot * SLOT)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return {}


def read_file(*, path: str, limit: int) -> dict[str, Any]:
    """Return up to ``limit`` bytes of a file, and whether it exists at all."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return {"exists": False, "data": "", "size": 0}
    try:
        return {
            "exists": True,
            "data": os.pread(descriptor, limit, 0).hex(),
            "size": os.fstat(descriptor).st_size,
        }
    finally:
        os.close(descriptor)


def write_file(*, path: str, data: str, mode: int = 0o600) -> dict[str, Any]:
    """Replace a small file by another, whole and durable."""
    replace_file(path, bytes.fromhex(data), mode)
    return {}
