"""How are the steps of a setup done? Each durably, and so that it can be cut off at any point."""

import contextlib
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from hafailover.errors import EdgeError
from hafailover.lineage import changes
from hafailover.lineage.record import ImageBinding, LineageRecord
from hafailover.override import override
from hafailover.runtime.codec import encode
from hafailover.runtime.record_slots import SLOTS, encode_slot
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.facts import Intent, Part
from hafailover.setup.steps import SetupStep, Task
from hafailover.storage.tail import ZERO_SECTOR, encode_marker
from hafailover.system.image_work import birth_ns, look_at_image, write_tail
from hafailover.system.setup_looks import FRESH, Run, note_path, record_path
from hafailover.system.setup_run import SteppedWork
from hafailover.system.work import replace_file, sync_directory, write_whole
from hafailover.units import SECOND

KEY_BYTES: Final = 32
_CHUNK: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Told (done, all) in bytes while an image is made."""


class SetupWork(SteppedWork[SetupStep]):
    """Does steps on this host."""

    def __init__(self, settings: NodeSettings, run: Run, boot: str, progress: Progress) -> None:
        self._settings = settings
        self._run = run
        self._boot = boot
        self._progress = progress

    @override
    def _do(self, step: SetupStep) -> str:
        match step.task:
            case Task.MAKE_KEY:
                _make_key(Path(step.path))
            case Task.MAKE_DIRECTORY:
                _make_directory(Path(step.path))
            case Task.ALLOCATE:
                self._allocate(step)
            case Task.NOTE:
                self._note(step, _given(step))
            case Task.CLEAR_TAIL:
                write_tail(path=step.path, size=step.size, sector=ZERO_SECTOR.hex())
            case Task.RUN:
                return self._command(step)
            case Task.RECORD:
                self._record(step)
            case Task.FORGET_NOTE:
                self._forget(step)
        return ""

    def _command(self, step: SetupStep) -> str:
        said = self._run(step.argv, step.deadline / SECOND)
        if said.status is None:
            raise EdgeError(f"{' '.join(step.argv)}: {said.problem}")
        if said.status == 0 and step.intent is not None:
            self._note(step, step.intent)
        return (said.problem or said.output).strip() if said.status else ""

    def _allocate(self, step: SetupStep) -> None:
        """Make the image under another name, note that it is ours, and only then give it its name."""
        fresh = f"{step.path}{FRESH}"
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            fill(descriptor, 0, step.size, self._progress)
            status = os.fstat(descriptor)
        except BaseException:
            # It may have filled the disk; what went wrong is told, and not that it could not be taken away either.
            with contextlib.suppress(OSError):
                Path(fresh).unlink()
            raise
        finally:
            os.close(descriptor)
        intent = _given(step)
        self._note(step, replace(intent, inode=status.st_ino, birth_ns=birth_ns(status)))
        Path(fresh).rename(step.path)
        sync_directory(str(Path(step.path).parent))

    def _note(self, step: SetupStep, intent: Intent) -> None:
        path = note_path(self._settings, step.group, step.volume)
        _make_directory(path.parent)
        replace_file(str(path), json.dumps(encode(Intent, intent)).encode(), 0o600)

    def _forget(self, step: SetupStep) -> None:
        path = note_path(self._settings, step.group, step.volume)
        path.unlink(missing_ok=True)
        sync_directory(str(path.parent))

    def _record(self, step: SetupStep) -> None:
        intent = _given(step)
        binding = _mark(step, intent)
        found = changes.founded_alone if step.part is Part.SOURCE else changes.founded_behind
        record = found(
            LineageRecord(sequence=1), lineage=intent.lineage, binding=binding, boot=self._boot
        )
        self._write(step, record)

    def _write(self, step: SetupStep, record: LineageRecord) -> None:
        path = record_path(self._settings, step.group, step.volume)
        _make_directory(path.parent)
        replace_file(str(path), encode_slot(step.group, step.volume, record) * SLOTS, 0o600)
        self._forget(step)


def fill(descriptor: int, start: int, size: int, progress: Progress) -> None:
    """Write zeros up to ``size``, so that every block is there: a sparse file can fail later."""
    for at in range(start, size, _CHUNK):
        write_whole(descriptor, bytes(min(_CHUNK, size - at)), at)
        progress(at, size)
    os.fsync(descriptor)


def _given(step: SetupStep) -> Intent:
    assert step.intent is not None  # noqa: S101 - the plan gives one
    return step.intent


def _mark(step: SetupStep, intent: Intent) -> ImageBinding:
    """Write the marker into the last sector, and return what binds a record to the image."""
    write_tail(path=step.path, size=step.size, sector=encode_marker(intent.close_id).hex())
    seen = look_at_image(path=step.path)
    return ImageBinding(
        device=seen["device"],
        inode=seen["inode"],
        size_bytes=step.size,
        birth_ns=seen["birth_ns"],
        close_id=intent.close_id,
    )


def _make_key(path: Path) -> None:
    replace_file(str(path), f"{secrets.token_hex(KEY_BYTES)}\n".encode(), 0o600)


def _make_directory(path: Path) -> None:
    """Make a directory that is root's alone; a mount point is one only until it is mounted on."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_directory(str(path.parent))
