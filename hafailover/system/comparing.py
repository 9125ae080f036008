"""Which blocks of two copies differ, whose are they, and how is what only this one holds kept?

Two levels of hashes: of a mebibyte each, and, only where these differ, of four kibibytes. So a volume of 500 MB that
is the same on both nodes costs some twenty kilobytes on the wire. Nothing is locked: while a volume is in use,
blocks that are written meanwhile count as different. The last sector is each node's own, and is left out.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any, Final

from hafailover.group.events import DifferencesSaved, Event
from hafailover.group.settings import GroupSettings
from hafailover.storage.settings import VolumeSettings
from hafailover.system.compare_work import DIGEST
from hafailover.system.hash_exchange import PLACES_MAX, ComparisonError, HashExchange
from hafailover.system.kept_file import PIECE_HEAD, SUFFIX, UNFINISHED
from hafailover.system.worker import Worker
from hafailover.units import seconds

COARSE: Final = 1 << 20
FINE: Final = 4096
SECTOR: Final = 512
_STRETCH: Final = 16 * COARSE
"""So much is asked for at a time."""
_KEEP_AT_ONCE: Final = 512
_KEEP_S: Final = 60
_SLOW: Final = 20 << 20
"""A disk that moves no more bytes per second is none that hangs."""

Progress = Callable[[str, int, int], None]
"""Called with a volume, the bytes that are compared, and those to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What came of comparing one volume."""

    volume: VolumeSettings
    ranges: tuple[tuple[int, int], ...] = field(default=())
    """(offset, length) of every block that differs; neighbours are one."""
    own_files: tuple[str, str] = ("", "")
    """JSON about this node's files there, as ``compare_work.files_of`` makes it, and why there is none."""
    their_files: tuple[str, str] = ("", "")
    """The same about the peer's."""

    @property
    def size_bytes(self) -> int:
        """How much differs."""
        return sum(length for _, length in self.ranges)

    @property
    def kept_bytes(self) -> int:
        """How much room that takes in a file."""
        return self.size_bytes + PIECE_HEAD * len(cut(self.ranges))


