"""What does a first setup find on this host? One thing after the other: no agent runs beside it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hafailover.errors import KeyFileError
from hafailover.lineage.evidence import misfit
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.runtime.codec import decode
from hafailover.runtime.record_slots import read_slots
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.facts import Content, Holding, Intent, SetupFacts, VolumeFacts
from hafailover.storage import observing
from hafailover.storage.facts import ImageFacts, StorageFacts
from hafailover.storage.geom import parse_mesh
from hafailover.storage.geom_facts import see_geom
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.observation import ObservationError
from hafailover.storage.processes import parse_processes
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.superblock import LENGTH, OFFSET, decode_superblock
from hafailover.system.file_tasks import image_facts
from hafailover.system.image_work import SECTOR, look_at_image
from hafailover.system.peer_key import read_key
from hafailover.system.runner import search_path
from hafailover.system.worker import Answer, AnswerKind

_CHUNK: Final = 1 << 20
_STAT_BLOCK: Final = 512
"""What stat(2) counts blocks in, whatever those of the file system are."""
_NOTE_BYTES_MAX: Final = 4096
FRESH: Final = ".hafailover-new"
"""Stands behind an image's name until it is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came back from a command."""

    status: int | None
    """None: it did not end in time, or could not be started."""
    output: str
    problem: str = ""


Run = Callable[[tuple[str, ...], float], Said]
"""Runs a command with a limit in seconds."""


def run_command(argv: tuple[str, ...], limit_s: float) -> Said:
    """Run a command of this host and wait for it."""
    environment = {"LC_ALL": "C", "PATH": search_path(os.environ), "HOME": "/"}
    try:
        done = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Said(status=None, output="", problem=f"did not end within {limit_s:g} s")
    except OSError as error:
        return Said(status=None, output="", problem=f"cannot be started: {error.strerror}")
    output = done.stdout.decode(errors="replace")
    problem = done.stderr.decode(errors="replace").strip()
    return Said(status=done.returncode, output=output, problem=problem)


def look(settings: NodeSettings, run: Run) -> SetupFacts:
    """Return what is there."""
    storage, classes = see_storage(settings, run)
    has_key, key_problem = _key(settings.channel.key_file)
    volumes = tuple(
        (group.name, _volume(settings, group.name, volume, storage))
        for group in settings.groups
        for volume in group.volumes
    )
    return SetupFacts(
        storage=storage,
        classes=classes,
        has_key=has_key,
        key_problem=key_problem,
        missing_directories=tuple(_missing(settings)),
        volumes=volumes,
    )


def record_path(settings: NodeSettings, group: str, volume: str) -> Path:
    """Return where a volume's record is."""
    return settings.paths.state / "lineage" / f"{group}.{volume}.record"


def note_path(settings: NodeSettings, group: str, volume: str) -> Path:
    """Return where an unfinished setup of a volume is noted."""
    return settings.paths.state / "setup" / f"{group}.{volume}.json"


def see_image(path: str) -> ImageFacts:
    """Return what is seen of an image file."""
    try:
        seen = look_at_image(path=path)
    except OSError as error:
        return ImageFacts(exists=True, problem=f"{path}: {error.strerror}")
    return image_facts(Answer(kind=AnswerKind.DONE, result=seen))


def see_storage(settings: NodeSettings, run: Run) -> tuple[StorageFacts, tuple[str, ...]]:
    """Return what is seen of the storage, and the GEOM classes that are there."""
    looks = (observing.look_at_geom(), observing.look_at_mounts(), observing.look_at_processes())
    texts, problems = [], []
    for step in looks:
        said = run(step.argv, step.deadline / 1e9)
        texts.append(said.output)
        if said.status != 0:
            problems.append(f"{step.verb}: {said.problem or said.status}")
    images = {
        volume.image: see_image(volume.image)
        for group in settings.groups
        for volume in group.volumes
    }
    if problems:
        return StorageFacts(problem="; ".join(problems)), ()
    try:
        geom = see_geom(texts[0])
        facts = StorageFacts(
            memory_disks=geom.memory_disks,
            gates=geom.gates,
            mirrors=geom.mirrors,
            label_providers=geom.label_providers,
            mounts=parse_mounts(texts[1]),
            processes=parse_processes(texts[2]),
            images=tuple(images.items()),
        )
        return facts, tuple(parse_mesh(texts[0]).classes)
    except ObservationError as error:
        return StorageFacts(problem=str(error)), ()


