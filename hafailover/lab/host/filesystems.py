"""How do the contents of a mounted file system get onto the emulated devices?"""

import asyncio
import errno
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hafailover.emulation.effects import BlockDone, FilesystemVerb, FilesystemWork
from hafailover.emulation.errors import EBUSY, EIO
from hafailover.emulation.geom import BioCommand
from hafailover.emulation.kernel import BlockRequest

if TYPE_CHECKING:
    from hafailover.lab.host.kerneld import KernelProcess
    from hafailover.lab.ufs import MountedFilesystem

_TRANSFER = 128 << 10
"""Bytes per request, as UFS's clusters."""


class EmulatedDevice:
    """A block device of the emulated kernel, for the keeper of the contents."""

    sector_size = 512

    def __init__(self, blocks: "Blocks", handle: int, size: int) -> None:
        self._blocks = blocks
        self._handle = handle
        self.size = size - size % self.sector_size

    async def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``."""
        parts = []
        for start in range(offset, offset + length, _TRANSFER):
            size = min(_TRANSFER, offset + length - start)
            parts.append(await self._blocks.do(self._handle, BioCommand.READ, start, size))
        return b"".join(parts)

    async def write(self, offset: int, data: bytes) -> None:
        """Write ``data`` at ``offset``."""
        for start in range(0, len(data), _TRANSFER):
            part = data[start : start + _TRANSFER]
            await self._blocks.do(self._handle, BioCommand.WRITE, offset + start, len(part), part)

    async def flush(self) -> None:
        """Return when everything written is on stable storage."""
        await self._blocks.do(self._handle, BioCommand.FLUSH, 0, 0)


class Blocks:
    """Requests to devices, and who waits for their answers."""

    def __init__(self, process: "KernelProcess") -> None:
        self._process = process
        self._tags = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}

    async def do(
        self, handle: int, command: BioCommand, offset: int, length: int, data: bytes = b""
    ) -> bytes:
        """Do one request; waits as long as the device does; raises ``OSError``."""
        tag = next(self._tags)
        future = asyncio.get_running_loop().create_future()
        self._waiting[tag] = future
        request = BlockRequest(command=command, offset=offset, length=length, data=data, tag=tag)
        self._process.kernel.submit(handle, request, self._process.now())
        self._process.settle()
        answer: bytes = await future
        return answer

    def done(self, effect: BlockDone) -> None:
        """Pass an answer on."""
        future = self._waiting.pop(effect.tag, None)
        if future is None or future.done():
            return
        if effect.error:
            number = effect.error if effect.error <= errno.ERANGE else errno.EIO
            future.set_exception(OSError(number, os.strerror(number)))
        else:
            future.set_result(effect.data)


class Filesystems:
    """The mounted file systems of one host, by directory."""

    def __init__(self, process: "KernelProcess") -> None:
        self.blocks = Blocks(process)
        self._process = process
        self._mounted: dict[str, MountedFilesystem] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: FilesystemWork) -> None:
        """Start what the kernel asks for; it is told when that is done."""
        task = asyncio.create_task(self._do(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop_all(self) -> None:
        """Take every file system off its mount point, for an orderly end of the process."""
        for mounted in self._mounted.values():
            await mounted.stop(force=True)
        self._mounted.clear()

    async def _do(self, work: FilesystemWork) -> None:
        try:
            error = await self._act(work)
        except OSError as problem:
            number = problem.errno or EIO
            error = EBUSY if number == errno.EBUSY else min(number, errno.ERANGE)
        self._process.kernel.filesystem_done(work.work, error, self._process.now())
        self._process.settle()

    async def _act(self, work: FilesystemWork) -> int:
        # Imported on first use: a kernel without mounts needs no /dev/fuse.
        from hafailover.lab import ufs  # noqa: PLC0415

        device = EmulatedDevice(self.blocks, work.device, work.size)
        match work.verb:
            case FilesystemVerb.FORMAT:
                await ufs.format_device(device)
            case FilesystemVerb.GROW:
                await ufs.grow(device)
            case FilesystemVerb.CHECK:
                return EIO if await ufs.check(device) else 0
            case FilesystemVerb.START:
                source = f"/dev/{work.name}"
                mounted = ufs.MountedFilesystem(device, Path(work.directory), source=source)
                await mounted.start()
                self._mounted[work.directory] = mounted
            case FilesystemVerb.STOP:
                known = self._mounted.get(work.directory)
                if known is not None:
                    await known.stop(force=work.force)
                    self._mounted.pop(work.directory, None)
        return 0
