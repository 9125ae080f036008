"""How does the file system get onto a mount point, and off it again?"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

from hafailover.lab import mounts
from hafailover.lab.ufs import wire
from hafailover.lab.ufs.content import ContentStore
from hafailover.lab.ufs.server import Server

if TYPE_CHECKING:
    from pathlib import Path

    from hafailover.lab.ufs.device import BlockDevice

KIND: Final = "fuse.ufs"
"""File system type in the mount table."""

SYNC_SECONDS: Final = 30.0
"""How long a write may wait in the cache, as FreeBSD's syncer has it."""


class _Session:
    """The conversation with the kernel over one ``/dev/fuse``, from mount to unmount."""

    def __init__(self, store: ContentStore, descriptor: int) -> None:
        self.store = store
        self.server = Server(store)
        self._descriptor = descriptor
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(descriptor, self._readable)
        self._syncer = asyncio.create_task(self._sync_from_time_to_time())

    async def settle(self) -> None:
        """Refuse new requests and wait for those under way: the last commit covers them."""
        self._refusing = True
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def close(self) -> None:
        """Hang up; the kernel fails whatever is still asked."""
        if self._descriptor < 0:
            return
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        for task in (*self._tasks, self._syncer):
            task.cancel()

    def _readable(self) -> None:
        """Take the requests that wait, and answer each in a task of its own."""
        while self._descriptor >= 0:
            try:
                raw = os.read(self._descriptor, wire.READ_SIZE)
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno in {errno.ENOENT, errno.EINTR}:
                    continue
                self._loop.remove_reader(self._descriptor)
                return
            task = asyncio.create_task(self._serve(wire.decode_request(raw)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: wire.Request) -> None:
        code, body = errno.EIO, b""
        if not self._refusing or request.operation in wire.SILENT:
            try:
                body = await self.server.answer(request)
                code = 0
            except OSError as problem:
                code = problem.errno or errno.EIO
        if request.operation in wire.SILENT or self._descriptor < 0:
            return
        front = wire.OUT_HEADER.pack(wire.OUT_HEADER.size + len(body), -code, request.unique)
        # The caller may be gone, or the mount: then nobody waits for this reply.
        with contextlib.suppress(OSError):
            os.write(self._descriptor, front + body)

    async def _sync_from_time_to_time(self) -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            # The device's error is for whoever calls fsync; the pages stay cached.
            with contextlib.suppress(OSError):
                await self.store.commit()


class MountedFilesystem:
    """One file system on one mount point, served from the running event loop.

    The process must not use the mount itself: it would wait for its own answer.
    """

    def __init__(self, device: BlockDevice, mountpoint: Path, *, source: str = "ufs") -> None:
        """Prepare to mount ``device``; ``source`` is the device's name in the mount table."""
        self._device = device
        self._mountpoint = mountpoint
        self._source = source
        self._session: _Session | None = None

    @property
    def open_files(self) -> tuple[int, ...]:
        """Inode numbers that somebody has open."""
        return self._session.server.open_files if self._session else ()

    async def start(self) -> None:
        """Read the tree and mount.

        Raises:
            OSError: EINVAL without an intact file system; what the device, ``/dev/fuse`` or
                mount(2) say.
        """
        store = await ContentStore.load(self._device)
        descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        options = (
            f"fd={descriptor},rootmode=40755,user_id={os.getuid()},group_id={os.getgid()},"
            f"allow_other,default_permissions,max_read={wire.MAX_WRITE}"
        )
        flags = mounts.MS_NOSUID | mounts.MS_NODEV
        try:
            await asyncio.to_thread(
                mounts.mount, self._source, str(self._mountpoint), KIND, flags, options
            )
        except BaseException:
            os.close(descriptor)
            raise
        self._session = _Session(store, descriptor)

    async def stop(self, *, force: bool = False) -> None:
        """Unmount, with everything written brought to the device first.

        By force the mount point is freed at once, and whoever still uses the file system gets
        errors from then on; what the device refuses to take is lost.

        Raises:
            OSError: EBUSY while in use, or what the device says (not by force): then the file
                system stays mounted.
        """
        session = self._session
        if session is None:
            return
        if not force:
            await session.store.commit()
        flags = mounts.MNT_DETACH if force else 0
        await asyncio.to_thread(mounts.umount, str(self._mountpoint), flags)
        self._session = None
        try:
            await session.settle()
            with contextlib.suppress(OSError):
                await session.store.commit()
        finally:
            session.close()
