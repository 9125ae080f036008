"""Which files and directories are there, and which blocks are theirs?"""

from __future__ import annotations

import errno
import json
import os
import stat
from dataclasses import dataclass, field
from typing import Final

ROOT: Final = 1
"""Inode number of the root directory, as FUSE has it."""

HOLE: Final = -1
"""Stands for a block of a file that was never written."""


@dataclass(slots=True, kw_only=True)
class Inode:
    """One file, directory or symbolic link."""

    number: int
    mode: int
    """Type and permission bits, as in ``st_mode``."""
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    size: int = 0
    blocks: list[int] = field(default_factory=list)
    """Data block of each 4 KiB of a file, or ``HOLE``."""
    entries: dict[str, int] = field(default_factory=dict)
    """Names in a directory, with their inode numbers."""
    target: str = ""
    """Where a symbolic link points."""
    text: str | None = None
    """The encoded form, kept until the inode changes."""

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether this is a regular file."""
        return stat.S_ISREG(self.mode)

    def encode(self) -> str:
        """Return the inode as JSON; blocks as runs ``[first, count]``."""
        if self.text is None:
            about = [self.mode, self.uid, self.gid, self.mtime_ns, self.ctime_ns, self.size]
            rest: object = self.entries if self.is_directory else _runs(self.blocks)
            if stat.S_ISLNK(self.mode):
                rest = self.target
            self.text = json.dumps([self.number, *about, rest], separators=(",", ":"))
        return self.text


def _runs(blocks: list[int]) -> list[list[int]]:
    """Return consecutive blocks as runs; a run of holes starts at ``HOLE``."""
    runs: list[list[int]] = []
    for block in blocks:
        if runs and (
            (block == HOLE and runs[-1][0] == HOLE)
            or (block != HOLE and runs[-1][0] != HOLE and block == runs[-1][0] + runs[-1][1])
        ):
            runs[-1][1] += 1
        else:
            runs.append([block, 1])
    return runs


def _blocks(runs: list[list[int]]) -> list[int]:
    """Return the blocks of ``runs``, one by one."""
    blocks: list[int] = []
    for first, count in runs:
        blocks.extend([HOLE] * count if first == HOLE else range(first, first + count))
    return blocks


class Tree:
    """All inodes of one file system."""

    def __init__(self, next_number: int = ROOT + 1) -> None:
        """Start empty; ``next_number`` is the first inode number that was never given."""
        self.inodes: dict[int, Inode] = {}
        self._next = next_number

    @classmethod
    def with_root(cls, now_ns: int) -> Tree:
        """Return a tree that holds an empty root directory."""
        tree = cls()
        tree.inodes[ROOT] = Inode(
            number=ROOT, mode=stat.S_IFDIR | 0o755, mtime_ns=now_ns, ctime_ns=now_ns
        )
        return tree

    @classmethod
    def decode(cls, text: bytes) -> Tree:
        """Return the tree that ``encode`` wrote.

        Raises:
            ValueError: the text is not such a tree.
        """
        next_number, rows = json.loads(text)
        tree = cls(next_number)
        for number, mode, uid, gid, mtime_ns, ctime_ns, size, rest in rows:
            inode = Inode(
                number=number,
                mode=mode,
                uid=uid,
                gid=gid,
                mtime_ns=mtime_ns,
                ctime_ns=ctime_ns,
                size=size,
            )
            if inode.is_directory:
                inode.entries = rest
            elif inode.is_file:
                inode.blocks = _blocks(rest)
            else:
                inode.target = rest
            tree.inodes[number] = inode
        return tree

    def encode(self) -> bytes:
        """Return every inode that a directory names, as JSON."""
        named = {ROOT}
        for inode in self.inodes.values():
            named.update(inode.entries.values())
        rows = ",".join(self.inodes[number].encode() for number in sorted(named))
        return f"[{self._next},[{rows}]]".encode()

    def create(self, parent: Inode, name: str, mode: int, owner: tuple[int, int]) -> Inode:
        """Make an inode of ``mode`` and enter it in ``parent``.

        Raises:
            OSError: EEXIST, ENAMETOOLONG.
        """
        if name in parent.entries:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        if len(name.encode("utf-8", "surrogateescape")) > 255:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        inode = Inode(number=self._next, mode=mode, uid=owner[0], gid=owner[1])
        self._next += 1
        self.inodes[inode.number] = inode
        parent.entries[name] = inode.number
        return inode

    def child(self, parent: Inode, name: str) -> Inode:
        """Return what ``name`` means in ``parent``.

        Raises:
            OSError: ENOENT, ENOTDIR.
        """
        if not parent.is_directory:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        number = parent.entries.get(name)
        if number is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self.inodes[number]

    def findings(self, data_blocks: int) -> list[str]:
        """Return what is wrong: blocks outside or owned twice, names of nothing, lost inodes."""
        found: list[str] = []
        owner: dict[int, int] = {}
        named: dict[int, int] = {ROOT: 0}
        if ROOT not in self.inodes:
            return ["there is no root directory"]
        for inode in self.inodes.values():
            for block in inode.blocks:
                if block == HOLE:
                    continue
                if not 0 <= block < data_blocks:
                    found.append(f"inode {inode.number}: block {block} lies outside the device")
                elif owner.setdefault(block, inode.number) != inode.number:
                    found.append(f"block {block}: owned by inodes {owner[block]}, {inode.number}")
            for name, number in inode.entries.items():
                if number not in self.inodes:
                    found.append(f"inode {inode.number}: {name!r} names nothing")
                elif number in named:
                    found.append(f"inode {number}: named twice")
                named[number] = inode.number
        found.extend(f"inode {n}: named nowhere" for n in self.inodes if n not in named)
        return found