def _key(path: Path) -> tuple[bool, str]:
    if not path.exists():
        return False, ""
    try:
        read_key(path)
    except KeyFileError as error:
        return True, error.message
    return True, ""


def _missing(settings: NodeSettings) -> Iterable[str]:
    wanted = [
        settings.paths.state,
        settings.paths.state / "lineage",
        settings.paths.state / "setup",
    ]
    wanted.append(settings.channel.key_file.parent)
    for group in settings.groups:
        for volume in group.volumes:
            wanted += [Path(volume.image).parent, Path(volume.mount_point)]
    return [str(path) for path in dict.fromkeys(wanted) if not path.is_dir()]


def _volume(
    settings: NodeSettings, group: str, volume: VolumeSettings, storage: StorageFacts
) -> VolumeFacts:
    image = storage.image(volume.image) or ImageFacts(exists=False)
    record = read_record(record_path(settings, group, volume.name), group, volume.name)
    intent = _intent(note_path(settings, group, volume.name), image)
    content = None
    if image.exists and not image.problem:
        is_known = record is not None or intent is not None
        content = read_content(volume.image, image.size_bytes, is_quick=is_known)
    return VolumeFacts(
        settings=volume,
        content=content,
        intent=intent,
        record=record,
        misfit="" if record is None else misfit(record, image, volume.size_bytes),
        free_bytes=room(Path(volume.image).parent) + _left_over(volume.image),
    )


def read_record(path: Path, group: str, volume: str) -> LineageRecord | None:
    """Return the record; one that cannot be read is there all the same, and fits no image."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return LineageRecord(doubt=error.strerror or "")
    record = read_slots(content, group=group, volume=volume).record
    is_blank = record.copy is CopyState.UNKNOWN and not content.strip(b"\0")
    return None if is_blank else record


def _intent(path: Path, image: ImageFacts) -> Intent | None:
    """Return what is noted, if it is about the image that is there."""
    try:
        content = path.read_bytes()[:_NOTE_BYTES_MAX]
    except OSError:
        return None
    try:
        intent = decode_note(content)
    except ValueError:
        return None
    is_same = image.exists and (image.inode, image.birth_ns) == (intent.inode, intent.birth_ns)
    return intent if is_same else None


def decode_note(content: bytes) -> Intent:
    """Read a note.

    Raises:
        ValueError: It is none.
    """
    # Not strict: a setup may have been begun by another version.
    return decode(Intent, json.loads(content), strict=False)


def read_content(path: str, size: int, *, is_quick: bool) -> Content:
    """Say what an image holds, its last sector left out; quick = only whether it is a file system."""
    try:
        with Path(path).open("rb") as file:
            file.seek(OFFSET)
            block = decode_superblock(file.read(LENGTH))
            if block is not None:
                return Content(holding=Holding.FILE_SYSTEM, superblock=block)
            if is_quick:
                return Content(holding=Holding.UNREAD)
            file.seek(0)
            end = size - SECTOR
            while (at := file.tell()) < end:
                chunk = file.read(min(_CHUNK, end - at))
                rest = chunk.lstrip(b"\0")
                if rest or not chunk:
                    return Content(holding=Holding.OTHER, first_byte=at + len(chunk) - len(rest))
    except OSError:
        return Content(holding=Holding.UNREAD)
    return Content(holding=Holding.NOTHING)


def _left_over(image: str) -> int:
    """Return what a setup that was cut off left of an image: the next one begins by giving it back."""
    try:
        return Path(f"{image}{FRESH}").lstat().st_blocks * _STAT_BLOCK
    except OSError:
        return 0


def room(directory: Path) -> int:
    """Return how many bytes are free where a directory is, or will be."""
    while not directory.exists():
        directory = directory.parent
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize
