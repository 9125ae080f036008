"""What do the files hold, and when is it on the device?

Writes stay in memory until ``commit``. A commit writes the data, flushes, writes the tree into the
older of the two slots, flushes again: whenever it is cut short, the state of the last whole commit
is there.
"""

from __future__ import annotations

import asyncio
import errno
import time
from typing import TYPE_CHECKING, Final

from hafailover.lab.ufs import layout
from hafailover.lab.ufs.blocks import FreeBlocks
from hafailover.lab.ufs.layout import BLOCK_SIZE, SLOT_OFFSETS, SLOT_SIZE, Slot
from hafailover.lab.ufs.tree import HOLE, Inode, Tree

if TYPE_CHECKING:
    from hafailover.lab.ufs.device import BlockDevice

DIRTY_LIMIT: Final = 1024
"""Cached blocks above which a writer waits for a commit, so that memory stays bounded."""

_TRANSFER: Final = 32
"""Blocks written to the device at once."""

_Pages = dict[int, bytearray]
"""Cached bytes by data block."""


async def format_device(device: BlockDevice) -> None:
    """Write an empty file system behind the reserved first 64 KiB.

    Raises:
        OSError: ENOSPC when the device is too small; what the device says.
    """
    blocks = layout.data_blocks_on(device.size)
    if blocks < 1:
        raise OSError(errno.ENOSPC, "the device is too small for a file system")
    text = Tree.with_root(time.time_ns()).encode()
    blank = bytes(device.sector_size)
    await device.write(SLOT_OFFSETS[0], blank)
    await device.write(SLOT_OFFSETS[1], blank)
    slot = Slot(sequence=1, data_blocks=blocks, text=text)
    await device.write(slot.offset, slot.encode(device.sector_size))
    await device.flush()


async def grow(device: BlockDevice) -> None:
    """Use all of a device that has become larger; what is on it stays.

    Raises:
        OSError: EINVAL when there is no intact file system; what the device says.
    """
    slot = await _newest_slot(device)
    if slot is None:
        raise OSError(errno.EINVAL, "no file system on the device")
    blocks = max(slot.data_blocks, layout.data_blocks_on(device.size))
    grown = Slot(sequence=slot.sequence + 1, data_blocks=blocks, text=slot.text)
    await device.write(grown.offset, grown.encode(device.sector_size))
    await device.flush()


async def check(device: BlockDevice) -> list[str]:
    """Return what is wrong with the content on ``device``; nothing wrong is an empty list."""
    slot = await _newest_slot(device)
    if slot is None:
        return ["neither metadata slot is intact"]
    if slot.data_blocks > layout.data_blocks_on(device.size):
        return [f"formatted for {slot.data_blocks} blocks, the device is smaller"]
    try:
        tree = Tree.decode(slot.text)
    except (ValueError, TypeError, KeyError) as problem:
        return [f"the tree cannot be read: {problem}"]
    return tree.findings(slot.data_blocks)


async def _newest_slot(device: BlockDevice) -> Slot | None:
    """Return the intact metadata slot that counts."""
    raw = [await device.read(offset, SLOT_SIZE) for offset in SLOT_OFFSETS]
    return layout.newest(tuple(layout.decode_slot(one) for one in raw))


