"""The file system stand-in keeps what was committed, whenever the power fails."""

from __future__ import annotations

import asyncio
import errno
import random
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from hafailover.lab.ufs import ContentStore, check, format_device, grow, layout
from hafailover.lab.ufs.tree import ROOT, Inode
from tests.lab.memory_device import MemoryDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

MEGABYTE = 1024 * 1024


async def _fresh(size: int = 2 * MEGABYTE) -> tuple[MemoryDevice, ContentStore]:
    device = MemoryDevice(size)
    await format_device(device)
    return device, await ContentStore.load(device)


def _file(store: ContentStore, name: str) -> Inode:
    root = store.tree.inodes[ROOT]
    inode = store.tree.create(root, name, stat.S_IFREG | 0o644, (0, 0))
    store.changed(root, inode)
    return inode


async def _content(device: MemoryDevice, name: str) -> bytes:
    store = await ContentStore.load(device)
    inode = store.tree.child(store.tree.inodes[ROOT], name)
    return await store.read(inode, 0, inode.size)


def test_the_reserved_front_is_never_written() -> None:
    async def run() -> None:
        device = MemoryDevice(2 * MEGABYTE)
        device.stable[: layout.RESERVED] = b"\xa5" * layout.RESERVED
        await format_device(device)
        store = await ContentStore.load(device)
        await store.write(_file(store, "a"), 0, b"x" * 100_000)
        await store.commit()
        assert device.stable[: layout.RESERVED] == b"\xa5" * layout.RESERVED

    asyncio.run(run())


def test_uncommitted_bytes_are_not_on_the_device_and_committed_ones_are() -> None:
    async def run() -> None:
        device, store = await _fresh()
        inode = _file(store, "a")
        await store.write(inode, 10, b"hello")
        assert await store.read(inode, 0, 100) == bytes(10) + b"hello"
        with pytest.raises(FileNotFoundError):
            await _content(device, "a")
        await store.commit()
        assert await _content(device.after_crash(1), "a") == bytes(10) + b"hello"
        assert await check(device) == []

    asyncio.run(run())


def test_shrinking_and_growing_again_reads_zeros() -> None:
    async def run() -> None:
        device, store = await _fresh()
        inode = _file(store, "a")
        await store.write(inode, 0, b"x" * 10_000)
        await store.commit()
        await store.truncate(inode, 5_000)
        await store.truncate(inode, 9_000)
        await store.commit()
        assert await _content(device, "a") == b"x" * 5_000 + bytes(4_000)

    asyncio.run(run())


def test_a_full_device_says_so_and_freed_blocks_serve_again() -> None:
    async def run() -> None:
        device, store = await _fresh(MEGABYTE)
        room = store.free.count * layout.BLOCK_SIZE
        inode = _file(store, "a")
        await store.write(inode, 0, b"x" * room)
        with pytest.raises(OSError, match="No space") as caught:
            await store.write(inode, room, b"y")
        assert caught.value.errno == errno.ENOSPC
        await store.commit()
        await store.truncate(inode, 0)
        await store.write(inode, 0, b"z" * room)
        await store.commit()
        assert await _content(device, "a") == b"z" * room

    asyncio.run(run())


def test_a_failed_commit_loses_nothing() -> None:
    async def run() -> None:
        device, store = await _fresh()
        inode = _file(store, "a")
        await store.write(inode, 0, b"kept")
        device.error = errno.EIO
        with pytest.raises(OSError, match="Input/output"):
            await store.commit()
        device.error = None
        await store.commit()
        assert await _content(device, "a") == b"kept"

    asyncio.run(run())


def test_bytes_written_while_a_commit_is_stuck_are_read_and_committed_later() -> None:
    async def run() -> None:
        device, store = await _fresh()
        inode = _file(store, "a")
        await store.write(inode, 0, b"one")
        device.flowing.clear()
        commit = asyncio.create_task(store.commit())
        await asyncio.sleep(0)
        await store.write(inode, 0, b"two")
        assert await store.read(inode, 0, 3) == b"two"
        device.flowing.set()
        await commit
        assert await _content(device, "a") == b"one"
        await store.commit()
        assert await _content(device, "a") == b"two"

    asyncio.run(run())


@pytest.mark.parametrize("seed", range(60))
def test_every_crash_leaves_the_last_commit_or_the_one_under_way(seed: int) -> None:
    """Random files are written in whole generations; a crash shows one generation, never a mix."""

    async def run() -> None:
        dice = random.Random(seed)
        device, store = await _fresh(MEGABYTE)
        names = ["a", "b", "c"]
        inodes = {name: _file(store, name) for name in names}
        committed = dict.fromkeys(names, b"")
        await store.commit()
        for generation in range(6):
            name = dice.choice(names)
            body = bytes([generation + 65]) * dice.randrange(60_000)
            await store.truncate(inodes[name], 0)
            await store.write(inodes[name], 0, body)
            stop_after = dice.randrange(40) * layout.BLOCK_SIZE
            with suppress(OSError):
                device.write = _failing_after(device, stop_after)  # type: ignore[method-assign, assignment]
                await store.commit()
                committed[name] = body
            del device.write
            survivor = device.after_crash(seed)
            assert await check(survivor) == []
            for one in names:
                assert await _content(survivor, one) in {committed[one], body}
            if committed[name] != body:
                await store.commit()
                committed[name] = body

    asyncio.run(run())


def _failing_after(
    device: MemoryDevice, budget: int
) -> Callable[[int, bytes], Coroutine[Any, Any, None]]:
    left = budget
    plain = MemoryDevice.write

    async def write(offset: int, data: bytes) -> None:
        nonlocal left
        if left < len(data):
            await plain(device, offset, data[: left // 512 * 512])
            raise OSError(errno.EIO, "the device failed")
        left -= len(data)
        await plain(device, offset, data)

    return write


def test_damage_is_found() -> None:
    async def run() -> None:
        device, store = await _fresh()
        first, second = _file(store, "a"), _file(store, "b")
        await store.write(first, 0, b"x" * 5000)
        second.blocks = list(first.blocks)
        await store.commit()
        assert any("owned by inodes" in line for line in await check(device))
        device.stable[layout.RESERVED : layout.DATA_OFFSET] = bytes(2 * layout.SLOT_SIZE)
        assert await check(device) == ["neither metadata slot is intact"]
        with pytest.raises(OSError, match="no file system"):
            await ContentStore.load(device)

    asyncio.run(run())


def test_a_larger_device_is_taken_in_and_the_files_stay() -> None:
    async def run() -> None:
        device, store = await _fresh()
        await store.write(_file(store, "a"), 0, b"x" * 100_000)
        await store.commit()
        before = store.free.total
        device.stable.extend(bytes(2 * MEGABYTE))
        device.size += 2 * MEGABYTE

        await grow(device)

        grown = await ContentStore.load(device)
        assert grown.free.total == before + 2 * MEGABYTE // layout.BLOCK_SIZE
        assert await _content(device, "a") == b"x" * 100_000
        assert await check(device) == []

    asyncio.run(run())
