"""How are FUSE requests and replies laid out?

Knowledge from Linux' ``include/uapi/linux/fuse.h``, protocol 7.31; everything is in host order, and
every host this runs on is little-endian.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from hafailover.lab.ufs.layout import BLOCK_SIZE

if TYPE_CHECKING:
    from hafailover.lab.ufs.tree import Inode

MAJOR: Final = 7
MINOR: Final = 31
MAX_WRITE: Final = 128 * 1024
READ_SIZE: Final = MAX_WRITE + BLOCK_SIZE
"""Bytes to offer to every read of ``/dev/fuse``: the largest write and its headers."""


class Operation(IntEnum):
    """The requests that are answered; any other gets ENOSYS, and the kernel stops asking."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    CREATE = 35
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    RENAME2 = 45


SILENT: Final = frozenset(
    {Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT},
)
"""Requests to which nothing is replied."""

RENAME_NOREPLACE: Final = 1
SET_MODE: Final = 1
SET_UID: Final = 2
SET_GID: Final = 4
SET_SIZE: Final = 8
SET_MTIME: Final = 32
SET_MTIME_NOW: Final = 256

IN_HEADER: Final = struct.Struct("<IIQQIIIHH")
OUT_HEADER: Final = struct.Struct("<IiQ")
READ_IN: Final = struct.Struct("<QQIIQII")
"""fh, offset, size, flags, lock owner, open flags, padding; WRITE has the same."""
SETATTR_IN: Final = struct.Struct("<IIQQQQQQIIIIIIII")
MKDIR_IN: Final = struct.Struct("<II")
MKNOD_IN: Final = struct.Struct("<IIII")
CREATE_IN: Final = struct.Struct("<IIII")
RENAME_IN: Final = struct.Struct("<Q")
RENAME2_IN: Final = struct.Struct("<QII")
FORGET_IN: Final = struct.Struct("<Q")
BATCH_FORGET_IN: Final = struct.Struct("<II")
FORGET_ONE: Final = struct.Struct("<QQ")
INIT_IN: Final = struct.Struct("<IIII")
OPEN_OUT: Final = struct.Struct("<QII")
WRITE_OUT: Final = struct.Struct("<II")
_INIT_OUT: Final = struct.Struct("<IIIIHHIIHHI28x")
_ATTRIBUTES: Final = struct.Struct("<QQQQQQIIIIIIIIII")
_ATTR_FRONT: Final = struct.Struct("<QII")
_ENTRY_FRONT: Final = struct.Struct("<QQQQII")
_STATFS_OUT: Final = struct.Struct("<QQQQQIIII24x")
_DIRENT: Final = struct.Struct("<QQII")

_VALID_SECONDS: Final = 3600
"""How long the kernel may believe an answer: nobody but it changes this file system."""

_ASYNC_READ: Final = 1
_BIG_WRITES: Final = 1 << 5
_PARALLEL_DIRECTORIES: Final = 1 << 18
_MAX_PAGES: Final = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of the kernel."""

    operation: int
    unique: int
    """Names the request in its reply."""
    node: int
    """Inode number that it is about."""
    owner: tuple[int, int]
    """User and group id of the caller."""
    body: bytes


def decode_request(raw: bytes) -> Request:
    """Return the request in ``raw``."""
    _, operation, unique, node, uid, gid, _, _, _ = IN_HEADER.unpack_from(raw)
    return Request(
        operation=operation,
        unique=unique,
        node=node,
        owner=(uid, gid),
        body=raw[IN_HEADER.size :],
    )


def names(raw: bytes) -> list[str]:
    """Return the zero-terminated names in ``raw``."""
    return [part.decode("utf-8", "surrogateescape") for part in raw.split(b"\0")[:-1]]


def init_reply(body: bytes) -> bytes:
    """Answer INIT: version, limits, and the features that both sides know."""
    _, minor, readahead, offered = INIT_IN.unpack_from(body)
    flags = offered & (_ASYNC_READ | _BIG_WRITES | _PARALLEL_DIRECTORIES | _MAX_PAGES)
    pages = MAX_WRITE // BLOCK_SIZE
    return _INIT_OUT.pack(
        MAJOR, min(minor, MINOR), readahead, flags, 16, 12, MAX_WRITE, 1, pages, 0, 0
    )


def attributes(inode: Inode) -> bytes:
    """Return ``struct fuse_attr``."""
    size = inode.size or len(inode.target)
    links = 2 if inode.is_directory else 1
    mtime, mtime_ns = divmod(inode.mtime_ns, 10**9)
    ctime, ctime_ns = divmod(inode.ctime_ns, 10**9)
    sectors = len(inode.blocks) * BLOCK_SIZE // 512
    times = (mtime, mtime, ctime, mtime_ns, mtime_ns, ctime_ns)
    owner = (inode.mode, links, inode.uid, inode.gid)
    return _ATTRIBUTES.pack(inode.number, size, sectors, *times, *owner, 0, BLOCK_SIZE, 0)


def attributes_reply(inode: Inode) -> bytes:
    """Answer GETATTR and SETATTR."""
    return _ATTR_FRONT.pack(_VALID_SECONDS, 0, 0) + attributes(inode)


def entry_reply(inode: Inode) -> bytes:
    """Answer LOOKUP and everything that makes an inode."""
    front = _ENTRY_FRONT.pack(inode.number, 0, _VALID_SECONDS, _VALID_SECONDS, 0, 0)
    return front + attributes(inode)


def statfs_reply(total: int, free: int, files: int) -> bytes:
    """Answer STATFS; ``total`` and ``free`` count blocks."""
    return _STATFS_OUT.pack(total, free, free, files, 2**31, BLOCK_SIZE, 255, BLOCK_SIZE, 0)


def directory_entry(inode: Inode, name: str, position: int) -> bytes:
    """Return one ``struct fuse_dirent``; ``position`` is where the next read goes on."""
    raw = name.encode("utf-8", "surrogateescape")
    entry = _DIRENT.pack(inode.number, position, len(raw), stat.S_IFMT(inode.mode) >> 12) + raw
    return entry + bytes(-len(entry) % 8)