class Comparer:
    """Compares the copies of whole groups, one after the other."""

    def __init__(
        self,
        exchange: HashExchange,
        groups: Mapping[str, GroupSettings],
        *,
        directory: Path,
        worker: Callable[[], Worker],
        feed: Callable[[str, Event], None],
    ) -> None:
        """Compare through ``exchange``; what is to be kept goes into ``directory``."""
        self._exchange = exchange
        self._groups = groups
        self._directory = directory
        self._worker = worker
        self._feed = feed
        self._is_busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def compare(self, group: str, progress: Progress) -> tuple[Difference, ...]:
        """Compare every volume of a group.

        Raises:
            ComparisonError: A copy cannot be read, or a comparison is under way already.
        """
        if self._is_busy.locked():
            raise ComparisonError("a comparison is under way already")
        async with self._is_busy:
            found = await self._compare_all(group, progress)
            return tuple([await self._named(group, each) for each in found])

    def save(self, group: str, save_id: int, reason: str) -> None:
        """Put what only this node's copies hold into files; answered by ``DifferencesSaved``."""
        task = asyncio.get_running_loop().create_task(self._save(group, save_id, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Stop in the middle of whatever is under way."""
        for task in tuple(self._tasks):
            task.cancel()

    async def _compare_all(self, group: str, progress: Progress) -> tuple[Difference, ...]:
        return tuple(
            [await self._compare(group, each, progress) for each in self._groups[group].volumes]
        )

    async def _compare(self, group: str, volume: VolumeSettings, progress: Progress) -> Difference:
        found: list[tuple[int, int]] = []
        total = volume.size_bytes - SECTOR
        for offset in range(0, total, _STRETCH):
            length = min(_STRETCH, total - offset)
            for at, size in await self._differing(group, volume, offset, length, COARSE):
                join(found, await self._differing(group, volume, at, size, FINE))
            progress(volume.name, offset + length, total)
        return Difference(volume=volume, ranges=tuple(found))

    async def _named(self, group: str, difference: Difference) -> Difference:
        """Find out which files lie where the copies differ, as far as their file systems can be read."""
        if not difference.ranges:
            return difference
        name, places = difference.volume.name, difference.ranges[:PLACES_MAX]
        own, theirs = await asyncio.gather(
            self._exchange.own_files(group, name, places),
            self._exchange.their_files(group, name, places),
        )
        return replace(difference, own_files=own, their_files=theirs)

    async def _differing(
        self, group: str, volume: VolumeSettings, offset: int, length: int, block: int
    ) -> list[tuple[int, int]]:
        own, theirs = await asyncio.gather(
            self._exchange.own(group, volume.name, offset, length, block),
            self._exchange.theirs(group, volume.name, offset, length, block),
        )
        if len(own) != len(theirs):
            raise ComparisonError(f"the peer answered with {len(theirs)} bytes, not {len(own)}")
        return [
            (at, min(block, offset + length - at))
            for number, at in enumerate(range(offset, offset + length, block))
            if own[number * DIGEST : (number + 1) * DIGEST]
            != theirs[number * DIGEST : (number + 1) * DIGEST]
        ]

    async def _save(self, group: str, save_id: int, reason: str) -> None:
        try:
            async with self._is_busy:
                differences = await self._compare_all(group, lambda *_: None)
                kept = await self._keep_all(group, differences, reason)
        except ComparisonError as error:
            self._feed(group, DifferencesSaved(id=save_id, problem=str(error)))
            return
        text = " and ".join(kept) or "no block differs from the other copy"
        self._feed(group, DifferencesSaved(id=save_id, text=text))

    async def _keep_all(
        self, group: str, differences: tuple[Difference, ...], reason: str
    ) -> list[str]:
        """Keep volume by volume, if there is room for all: the files of the first ones would stay with each try."""
        needs, kept = sum(each.kept_bytes for each in differences), []
        for each in differences:
            if each.ranges:
                kept.append(await self._keep(group, each, reason, needs))
                needs -= each.kept_bytes
        return kept

    async def _keep(self, group: str, difference: Difference, reason: str, needs: int) -> str:
        settings, volume = self._groups[group], difference.volume
        stamp = time.strftime("%Y%m%dT%H%M%S")
        path = str(self._directory / f"{group}-{volume.name}-{stamp}{SUFFIX}")
        header = {
            "group": group,
            "volume": volume.name,
            "node": settings.node,
            "kept": settings.peer,
            "reason": reason,
            "wall_s": int(time.time()),
            "size_bytes": volume.size_bytes,
            "block_bytes": FINE,
        }
        try:
            await self._write(path, header, difference, needs)
        except BaseException:
            # At the end of the agent no worker is left to be asked, and the disk may hang for whoever waits for it.
            Thread(target=_remove, args=(path + UNFINISHED,), daemon=True).start()
            raise
        return f"{difference.size_bytes} bytes of {volume.name} in {path}"

    async def _write(
        self, path: str, header: dict[str, Any], difference: Difference, needs: int
    ) -> None:
        pieces, image = cut(difference.ranges), difference.volume.image
        total = difference.size_bytes
        await self._work("begin_kept", {"path": path, "header": header, "needs": needs})
        for begin in range(0, len(pieces), _KEEP_AT_ONCE):
            ranges = pieces[begin : begin + _KEEP_AT_ONCE]
            size = sum(length for _, length in ranges)
            arguments = {"path": path, "image": image, "ranges": ranges}
            await self._work("keep_blocks", arguments, moved=2 * size)
        await self._work("end_kept", {"path": path}, moved=total)

    async def _work(self, operation: str, arguments: dict[str, Any], *, moved: int = 0) -> None:
        """Have a worker do it; ``moved`` is how many bytes it reads and writes."""
        deadline = seconds(_KEEP_S + moved / _SLOW)
        answer = await self._worker().call(operation, arguments, deadline)
        if not answer.is_done:
            raise ComparisonError(f"what only this copy holds cannot be kept: {answer.problem}")


def _remove(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()


def join(found: list[tuple[int, int]], ranges: list[tuple[int, int]]) -> None:
    """Append ranges to those before them; neighbours become one.

    At once, and not at the end: two copies that have nothing in common differ in 260000 blocks for each GB, which
    the agent would hold in memory one by one.
    """
    for offset, length in ranges:
        if found and sum(found[-1]) == offset:
            found[-1] = (found[-1][0], found[-1][1] + length)
        else:
            found.append((offset, length))


def cut(ranges: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Return the ranges in pieces of at most ``COARSE`` bytes."""
    return [
        (at, min(COARSE, offset + length - at))
        for offset, length in ranges
        for at in range(offset, offset + length, COARSE)
    ]
