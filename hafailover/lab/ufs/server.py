"""What does each request of the kernel do to the files?"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from hafailover.lab.ufs import wire
from hafailover.lab.ufs.tree import ROOT, Inode
from hafailover.lab.ufs.wire import Operation, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hafailover.lab.ufs.content import ContentStore


def _error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


class Server:
    """Answers requests from one ``ContentStore``; it knows nothing of ``/dev/fuse``."""

    def __init__(self, store: ContentStore) -> None:
        """Serve ``store``."""
        self._store = store
        self._opened: Counter[int] = Counter()
        self._looked_up: Counter[int] = Counter()
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._by_operation = self._answers()

    def _answers(self) -> dict[int, Callable[[Request], Awaitable[bytes]]]:
        return {
            Operation.INIT: self._init,
            Operation.LOOKUP: self._lookup,
            Operation.FORGET: self._forget,
            Operation.BATCH_FORGET: self._forget_many,
            Operation.GETATTR: self._getattr,
            Operation.SETATTR: self._setattr,
            Operation.READLINK: self._readlink,
            Operation.SYMLINK: self._symlink,
            Operation.MKNOD: self._mknod,
            Operation.MKDIR: self._mkdir,
            Operation.CREATE: self._create,
            Operation.UNLINK: self._unlink,
            Operation.RMDIR: self._rmdir,
            Operation.RENAME: self._rename,
            Operation.RENAME2: self._rename,
            Operation.OPEN: self._open,
            Operation.OPENDIR: self._open,
            Operation.RELEASE: self._release,
            Operation.RELEASEDIR: self._release,
            Operation.READ: self._read,
            Operation.WRITE: self._write,
            Operation.FSYNC: self._fsync,
            Operation.FSYNCDIR: self._fsync,
            Operation.FLUSH: self._nothing,
            Operation.INTERRUPT: self._nothing,
            Operation.DESTROY: self._nothing,
            Operation.READDIR: self._readdir,
            Operation.STATFS: self._statfs,
        }

    @property
    def open_files(self) -> tuple[int, ...]:
        """Inode numbers that somebody has open."""
        return tuple(sorted(self._opened))

    async def answer(self, request: Request) -> bytes:
        """Carry ``request`` out and return the body of its reply.

        Raises:
            OSError: the errno to reply.
        """
        method = self._by_operation.get(request.operation)
        if method is None:
            raise _error(errno.ENOSYS)
        return await method(request)

    def _inode(self, number: int) -> Inode:
        inode = self._store.tree.inodes.get(number)
        if inode is None:
            raise _error(errno.ESTALE)
        return inode

    def _entered(self, inode: Inode) -> bytes:
        self._looked_up[inode.number] += 1
        return wire.entry_reply(inode)

    async def _nothing(self, _: Request) -> bytes:
        return b""

    async def _init(self, request: Request) -> bytes:
        return wire.init_reply(request.body)

    async def _lookup(self, request: Request) -> bytes:
        (name,) = wire.names(request.body)
        return self._entered(self._store.tree.child(self._inode(request.node), name))

    async def _forget(self, request: Request) -> bytes:
        (count,) = wire.FORGET_IN.unpack_from(request.body)
        self._forgotten(request.node, count)
        return b""

    async def _forget_many(self, request: Request) -> bytes:
        count, _ = wire.BATCH_FORGET_IN.unpack_from(request.body)
        for index in range(count):
            position = wire.BATCH_FORGET_IN.size + index * wire.FORGET_ONE.size
            self._forgotten(*wire.FORGET_ONE.unpack_from(request.body, position))
        return b""

    def _forgotten(self, number: int, count: int) -> None:
        self._looked_up[number] -= count
        if self._looked_up[number] <= 0:
            del self._looked_up[number]
        self._erase_if_unused(number)

    def _erase_if_unused(self, number: int) -> None:
        """Free an inode that no name, no open file and no kernel cache refers to."""
        inode = self._store.tree.inodes.get(number)
        if inode is None or number == ROOT or number in self._opened or number in self._looked_up:
            return
        if not any(number in one.entries.values() for one in self._store.tree.inodes.values()):
            self._store.erase(inode)
            self._locks.pop(number, None)

    async def _getattr(self, request: Request) -> bytes:
        return wire.attributes_reply(self._inode(request.node))

    async def _setattr(self, request: Request) -> bytes:
        inode = self._inode(request.node)
        values = wire.SETATTR_IN.unpack_from(request.body)
        valid, size, mtime, mtime_ns = values[0], values[3], values[6], values[9]
        mode, uid, gid = values[11], values[13], values[14]
        if valid & wire.SET_SIZE:
            async with self._locks[inode.number]:
                await self._store.truncate(inode, size)
        if valid & wire.SET_MODE:
            inode.mode = stat.S_IFMT(inode.mode) | stat.S_IMODE(mode)
        if valid & wire.SET_UID:
            inode.uid = uid
        if valid & wire.SET_GID:
            inode.gid = gid
        if valid & wire.SET_MTIME_NOW:
            inode.mtime_ns = time.time_ns()
        elif valid & wire.SET_MTIME:
            inode.mtime_ns = mtime * 10**9 + mtime_ns
        inode.ctime_ns = time.time_ns()
        self._store.changed(inode)
        return wire.attributes_reply(inode)

    async def _readlink(self, request: Request) -> bytes:
        return self._inode(request.node).target.encode("utf-8", "surrogateescape")

    async def _symlink(self, request: Request) -> bytes:
        name, target = wire.names(request.body)
        inode = self._make(request, name, stat.S_IFLNK | 0o777)
        inode.target = target
        return self._entered(inode)

    async def _mknod(self, request: Request) -> bytes:
        mode, _, umask, _ = wire.MKNOD_IN.unpack_from(request.body)
        if not stat.S_ISREG(mode):
            raise _error(errno.EPERM)
        (name,) = wire.names(request.body[wire.MKNOD_IN.size :])
        return self._entered(self._make(request, name, mode & ~umask))

    async def _mkdir(self, request: Request) -> bytes:
        mode, umask = wire.MKDIR_IN.unpack_from(request.body)
        (name,) = wire.names(request.body[wire.MKDIR_IN.size :])
        return self._entered(self._make(request, name, stat.S_IFDIR | (mode & 0o7777 & ~umask)))

    async def _create(self, request: Request) -> bytes:
        _, mode, umask, _ = wire.CREATE_IN.unpack_from(request.body)
        (name,) = wire.names(request.body[wire.CREATE_IN.size :])
        inode = self._make(request, name, stat.S_IFREG | (mode & 0o7777 & ~umask))
        self._opened[inode.number] += 1
        return self._entered(inode) + wire.OPEN_OUT.pack(inode.number, 0, 0)

    def _make(self, request: Request, name: str, mode: int) -> Inode:
        parent = self._inode(request.node)
        inode = self._store.tree.create(parent, name, mode, request.owner)
        inode.mtime_ns = inode.ctime_ns = parent.mtime_ns = parent.ctime_ns = time.time_ns()
        self._store.changed(inode, parent)
        return inode

    async def _unlink(self, request: Request) -> bytes:
        (name,) = wire.names(request.body)
        self._remove(self._inode(request.node), name, directory=False)
        return b""

    async def _rmdir(self, request: Request) -> bytes:
        (name,) = wire.names(request.body)
        self._remove(self._inode(request.node), name, directory=True)
        return b""

    def _remove(self, parent: Inode, name: str, *, directory: bool) -> None:
        inode = self._store.tree.child(parent, name)
        if inode.is_directory and not directory:
            raise _error(errno.EISDIR)
        if directory and not inode.is_directory:
            raise _error(errno.ENOTDIR)
        if inode.entries:
            raise _error(errno.ENOTEMPTY)
        del parent.entries[name]
        parent.mtime_ns = parent.ctime_ns = time.time_ns()
        self._store.changed(parent)
        self._erase_if_unused(inode.number)

    async def _rename(self, request: Request) -> bytes:
        front = wire.RENAME2_IN if request.operation == Operation.RENAME2 else wire.RENAME_IN
        values = front.unpack_from(request.body)
        flags = values[1] if len(values) > 1 else 0
        old, new = wire.names(request.body[front.size :])
        if flags & ~wire.RENAME_NOREPLACE:
            raise _error(errno.EINVAL)
        source, destination = self._inode(request.node), self._inode(values[0])
        moved = self._store.tree.child(source, old)
        if new in destination.entries:
            if flags & wire.RENAME_NOREPLACE:
                raise _error(errno.EEXIST)
            if destination.entries[new] == moved.number:
                return b""
            self._remove(destination, new, directory=moved.is_directory)
        del source.entries[old]
        destination.entries[new] = moved.number
        self._store.changed(source, destination)
        return b""

    async def _open(self, request: Request) -> bytes:
        inode = self._inode(request.node)
        self._opened[inode.number] += 1
        return wire.OPEN_OUT.pack(inode.number, 0, 0)

    async def _release(self, request: Request) -> bytes:
        self._opened[request.node] -= 1
        if self._opened[request.node] <= 0:
            del self._opened[request.node]
        self._erase_if_unused(request.node)
        return b""

    async def _read(self, request: Request) -> bytes:
        _, offset, size, *_ = wire.READ_IN.unpack_from(request.body)
        inode = self._inode(request.node)
        async with self._locks[inode.number]:
            return await self._store.read(inode, offset, size)

    async def _write(self, request: Request) -> bytes:
        _, offset, size, *_ = wire.READ_IN.unpack_from(request.body)
        inode = self._inode(request.node)
        data = request.body[wire.READ_IN.size : wire.READ_IN.size + size]
        async with self._locks[inode.number]:
            await self._store.write(inode, offset, data)
        return wire.WRITE_OUT.pack(len(data), 0)

    async def _fsync(self, _: Request) -> bytes:
        await self._store.commit()
        return b""

    async def _readdir(self, request: Request) -> bytes:
        _, offset, size, *_ = wire.READ_IN.unpack_from(request.body)
        directory = self._inode(request.node)
        inodes = self._store.tree.inodes
        rows = [(".", directory), ("..", directory)]
        rows += [(name, inodes[number]) for name, number in directory.entries.items()]
        reply = b""
        for position, (name, inode) in enumerate(rows[offset:], start=offset + 1):
            entry = wire.directory_entry(inode, name, position)
            if len(reply) + len(entry) > size:
                break
            reply += entry
        return reply

    async def _statfs(self, _: Request) -> bytes:
        free = self._store.free
        return wire.statfs_reply(free.total, free.count, len(self._store.tree.inodes))
