"""How do lineage records get to the disk, and how is it known in time that they no longer do?

All writing is done by one worker process, one file at a time, each write with a deadline. A write
that was abandoned may still land when the kernel likes; so the file it was meant for is replaced by
a new one with the next write, and what lands late lands in a file without a name. A file that was
not understood is kept under another name before anything takes its place.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hafailover.errors import StoreError
from hafailover.group.events import Event, RecordsWritten
from hafailover.lineage.record import LineageRecord
from hafailover.runtime.record_slots import (
    SLOT_BYTES,
    SLOTS,
    RecordTooLongError,
    encode_slot,
    read_slots,
    unknown,
)
from hafailover.system.worker import Answer, AnswerKind, Worker
from hafailover.units import Nanoseconds, seconds

DEADLINE: Final = seconds(2)
"""For one write; a disk that takes longer is as good as broken for who must react in four."""
MIRROR_DELAY_S: Final = 0.2
"""After a record is durable, before it goes into the other slot too."""

Records = tuple[tuple[str, LineageRecord], ...]


@dataclass(slots=True)
class _File:
    """One record file, as it stands as far as known."""

    path: Path
    group: str
    volume: str
    record: LineageRecord | None = None
    """The last one that is durable; None = there is none."""
    next_slot: int = 0
    must_be_replaced: bool = True
    is_precious: bool = False
    """What was found at start is not understood, or could not be read: it is kept aside before it is replaced."""


class RecordStore:
    """The record files of all groups of this node."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        worker: Worker,
        *,
        directory: Path,
        volumes: Mapping[str, tuple[str, ...]],
        feed: Callable[[str, Event], None],
        trouble: Callable[[str, str], None],
    ) -> None:
        """Make a store that has read nothing yet.

        Args:
            loop: The loop of the agent.
            worker: Performs the writes.
            directory: Where the record files are.
            volumes: The names of the volumes of each group.
            feed: Takes the ``RecordsWritten`` of each group.
            trouble: Told, per group, what a write that nobody waits for came back with; empty = every record was
                written.
        """
        self._loop = loop
        self._worker = worker
        self._directory = directory
        self._feed = feed
        self._trouble = trouble
        self._files = {
            (group, volume): _File(directory / f"{group}.{volume}.record", group, volume)
            for group, names in volumes.items()
            for volume in names
        }
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def load(self) -> Mapping[str, Records]:
        """Read every record; done once, before the loop has anything to keep on time.

        Raises:
            StoreError: The directory cannot be made or used.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_directory(self._directory.parent)
        except OSError as error:
            raise StoreError(self._directory, error.strerror or str(error)) from error
        found: dict[str, Records] = {}
        for file in self._files.values():
            record = _load(file)
            found[file.group] = (*found.get(file.group, ()), (file.volume, record))
        return found

    def write(self, group: str, write_id: int, records: Records) -> None:
        """Make all of these durable; ``RecordsWritten`` follows."""
        self._start(self._write(group, write_id, records))

    async def test(self) -> None:
        """Write every record again, and tell what came of it; without a record there is nothing to tell.

        A file that must be replaced is: a disk that failed is well once it takes a whole new file.
        """
        results: dict[str, list[str | None]] = {}
        for file in self._files.values():
            async with self._turn:
                result = await self._put(file, file.record) if file.record is not None else None
            results.setdefault(file.group, []).append(result)
        for group, found in results.items():
            problem = "; ".join(each for each in found if each)
            if problem or None not in found:
                self._trouble(group, problem)

    async def watch(self, period: Nanoseconds) -> None:
        """Test again and again, for as long as the agent lives."""
        while True:
            await asyncio.sleep(period / 1e9)
            await self.test()

    def close(self) -> None:
        """Let go of what is not written yet; what was acknowledged is on the disk."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, group: str, write_id: int, records: Records) -> None:
        problems = []
        async with self._turn:
            for volume, record in records:
                problems.append(await self._put(self._files[group, volume], record))
        problem = "; ".join(found for found in problems if found)
        self._feed(group, RecordsWritten(id=write_id, problem=problem))
        if not problem:
            await asyncio.sleep(MIRROR_DELAY_S)
            await self._mirror(group, records)

    async def _mirror(self, group: str, records: Records) -> None:
        problems = []
        for volume, record in records:
            file = self._files[group, volume]
            async with self._turn:
                if file.record == record and not file.must_be_replaced:
                    problems.append(await self._put(file, record))
        if problem := "; ".join(found for found in problems if found):
            self._trouble(group, problem)

    async def _put(self, file: _File, record: LineageRecord) -> str:
        """Write one record; returns what is wrong, or nothing."""
        try:
            slot = encode_slot(file.group, file.volume, record)
        except RecordTooLongError as error:
            return str(error)
        if file.must_be_replaced:
            answer = await self._replace(file, slot)
        else:
            answer = await self._worker.call(
                "write_record",
                {"path": str(file.path), "slot": file.next_slot, "data": slot.hex()},
                DEADLINE,
            )
        if answer.is_done:
            file.record = record
            file.must_be_replaced = False
            file.next_slot = 1 - file.next_slot
            return ""
        if answer.kind is not AnswerKind.NOT_BEGUN:
            # What it left behind, or will still do, is unknown: the next write takes a new file.
            file.must_be_replaced = True
        return f"{file.path}: {answer.problem}"

    async def _replace(self, file: _File, slot: bytes) -> Answer:
        """Put a new file in the place of one that is missing, not understood, or abandoned."""
        if file.is_precious:
            aside = f"{file.path}.kept-{time.time_ns()}"
            paths = {"path": str(file.path), "aside": aside}
            kept = await self._worker.call("keep_file", paths, DEADLINE)
            if not kept.is_done:
                return kept
            file.is_precious = False
        arguments = {"path": str(file.path), "data": (slot * SLOTS).hex()}
        return await self._worker.call("write_file", arguments, DEADLINE)


def _load(file: _File) -> LineageRecord:
    try:
        content = file.path.read_bytes()[: SLOTS * SLOT_BYTES + 1]
    except FileNotFoundError:
        return unknown("there is no record")
    except OSError as error:
        file.is_precious = True
        return unknown(f"the record cannot be read: {error.strerror}")
    reading = read_slots(content, group=file.group, volume=file.volume)
    file.next_slot = reading.next_slot
    file.is_precious = reading.is_precious
    if reading.record.sequence and not reading.is_precious:
        file.record = reading.record
        file.must_be_replaced = False
    return reading.record


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
