"""What does the modelled kernel need from the disks below it?

And how does memory stand in for them, with a cache that a loss of power takes away?
"""

from dataclasses import dataclass
from typing import Protocol

from hafailover.emulation.errors import ENOENT, ENOSPC

BLOCK = 4096
"""Bytes per block of ``MemoryFileStore``'s cache."""

_ZEROS = bytes(BLOCK)


class FileError(Exception):
    """A file operation failed; ``error`` is FreeBSD's number."""

    def __init__(self, error: int) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """What stat(2) says about a backing file, as far as md(4) cares."""

    path: str
    size: int
    inode: int
    regular: bool = True
    writable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """A process that holds a file open, as fstat(1) prints it."""

    command: str
    pid: int
    descriptor: int | str
    """Number, or one of fstat's words (wd, root)."""
    writes: bool
    user: str = "root"


class FileStore(Protocol):
    """The host's own file system, below md(4). Operations raise ``FileError``."""

    def stat(self, path: str) -> FileStat:
        """Resolve ``path`` and describe what it names."""

    def pread(self, path: str, offset: int, length: int) -> bytes:
        """Read; shorter than asked at the end of the file."""

    def pwrite(self, path: str, offset: int, data: bytes) -> None:
        """Write; may live in memory only until ``fsync``."""

    def fsync(self, path: str) -> None:
        """Make everything written so far survive a loss of power."""

    def openers(self, path: str) -> tuple[Opener, ...]:
        """Name the processes that hold the file open."""

    def users(self, directory: str) -> tuple[Opener, ...]:
        """Name the processes that use anything on the file system mounted on ``directory``."""

    def directory(self, path: str) -> bool:
        """Say whether ``path`` is a directory."""

    def real(self, path: str) -> str:
        """Resolve what symbolic links are in ``path``."""


class MemoryFileStore:
    """Files in memory with a cache that a loss of power takes away.

    A file is its blocks that are not all zeros. ``_undo`` holds what the disk has of every block
    written since the last fsync.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._blocks: dict[str, dict[int, bytes]] = {}
        self._undo: dict[str, dict[int, bytes]] = {}
        self._inodes: dict[str, int] = {}
        self._errors: dict[str, int] = {}
        self.holders: dict[str, tuple[Opener, ...]] = {}

    def create(self, path: str, size: int) -> None:
        """Make a file of ``size`` zero bytes, durable."""
        self._sizes[path] = size
        self._blocks[path] = {}
        self._undo[path] = {}
        self._inodes[path] = 1000 + len(self._inodes)

    def fail(self, path: str, error: int) -> None:
        """Let every later operation on ``path`` fail with ``error``; 0 ends that."""
        self._errors[path] = error

    def stat(self, path: str) -> FileStat:
        """Describe the file."""
        if path not in self._sizes:
            raise FileError(ENOENT)
        return FileStat(path=path, size=self._sizes[path], inode=self._inodes[path])

    def pread(self, path: str, offset: int, length: int) -> bytes:
        """Read what a running host sees."""
        self._check(path)
        return self.peek(path, offset, length)

    def peek(self, path: str, offset: int, length: int) -> bytes:
        """Read what is there, even where every operation of the host fails."""
        end = min(offset + length, self._sizes[path])
        if end <= offset:
            return b""
        blocks = self._blocks[path]
        first, last = offset // BLOCK, (end - 1) // BLOCK
        present = [number for number in range(first, last + 1) if number in blocks]
        if not present:
            return bytes(end - offset)
        if first == last:
            return blocks[first][offset % BLOCK : offset % BLOCK + end - offset]
        whole = b"".join([blocks.get(number, _ZEROS) for number in range(first, last + 1)])
        start = offset - first * BLOCK
        return whole[start : start + end - offset]

    def pwrite(self, path: str, offset: int, data: bytes) -> None:
        """Write into the cache."""
        self._check(path)
        if offset + len(data) > self._sizes[path]:
            raise FileError(ENOSPC)
        blocks, undo = self._blocks[path], self._undo[path]
        position = 0
        while position < len(data):
            number, inside = divmod(offset + position, BLOCK)
            part = data[position : position + BLOCK - inside]
            position += len(part)
            old = blocks.get(number, _ZEROS)
            undo.setdefault(number, old)
            if len(part) < BLOCK:
                part = old[:inside] + part + old[inside + len(part) :]
            if part == _ZEROS:
                blocks.pop(number, None)
            else:
                blocks[number] = part

    def fsync(self, path: str) -> None:
        """Empty the cache of this file to the disk."""
        self._check(path)
        self._undo[path].clear()

    def openers(self, path: str) -> tuple[Opener, ...]:
        """Name the holders that the caller registered in ``holders``."""
        return self.holders.get(path, ())

    def users(self, directory: str) -> tuple[Opener, ...]:
        """Name the holders registered for the directory itself."""
        return self.holders.get(directory, ())

    def directory(self, path: str) -> bool:
        """Say yes to everything that is not one of the files."""
        return path not in self._sizes

    def real(self, path: str) -> str:
        """Return the path: there are no links here."""
        return path

    def unsynced(self, path: str) -> tuple[int, ...]:
        """Name the blocks that a loss of power may take back."""
        return tuple(sorted(self._undo[path]))

    def lose_power(self, path: str, blocks: tuple[int, ...]) -> None:
        """Take back the named unsynced blocks; the others had reached the disk by chance."""
        undo = self._undo[path]
        for block in blocks:
            if block in undo:
                self._blocks[path][block] = undo[block]
        undo.clear()

    def _check(self, path: str) -> None:
        if error := self._errors.get(path, 0):
            raise FileError(error)
        if path not in self._sizes:
            raise FileError(ENOENT)
