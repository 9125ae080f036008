"""What does the enlarging of a volume find on this host? No agent runs beside it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from hafailover.config.load import read_text
from hafailover.config.problems import ConfigErrors
from hafailover.config.resize import NotEditableError, with_size
from hafailover.lineage.evidence import misfit
from hafailover.lineage.record import LineageRecord
from hafailover.runtime.codec import decode
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.growth import Growth, GrowthFacts
from hafailover.storage.facts import ImageFacts
from hafailover.storage.settings import VolumeSettings
from hafailover.system.growth_notes import growth_path
from hafailover.system.setup_looks import (
    Run,
    read_content,
    read_record,
    record_path,
    room,
    see_storage,
)

_NOTE_BYTES_MAX: Final = 4096


def look_at_growth(
    settings: NodeSettings, group: str, volume: str, run: Run, edit_problem: str
) -> GrowthFacts:
    """Return what is there."""
    found = next(each for each in settings.groups if each.name == group)
    own = next(each for each in found.volumes if each.name == volume)
    storage, classes = see_storage(settings, run)
    image = storage.image(own.image) or ImageFacts(exists=False)
    growth = _growth(growth_path(settings.paths, group, volume), image)
    record = read_record(record_path(settings, group, volume), group, volume)
    content = None
    if image.exists and (growth is not None or not image.problem):
        # Where zeros were being written the size may be odd, and yet the beginning is there.
        content = read_content(own.image, image.size_bytes, is_quick=True)
    return GrowthFacts(
        group=group,
        settings=own,
        storage=storage,
        classes=classes,
        record=record,
        misfit="" if record is None else _misfit(record, image, growth),
        growth=growth,
        superblock=content.superblock if content is not None else None,
        free_bytes=room(Path(own.image).parent),
        edit_problem=edit_problem,
    )


def _misfit(record: LineageRecord, image: ImageFacts, growth: Growth | None) -> str:
    """Say why the record is not one of the image, whose size it may not know yet.

    While the image grows its last sector is not where the record says, and the note, which is of the same inode and
    birth, vouches for it.
    """
    if record.binding is None:
        return record.doubt or "it is bound to no image"
    bound = record.binding
    if growth is None and bound.size_bytes != image.size_bytes:
        return f"the image has {image.size_bytes} bytes, the record says {bound.size_bytes}"
    if growth is not None and bound.size_bytes != growth.wanted:
        is_same = (bound.inode, bound.birth_ns) == (image.inode, image.birth_ns)
        return "" if is_same else "the record belongs to another file"
    return misfit(record, image, bound.size_bytes)


def _growth(path: Path, image: ImageFacts) -> Growth | None:
    """Return what is noted, if it is about the image that is there."""
    try:
        growth = decode_growth(path.read_bytes()[:_NOTE_BYTES_MAX])
    except (OSError, ValueError):
        return None
    is_same = image.exists and (image.inode, image.birth_ns) == (growth.inode, growth.birth_ns)
    return growth if is_same else None


def decode_growth(content: bytes) -> Growth:
    """Read a note.

    Raises:
        ValueError: It is none.
    """
    return decode(Growth, json.loads(content))


def edited(path: Path, node: str, group: str, volume: str, size: str) -> str:
    """Return the configuration file's text with another size of one volume, and nothing else changed.

    Raises:
        NotEditableError: The file has to be changed by a person.
    """
    before = path.read_text()
    after = with_size(before, group, volume, size)
    try:
        settings = [read_text(text, str(path)).settings(node) for text in (before, after)]
    except ConfigErrors as error:
        raise NotEditableError(f"with size: {size} it is refused: {error}") from error
    old, new = (_volumes(each) for each in settings)
    changed = {name for name in old if old[name] != new.get(name)}
    if (
        changed - {(group, volume)}
        or replace(old[group, volume], size_bytes=new[group, volume].size_bytes)
        != new[group, volume]
    ):
        raise NotEditableError("more than this one size would change")
    return after


def _volumes(settings: NodeSettings) -> dict[tuple[str, str], VolumeSettings]:
    return {(group.name, each.name): each for group in settings.groups for each in group.volumes}
