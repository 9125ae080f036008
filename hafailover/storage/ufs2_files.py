"""Whose are these bytes of a device: which files of its UFS2 lie there?

Every inode in use is looked at once, then every directory, for the names. Nothing is written, and whatever does not
fit is passed over: the file system may be in use, or may never have been unmounted.
"""

import hashlib
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from hafailover.storage.superblock import LENGTH, OFFSET
from hafailover.storage.ufs2 import (
    DIRECT,
    INODE_BYTES,
    ROOT,
    Inode,
    Layout,
    decode_inode,
    decode_layout,
    names_in,
    used_inodes,
)

Read = Callable[[int, int], bytes]
"""Returns the bytes at (offset, length); fewer at the end of the device."""
_PLACES: Final = (OFFSET, 8192)
"""Where newfs(8) puts the superblock, and where makefs(8) does: the kernel looks in both, in this order."""
_AT_ONCE: Final = 4096
"""Inodes that are read at a time."""
_DEPTH_MAX: Final = 256
_DIRECTORY_BYTES_MAX: Final = 64 << 20


class NotReadableError(Exception):
    """There is no UFS2 that can be read; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBlocks:
    """A file of which something lies in the ranges that were asked for."""

    path: str
    """From the root of the file system, without a leading slash; the root itself is ``/``."""
    is_directory: bool
    size_bytes: int
    modified_s: int
    bytes_there: int
    """How many bytes of its blocks lie there; 0 if only its inode does."""
    stamp: str
    """Two files of one path and one stamp differ in nothing but their content, if in that."""


class Ranges:
    """Ranges of bytes of a device, in ascending order, apart from each other."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Take (offset, length) pairs."""
        self._ranges = sorted(ranges)
        self._begins = [offset for offset, _ in self._ranges]

    def shared(self, offset: int, length: int) -> int:
        """Return how many bytes of (offset, length) lie in them."""
        end, found = offset + length, 0
        at = max(0, bisect_right(self._begins, offset) - 1)
        for begin, size in self._ranges[at:]:
            if begin >= end:
                break
            found += max(0, min(end, begin + size) - max(offset, begin))
        return found


def files_in(read: Read, ranges: Sequence[tuple[int, int]]) -> tuple[list[FileBlocks], int]:
    """Return the files that lie in the ranges, and how many bytes there are the file system's own.

    Raises:
        NotReadableError: There is no UFS2, or one that makes no sense.
    """
    layouts = (decode_layout(read(offset, LENGTH)) for offset in _PLACES)
    layout = next((each for each in layouts if each is not None), None)
    if layout is None:
        raise NotReadableError("there is no UFS2 on it that can be read")
    wanted = Ranges(ranges)
    own = sum(wanted.shared(*layout.own_span(group)) for group in range(layout.groups))
    files, directories = _look_at_inodes(read, layout, wanted)
    if not files:
        return [], own
    names = _names(read, layout, directories, {inode.number for inode, _ in files})
    return [_described(inode, there, names) for inode, there in files], own


def _look_at_inodes(
    read: Read, layout: Layout, wanted: Ranges
) -> tuple[list[tuple[Inode, int]], list[Inode]]:
    """Return the inodes that are concerned, each with how many bytes, and all directories."""
    files: list[tuple[Inode, int]] = []
    directories: list[Inode] = []
    for inode in _inodes(read, layout):
        if inode.is_directory:
            directories.append(inode)
        # A damaged one may name blocks without end: no file has more than there are.
        spans = islice(_spans(read, layout, inode), layout.size)
        there = sum(wanted.shared(*span) for span in spans)
        if there or wanted.shared(layout.inode_offset(inode.number), INODE_BYTES):
            files.append((inode, there))
    return files, directories