class ContentStore:
    """A file system's tree and bytes, cached, over one device."""

    def __init__(self, device: BlockDevice, slot: Slot, tree: Tree) -> None:
        """Serve ``tree`` as the committed state ``slot`` of ``device``."""
        self._device = device
        self._sequence = slot.sequence
        self._data_blocks = slot.data_blocks
        self.tree = tree
        used = {b for inode in tree.inodes.values() for b in inode.blocks if b != HOLE}
        self.free = FreeBlocks(slot.data_blocks, used)
        self._dirty: _Pages = {}
        self._flushing: _Pages = {}
        self._tree_changed = False
        self._committing = asyncio.Lock()

    @classmethod
    async def load(cls, device: BlockDevice) -> ContentStore:
        """Read the committed state from ``device``.

        Raises:
            OSError: EINVAL when there is no intact file system; what the device says.
        """
        slot = await _newest_slot(device)
        if slot is None or slot.data_blocks > layout.data_blocks_on(device.size):
            raise OSError(errno.EINVAL, "no file system on the device")
        return cls(device, slot, Tree.decode(slot.text))

    @property
    def unsaved(self) -> bool:
        """Whether anything waits for a commit."""
        return bool(self._dirty) or self._tree_changed

    def changed(self, *inodes: Inode) -> None:
        """Note that ``inodes`` differ from what is on the device."""
        for inode in inodes:
            inode.text = None
        self._tree_changed = True

    async def read(self, inode: Inode, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes of a file; fewer at its end."""
        length = min(length, inode.size - offset)
        if length <= 0:
            return b""
        first, last = offset // BLOCK_SIZE, (offset + length - 1) // BLOCK_SIZE
        parts = []
        index = first
        while index <= last:
            part, count = await self._read_run(inode, index, last)
            parts.append(part)
            index += count
        start = offset - first * BLOCK_SIZE
        return b"".join(parts)[start : start + length]

    async def write(self, inode: Inode, offset: int, data: bytes) -> None:
        """Put ``data`` into a file, growing it as needed, in memory.

        Raises:
            OSError: ENOSPC before anything of a block is changed; what the device says to a read.
        """
        position = 0
        while position < len(data):
            index, start = divmod(offset + position, BLOCK_SIZE)
            piece = data[position : position + BLOCK_SIZE - start]
            page = await self._page(inode, index, whole=len(piece) == BLOCK_SIZE)
            page[start : start + len(piece)] = piece
            position += len(piece)
            inode.size = max(inode.size, offset + position)
        inode.mtime_ns = inode.ctime_ns = time.time_ns()
        self.changed(inode)
        if len(self._dirty) > DIRTY_LIMIT:
            await self.commit()

    async def truncate(self, inode: Inode, size: int) -> None:
        """Cut or extend a file to ``size`` bytes; what is added reads as zeros."""
        keep = -(-size // BLOCK_SIZE)
        if size < inode.size and size % BLOCK_SIZE and self._block(inode, keep - 1) != HOLE:
            page = await self._page(inode, keep - 1, whole=False)
            page[size % BLOCK_SIZE :] = bytes(BLOCK_SIZE - size % BLOCK_SIZE)
        self._drop_blocks(inode, keep)
        inode.size = size
        inode.mtime_ns = inode.ctime_ns = time.time_ns()
        self.changed(inode)

    def erase(self, inode: Inode) -> None:
        """Forget an inode that nothing names and nobody has open."""
        self._drop_blocks(inode, 0)
        self.tree.inodes.pop(inode.number, None)
        self._tree_changed = True

    async def commit(self) -> None:
        """Bring everything written so far to stable storage.

        Raises:
            OSError: ENOSPC when the tree no longer fits its slot; what the device says. What was
                cached stays cached, so that a later commit can succeed.
        """
        async with self._committing:
            if not self.unsaved:
                return
            text = self.tree.encode()
            if len(text) > layout.TEXT_LIMIT:
                raise OSError(errno.ENOSPC, "too many files")
            freed = self.free.take_waiting()
            self._flushing, self._dirty = self._dirty, {}
            self._tree_changed = False
            try:
                await self._write_pages()
                slot = Slot(sequence=self._sequence + 1, data_blocks=self._data_blocks, text=text)
                await self._device.write(slot.offset, slot.encode(self._device.sector_size))
                await self._device.flush()
            except BaseException:
                self._dirty = {**self._flushing, **self._dirty}
                self._tree_changed = True
                self.free.wait_again(freed)
                raise
            finally:
                self._flushing = {}
            self._sequence += 1
            self.free.committed(freed)

    async def _write_pages(self) -> None:
        """Write the pages being flushed in runs of neighbours, then flush the device."""
        if not self._flushing:
            return
        order = sorted(self._flushing)
        begin = 0
        for end in range(1, len(order) + 1):
            if end < len(order) and order[end] == order[end - 1] + 1 and end - begin < _TRANSFER:
                continue
            data = b"".join(self._flushing[block] for block in order[begin:end])
            await self._device.write(layout.block_offset(order[begin]), data)
            begin = end
        await self._device.flush()

    def _drop_blocks(self, inode: Inode, keep: int) -> None:
        for block in inode.blocks[keep:]:
            if block != HOLE:
                self._dirty.pop(block, None)
                self.free.release(block)
        del inode.blocks[keep:]

    @staticmethod
    def _block(inode: Inode, index: int) -> int:
        return inode.blocks[index] if index < len(inode.blocks) else HOLE

    async def _page(self, inode: Inode, index: int, *, whole: bool) -> bytearray:
        """Return the cached page of a file's block, made or read first if need be."""
        block = self._block(inode, index)
        if block == HOLE:
            block = await self._allocate()
            inode.blocks.extend([HOLE] * (index + 1 - len(inode.blocks)))
            inode.blocks[index] = block
            self._dirty[block] = bytearray(BLOCK_SIZE)
        elif block not in self._dirty:
            if whole:
                page = bytearray(BLOCK_SIZE)
            elif block in self._flushing:
                page = bytearray(self._flushing[block])
            else:
                page = bytearray(
                    await self._device.read(layout.block_offset(block), BLOCK_SIZE),
                )
            self._dirty.setdefault(block, page)
        return self._dirty[block]

    async def _allocate(self) -> int:
        """Take a free block, after a commit if only that makes one free."""
        try:
            return self.free.allocate()
        except OSError:
            if not self.free.waiting:
                raise
        await self.commit()
        return self.free.allocate()

    async def _read_run(self, inode: Inode, index: int, last: int) -> tuple[bytes, int]:
        """Return the bytes of blocks from ``index`` on, read at once, and how many they are."""
        block = self._block(inode, index)
        if block == HOLE:
            return bytes(BLOCK_SIZE), 1
        cached = self._dirty.get(block) or self._flushing.get(block)
        if cached is not None:
            return bytes(cached), 1
        count = 1
        while (
            index + count <= last
            and self._block(inode, index + count) == block + count
            and block + count not in self._dirty
            and block + count not in self._flushing
        ):
            count += 1
        data = await self._device.read(layout.block_offset(block), count * BLOCK_SIZE)
        return data, count
