"""How does a UFS2 lie on its device: cylinder groups, inodes, directories?

Only what it takes to tell whose a block is. Spec: struct fs and struct cg in sys/ufs/ffs/fs.h, struct ufs2_dinode in
sys/ufs/ufs/dinode.h, struct direct in sys/ufs/ufs/dir.h, of a little-endian host. A file system that is in use, or was
never unmounted, is read as it lies there: nothing here may trust a number, and nothing raises for a strange one.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from hafailover.storage.superblock import LENGTH, decode_superblock

ROOT: Final = 2
"""The inode of the root directory."""
DIRECT: Final = 12
"""So many blocks are named by the inode itself."""
INODE_BYTES: Final = 256

_DIRECTORY, _REGULAR, _LINK, _KIND = 0o040000, 0o100000, 0o120000, 0o170000
_LAYOUT: Final = struct.Struct("<8x4i20xI3i")
"""Where superblock, cylinder group, inodes and data begin in a group; groups; block, fragment, fragments of a block."""
_GROUP: Final = struct.Struct("<Ii")
_AT_GROUP: Final = 184
_AT_SIZE: Final = 1080
_CG_MAGIC: Final = 0x090255
_CG_MAGIC_AT: Final = 4
_CG_USED_AT: Final = 92
_CG_COUNTS_AT: Final = 116
_INODE: Final = struct.Struct("<HhIII2Q4q4i")
"""Mode, links, user, group, block size, bytes, sectors; four times: access, change, inode, birth; their nanoseconds."""
_POINTERS: Final = struct.Struct("<12q3q")
_AT_EXTRA: Final = 92
_EXTRA: Final = struct.Struct("<i2q")
_AT_POINTERS: Final = 112
_ENTRY: Final = struct.Struct("<IHBB")
_GROUPS_MAX: Final = 1 << 20
_BLOCK_MAX: Final = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things are; counts of fragments, unless the name says otherwise."""

    groups: int
    group_size: int
    inodes_per_group: int
    header_at: int
    inodes_at: int
    data_at: int
    size: int
    block_bytes: int
    fragment_bytes: int

    @property
    def pointers(self) -> int:
        """How many addresses are in one indirect block."""
        return self.block_bytes // 8

    def inode_offset(self, number: int) -> int:
        """Return the byte at which an inode begins."""
        group, index = divmod(number, self.inodes_per_group)
        return (group * self.group_size + self.inodes_at) * self.fragment_bytes + index * 256

    def header_offset(self, group: int) -> int:
        """Return the byte at which the header of a cylinder group begins."""
        return (group * self.group_size + self.header_at) * self.fragment_bytes

    def own_span(self, group: int) -> tuple[int, int]:
        """Return (offset, bytes) of what the file system keeps for itself in a group, inodes included."""
        begin = group * self.group_size
        return begin * self.fragment_bytes, self.data_at * self.fragment_bytes

    def offset(self, block: int) -> int | None:
        """Return the byte at which a block begins; None for none, or one outside of the file system."""
        return block * self.fragment_bytes if 0 < block < self.size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inode:
    """One file, as far as it is needed."""

    number: int
    mode: int
    links: int
    size: int
    modified_s: int
    """When its content was changed last, in seconds since 1970."""
    direct: tuple[int, ...]
    indirect: tuple[int, ...]
    extra: tuple[int, ...]
    """Blocks of its extended attributes."""
    stamp: bytes
    """All of it but the time of the last access and what is no file's."""

    @property
    def is_directory(self) -> bool:
        """Whether it holds names."""
        return self.mode & _KIND == _DIRECTORY

    @property
    def has_blocks(self) -> bool:
        """Whether its addresses are addresses: devices and short symbolic links keep something else there."""
        kind = self.mode & _KIND
        return kind in (_DIRECTORY, _REGULAR) or (kind == _LINK and self.size >= (DIRECT + 3) * 8)


def decode_layout(block: bytes) -> Layout | None:
    """Return the layout that the superblock tells, None if it is no UFS2, or none that makes sense."""
    if decode_superblock(block) is None:
        return None
    _, header, inodes, data, groups, block_bytes, fragment_bytes, _ = _LAYOUT.unpack_from(block)
    per_group, group_size = _GROUP.unpack_from(block, _AT_GROUP)
    size = int.from_bytes(block[_AT_SIZE : _AT_SIZE + 8], "little", signed=True)
    is_sane = (
        0 < groups <= _GROUPS_MAX
        and 512 <= fragment_bytes <= block_bytes <= _BLOCK_MAX
        and block_bytes % fragment_bytes == 0
        and 0 < header < inodes < data <= group_size
        and 0 < per_group <= (data - inodes) * fragment_bytes // INODE_BYTES
        and 0 < size <= groups * group_size
    )
    if not is_sane:
        return None
    return Layout(
        groups=groups,
        group_size=group_size,
        inodes_per_group=per_group,
        header_at=header,
        inodes_at=inodes,
        data_at=data,
        size=size,
        block_bytes=block_bytes,
        fragment_bytes=fragment_bytes,
    )


def used_inodes(layout: Layout, group: int, header: bytes) -> Iterator[int]:
    """Yield the numbers of the inodes that are in use in a cylinder group whose header this is."""
    if int.from_bytes(header[_CG_MAGIC_AT : _CG_MAGIC_AT + 4], "little") != _CG_MAGIC:
        return
    begin = int.from_bytes(header[_CG_USED_AT : _CG_USED_AT + 4], "little")
    initialised = int.from_bytes(header[_CG_COUNTS_AT + 4 : _CG_COUNTS_AT + 8], "little")
    count = min(layout.inodes_per_group, initialised)
    bits = header[begin : begin + (count + 7) // 8]
    for at, byte in enumerate(bits):
        if byte:
            for bit in range(8):
                if byte >> bit & 1 and at * 8 + bit < count:
                    yield group * layout.inodes_per_group + at * 8 + bit


def decode_inode(number: int, raw: bytes) -> Inode | None:
    """Return what its 256 bytes say; None if it is free."""
    if len(raw) < INODE_BYTES:
        return None
    mode, links, _, _, _, size, _, _, modified, _, _, _, _, _, _ = _INODE.unpack_from(raw)
    if mode & _KIND == 0:
        return None
    addresses = _POINTERS.unpack_from(raw, _AT_POINTERS)
    extra_bytes, *extra = _EXTRA.unpack_from(raw, _AT_EXTRA)
    return Inode(
        number=number,
        mode=mode,
        links=links,
        size=size,
        modified_s=modified,
        direct=addresses[:DIRECT],
        indirect=addresses[DIRECT:],
        extra=tuple(extra) if extra_bytes > 0 else (),
        stamp=raw[:32] + raw[40:68] + raw[72:232],
    )


def names_in(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield (inode, name) of a directory's content, its own name and its parent's left out."""
    at = 0
    while at + _ENTRY.size <= len(content):
        inode, length, _, name_length = _ENTRY.unpack_from(content, at)
        if length < _ENTRY.size:
            return
        name = content[at + _ENTRY.size : at + _ENTRY.size + name_length]
        if inode and name not in (b"", b".", b".."):
            yield inode, name.decode(errors="backslashreplace")
        at += length


assert LENGTH == 1376  # noqa: S101 - the offsets above are those of this version of struct fs
