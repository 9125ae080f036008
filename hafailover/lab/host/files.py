"""How does the emulated kernel reach the real image files?"""

import contextlib
import os
from typing import Final

from hafailover.emulation.errors import EIO
from hafailover.emulation.files import FileError, FileStat, Opener
from hafailover.lab.host.disk_faults import DiskFaults
from hafailover.lab.host.processes import openers_of, users_of
from hafailover.lab.host.undo import UndoJournal

_SHARED_ERRORS: Final = 34
"""Up to this number Linux and FreeBSD agree."""


class RealFiles:
    """The host's files; a descriptor stays open from first use, as md(4) holds its vnode."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._faults = DiskFaults(root)
        self._open: dict[str, tuple[int, UndoJournal]] = {}

    def stat(self, path: str) -> FileStat:
        """Resolve and describe a file."""
        try:
            real = os.path.realpath(path, strict=True)
            status = os.stat(real)  # noqa: PTH116
        except OSError as error:
            raise FileError(_number(error)) from error
        return FileStat(
            path=real,
            size=status.st_size,
            inode=status.st_ino,
            regular=os.path.isfile(real),  # noqa: PTH113
            writable=os.access(real, os.W_OK),
        )

    def pread(self, path: str, offset: int, length: int) -> bytes:
        """Read."""
        descriptor, _ = self._descriptor(path)
        try:
            return os.pread(descriptor, length, offset)
        except OSError as error:
            raise FileError(_number(error)) from error

    def pwrite(self, path: str, offset: int, data: bytes) -> None:
        """Write; what a loss of power would take back is noted."""
        descriptor, journal = self._descriptor(path)
        try:
            journal.before_write(descriptor, offset, len(data))
            os.pwrite(descriptor, data, offset)
        except OSError as error:
            raise FileError(_number(error)) from error

    def fsync(self, path: str) -> None:
        """Let everything written so far survive a loss of power."""
        self._descriptor(path)[1].clear()

    def openers(self, path: str) -> tuple[Opener, ...]:
        """Name the processes that hold the file open; what md(4) holds is held by none."""
        return openers_of(os.path.realpath(path))

    def users(self, directory: str) -> tuple[Opener, ...]:
        """Name the processes that use anything below ``directory``."""
        return users_of(directory)

    def directory(self, path: str) -> bool:
        """Say whether ``path`` is a directory; a mount point counts even if it does not answer."""
        return os.path.isdir(path)  # noqa: PTH112

    def real(self, path: str) -> str:
        """Resolve what symbolic links are in ``path``."""
        return os.path.realpath(path)

    def forget(self, path: str) -> None:
        """Close a file that no unit uses any more."""
        if path in self._open:
            descriptor, journal = self._open.pop(path)
            os.close(descriptor)
            journal.close()

    def held(self) -> tuple[str, ...]:
        """Name the files that are open."""
        return tuple(self._open)

    def _descriptor(self, path: str) -> tuple[int, UndoJournal]:
        if error := self._faults.error(path):
            raise FileError(error)
        known = self._open.get(path)
        if known is None:
            flags = os.O_RDWR | os.O_CLOEXEC
            with contextlib.suppress(PermissionError):
                known = os.open(path, flags), UndoJournal(self._root, path)
            if known is None:
                known = os.open(path, os.O_RDONLY | os.O_CLOEXEC), UndoJournal(self._root, path)
            self._open[path] = known
        return known


def _number(error: OSError) -> int:
    number = error.errno or EIO
    return number if number <= _SHARED_ERRORS else EIO
