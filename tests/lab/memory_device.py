"""A block device in memory, with a write cache that a crash loses and faults that a test sets."""

from __future__ import annotations

import asyncio
import errno
import os
import random

SECTOR = 512


class MemoryDevice:
    """Holds what was written and what was flushed apart."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sector_size = SECTOR
        self.stable = bytearray(size)
        self.cache: dict[int, bytes] = {}
        self.error: int | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.flushes = 0

    async def _wait(self) -> None:
        await self.flowing.wait()
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))

    async def read(self, offset: int, length: int) -> bytes:
        assert offset % SECTOR == 0
        assert length % SECTOR == 0
        await self._wait()
        result = bytearray(self.stable[offset : offset + length])
        for sector in range(offset, offset + length, SECTOR):
            if sector in self.cache:
                result[sector - offset : sector - offset + SECTOR] = self.cache[sector]
        return bytes(result)

    async def write(self, offset: int, data: bytes) -> None:
        assert offset % SECTOR == 0
        assert len(data) % SECTOR == 0
        assert offset + len(data) <= self.size
        await self._wait()
        for position in range(0, len(data), SECTOR):
            self.cache[offset + position] = data[position : position + SECTOR]

    async def flush(self) -> None:
        await self._wait()
        self.flushes += 1
        self.settle(self.cache)
        self.cache = {}

    def settle(self, sectors: dict[int, bytes]) -> None:
        for offset, data in sectors.items():
            self.stable[offset : offset + SECTOR] = data

    def after_crash(self, seed: int) -> MemoryDevice:
        """Return what a power cut leaves: of what was not flushed, any subset of sectors."""
        dice = random.Random(seed)
        survivor = MemoryDevice(self.size)
        survivor.stable[:] = self.stable
        survivor.settle({at: data for at, data in self.cache.items() if dice.random() < 0.5})
        return survivor

    def lose(self) -> None:
        self.error = errno.ENXIO
        self.flowing.set()
