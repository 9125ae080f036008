"""What does gmirror write into the last sector of a component?

Version 4 (sys/geom/mirror/g_mirror.h), little-endian, 135 bytes, the rest of the sector zero:
magic 0-15, version 16, name 20-35, mid 36, did 40, all 44 (1 byte), genid 45, syncid 49,
priority 53 (1), slice 54, balance 58 (1), mediasize 59 (8), sectorsize 67, sync_offset 71 (8),
mflags 79 (8), dflags 87 (8), hcprovider 95-110, provsize 111 (8), MD5 of bytes 0-118 at 119.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"GEOM::MIRROR"
VERSION: Final = 4
NAME_LIMIT: Final = 15

DIRTY: Final = 0x01
SYNCHRONIZING: Final = 0x02
FORCE_SYNC: Final = 0x04
INACTIVE: Final = 0x08
HARDCODED: Final = 0x10
CANDELETE: Final = 0x40
DISK_MASK: Final = DIRTY | SYNCHRONIZING | FORCE_SYNC | INACTIVE | CANDELETE

NOAUTOSYNC: Final = 1
NOFAILSYNC: Final = 2

BALANCES: Final = ("none", "round-robin", "load", "split", "prefer")
"""Names of the balance algorithms by their number."""

_BODY = struct.Struct("<16sI16sIIBIIBIBQIQQQ16sQ")
_DIGEST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """One component's sector, decoded; sizes in bytes."""

    name: str
    mid: int
    did: int
    components: int
    genid: int = 0
    syncid: int = 1
    priority: int = 0
    slice: int = 4096
    balance: int = 2
    mediasize: int
    sectorsize: int = 512
    sync_offset: int = 0
    mflags: int = 0
    dflags: int = 0
    provider: str = ""
    provsize: int
    version: int = VERSION

    def encode(self, sectorsize: int = 512) -> bytes:
        """Return the whole sector."""
        body = _BODY.pack(
            MAGIC,
            self.version,
            self.name.encode(),
            self.mid,
            self.did,
            self.components,
            self.genid,
            self.syncid,
            self.priority,
            self.slice,
            self.balance,
            self.mediasize,
            self.sectorsize,
            self.sync_offset,
            self.mflags,
            self.dflags,
            self.provider.encode(),
            self.provsize,
        )
        return (body + _md5(body)).ljust(sectorsize, b"\0")

    @property
    def digest(self) -> str:
        """The MD5 that the sector carries, in hexadecimal."""
        start = _BODY.size
        return self.encode()[start : start + _DIGEST].hex()


def _md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


def decode(sector: bytes) -> Metadata | None:
    """Return what a sector says, or None if it is not (intact) metadata of version 4."""
    if not sector.startswith(MAGIC):
        return None
    body = sector[: _BODY.size]
    if _md5(body) != sector[_BODY.size : _BODY.size + _DIGEST]:
        return None
    fields = _BODY.unpack(body)
    return Metadata(
        version=fields[1],
        name=fields[2].rstrip(b"\0").decode("ascii", "replace"),
        mid=fields[3],
        did=fields[4],
        components=fields[5],
        genid=fields[6],
        syncid=fields[7],
        priority=fields[8],
        slice=fields[9],
        balance=fields[10],
        mediasize=fields[11],
        sectorsize=fields[12],
        sync_offset=fields[13],
        mflags=fields[14],
        dflags=fields[15],
        provider=fields[16].rstrip(b"\0").decode("ascii", "replace"),
        provsize=fields[17],
    )


def disk_words(dflags: int) -> str:
    """Name the flags as `gmirror dump` does: each word with a blank before it."""
    if dflags == 0:
        return " NONE"
    words = ((DIRTY, "DIRTY"), (SYNCHRONIZING, "SYNCHRONIZING"), (FORCE_SYNC, "FORCE_SYNC"))
    return "".join(f" {word}" for bit, word in (*words, (INACTIVE, "INACTIVE")) if dflags & bit)


def mirror_words(mflags: int) -> str:
    """Name a mirror's flags as `gmirror dump` does."""
    if mflags == 0:
        return " NONE"
    words = ((NOFAILSYNC, "NOFAILSYNC"), (NOAUTOSYNC, "NOAUTOSYNC"))
    return "".join(f" {word}" for bit, word in words if mflags & bit)
