"""What does the file system need of the thing it lives on?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class BlockDevice(Protocol):
    """A device of whole sectors. Every method raises ``OSError`` with the device's errno."""

    @property
    def size(self) -> int:
        """Bytes on the device."""
        ...

    @property
    def sector_size(self) -> int:
        """Offsets and lengths are multiples of this many bytes."""
        ...

    async def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``."""
        ...

    async def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``; it may sit in a cache until ``flush``."""
        ...

    async def flush(self) -> None:
        """Return when all that was written before is on stable storage."""
        ...


class FileDevice:
    """A device made of a plain file, for looking at an image from outside its node."""

    def __init__(self, path: Path, *, spared: int = 0, sector_size: int = 512) -> None:
        """Open ``path`` as a device that ends ``spared`` bytes before the file does."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._size = os.fstat(self._descriptor).st_size - spared
        self._sector_size = sector_size

    @property
    def size(self) -> int:
        """Bytes on the device."""
        return self._size

    @property
    def sector_size(self) -> int:
        """Bytes in one sector."""
        return self._sector_size

    async def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``."""
        return os.pread(self._descriptor, length, offset)

    async def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``."""
        os.pwrite(self._descriptor, data, offset)

    async def flush(self) -> None:
        """Return when the file is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