def _inodes(read: Read, layout: Layout) -> Iterator[Inode]:
    for group in range(layout.groups):
        header = read(layout.header_offset(group), layout.block_bytes)
        numbers = list(used_inodes(layout, group, header))
        first = group * layout.inodes_per_group
        begin, table = -_AT_ONCE, b""
        for number in numbers:
            index = number - first
            if index >= begin + _AT_ONCE:
                begin = index
                count = min(_AT_ONCE, layout.inodes_per_group - begin)
                table = read(layout.inode_offset(number), count * INODE_BYTES)
            at = (index - begin) * INODE_BYTES
            inode = decode_inode(number, table[at : at + INODE_BYTES])
            if inode is not None:
                yield inode


def _spans(read: Read, layout: Layout, inode: Inode) -> Iterator[tuple[int, int]]:
    """Yield (offset, bytes) of every block of a file, those that only hold addresses included."""
    for block in inode.extra:
        if (at := layout.offset(block)) is not None:
            yield at, layout.block_bytes
    if inode.has_blocks:
        yield from _content(read, layout, inode, with_addresses=True)


def _content(
    read: Read, layout: Layout, inode: Inode, *, with_addresses: bool
) -> Iterator[tuple[int, int]]:
    """Yield the blocks of a file in order; the last of a small file is made of fragments."""
    left = -(-inode.size // layout.block_bytes)
    for number, block in enumerate(inode.direct[:left]):
        at = layout.offset(block)
        if at is not None:
            rest = inode.size - number * layout.block_bytes
            whole = -(-rest // layout.fragment_bytes) * layout.fragment_bytes
            yield at, min(layout.block_bytes, whole)
    left -= DIRECT
    for depth, block in enumerate(inode.indirect, 1):
        if left > 0:
            yield from _below(read, layout, block, depth, with_addresses=with_addresses)
        left -= layout.pointers**depth


def _below(
    read: Read, layout: Layout, block: int, depth: int, *, with_addresses: bool
) -> Iterator[tuple[int, int]]:
    at = layout.offset(block)
    if at is None:
        return
    if with_addresses:
        yield at, layout.block_bytes
    raw = read(at, layout.block_bytes)
    for address in struct.unpack(f"<{len(raw) // 8}q", raw[: len(raw) // 8 * 8]):
        if depth > 1:
            yield from _below(read, layout, address, depth - 1, with_addresses=with_addresses)
        elif (data_at := layout.offset(address)) is not None:
            yield data_at, layout.block_bytes


def _names(
    read: Read, layout: Layout, directories: Iterable[Inode], wanted: set[int]
) -> dict[int, tuple[int, str]]:
    """Return the directory and the name of every directory, and of every inode that is wanted; the first of several."""
    known = {inode.number: inode for inode in directories}
    found: dict[int, tuple[int, str]] = {}
    for directory in known.values():
        parts, left = [], min(directory.size, _DIRECTORY_BYTES_MAX)
        for at, length in _content(read, layout, directory, with_addresses=False):
            parts.append(read(at, min(length, left)))
            left -= len(parts[-1])
            if left <= 0:
                break
        for number, name in names_in(b"".join(parts)):
            if number in known or number in wanted:
                found.setdefault(number, (directory.number, name))
    return found


def _described(inode: Inode, there: int, names: dict[int, tuple[int, str]]) -> FileBlocks:
    return FileBlocks(
        path=_path(inode.number, names),
        is_directory=inode.is_directory,
        size_bytes=inode.size,
        modified_s=inode.modified_s,
        bytes_there=there,
        stamp=hashlib.blake2b(inode.stamp, digest_size=8).hexdigest(),
    )


def _path(number: int, names: dict[int, tuple[int, str]]) -> str:
    if number == ROOT:
        return "/"
    parts: list[str] = []
    at = number
    while at != ROOT:
        if at not in names or len(parts) == _DEPTH_MAX:
            return f"(inode {number}, which no directory names)"
        at, name = names[at]
        parts.append(name)
    return "/".join(reversed(parts))
