"""What does a loss of power take back from an image file?

Whoever writes an image without syncing it appends what the bytes were before to a journal in
``ROOT/var/undo``; a flush empties it. A record: offset 8, length 4, time 8 (monotonic nanoseconds),
then the old bytes. At a power-off the bytes come back, unless the page cache says that they had
reached the disk meanwhile: another process may have synced the file, as the agent does.
"""

import ctypes
import os
import random
import struct
import time
from pathlib import Path
from typing import Final

_RECORD: Final = struct.Struct(">QIQ")
_PAGE: Final = 4096
_SECTOR: Final = 512
_LIMIT: Final = 64 << 20
"""A longer journal is emptied: memory is scarce, the host writes dirty pages out."""
_SYNCER_NS: Final = 30 * 10**9
"""The syncer writes out what is older than this."""
_YOUNG_NS: Final = 10**9
"""Where the page cache cannot be asked, only what is younger than this is taken back."""
_SYS_CACHESTAT: Final = 451


def directory(root: str) -> str:
    """Return where a host's journals are."""
    return f"{root}/var/undo"


class UndoJournal:
    """One image's journal, shared by every process that writes the image."""

    def __init__(self, root: str, image: str) -> None:
        os.makedirs(directory(root), exist_ok=True)  # noqa: PTH103 - pathlib costs start-up time
        name = os.path.realpath(image).replace("%", "%25").replace("/", "%2f")
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._journal = os.open(f"{directory(root)}/{name}", flags, 0o600)

    def before_write(self, image: int, offset: int, length: int) -> None:
        """Note what descriptor ``image`` holds where it is about to be written."""
        old = os.pread(image, length, offset)
        record = _RECORD.pack(offset, len(old), time.monotonic_ns()) + old
        if os.fstat(self._journal).st_size > _LIMIT:
            self.clear()
        os.write(self._journal, record)

    def clear(self) -> None:
        """Note that the image is on the disk as it is."""
        os.ftruncate(self._journal, 0)

    def close(self) -> None:
        """Let go of the journal."""
        os.close(self._journal)


def power_off(root: Path, seed: int | None = None) -> dict[str, int]:
    """Take back unsynced writes of every image of a host; return the bytes lost by image.

    ``seed`` None: everything at risk is lost. Otherwise each page's fate is drawn from the seed.
    To be called when every process of the host is dead.
    """
    lost = {}
    where = Path(directory(str(root)))
    for journal in sorted(where.iterdir()) if where.is_dir() else ():
        image = Path(journal.name.replace("%2f", "/").replace("%25", "%"))
        if image.exists():
            lost[str(image)] = _roll_back(image, journal, seed)
        journal.unlink()
    return lost


def _roll_back(image: Path, journal: Path, seed: int | None) -> int:
    old = _old_sectors(journal.read_bytes(), time.monotonic_ns())
    draw = random.Random(seed)  # noqa: S311 - reproducible, not secret
    lost = 0
    fates: dict[int, bool] = {}
    with image.open("r+b", buffering=0) as file:
        for offset, (_, age) in sorted(old.items()):
            page = offset // _PAGE
            if page not in fates:
                at_risk = _at_risk(file.fileno(), page, age)
                fates[page] = at_risk and (seed is None or draw.random() < 0.5)
        for offset, (content, _) in sorted(old.items()):
            if fates[offset // _PAGE]:
                os.pwrite(file.fileno(), content, offset)
                lost += len(content)
    return lost


def _old_sectors(journal: bytes, now: int) -> dict[int, tuple[bytes, int]]:
    """Return each sector's oldest content, with the age of the write that replaced it."""
    sectors: dict[int, tuple[bytes, int]] = {}
    position = 0
    while position + _RECORD.size <= len(journal):
        offset, length, when = _RECORD.unpack_from(journal, position)
        position += _RECORD.size
        content = journal[position : position + length]
        position += length
        if now - when <= _SYNCER_NS:
            for start in range(0, len(content), _SECTOR):
                old = (content[start : start + _SECTOR], now - when)
                sectors.setdefault(offset + start, old)
    return sectors


def _at_risk(image: int, page: int, age: int) -> bool:
    dirty = _dirty_pages(image, page * _PAGE, _PAGE)
    return age < _YOUNG_NS if dirty is None else dirty > 0


def _dirty_pages(image: int, offset: int, length: int) -> int | None:
    """Ask the page cache (cachestat(2), Linux 6.5); None if it cannot be asked."""
    wanted = (ctypes.c_uint64 * 2)(offset, length)
    answer = (ctypes.c_uint64 * 5)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(_SYS_CACHESTAT, image, ctypes.byref(wanted), ctypes.byref(answer), 0) != 0:
        return None
    return int(answer[1] + answer[2])
