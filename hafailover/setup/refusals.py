"""Why is an image not touched? Each refusal comes with what to do about it."""

from dataclasses import dataclass
from typing import Final

from hafailover.setup.facts import Holding, Intent, Part, Phase, VolumeFacts
from hafailover.storage.facts import ComponentState, MirrorState
from hafailover.storage.tail import SECTOR_SIZE
from hafailover.storage.view import VolumeView

_SYNCHRONIZING: Final = 2
_SPARE: Final = 64 << 20
"""So much room is left beside a new image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator wants."""

    part: Part
    adopts: bool = False
    """Keep what is on the image."""
    gives_up: bool = False
    """This node's copy may be overwritten."""
    new_id: str = ""
    """Random; makes the lineage and the markers of this setup."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing is done."""

    text: str
    remedy: str


def volume_refusal(volume: VolumeFacts, view: VolumeView, wishes: Wishes) -> Refused | None:
    """Return why nothing is done to a volume; None = nothing speaks against it."""
    settings, image = volume.settings, view.image
    if volume.record is not None and volume.intent is None:
        return _with_record(volume)
    foreign = mirror_refusal(view, is_written=_is_formatted(volume, wishes))
    if foreign is not None:
        return foreign
    if view.is_mounted or view.device_mounts:
        where = (view.device_mounts or (view.mount,))[0]
        point = where.mount_point if where is not None else settings.mount_point
        return Refused(
            f"{settings.device} is mounted on {point}",
            f"stop what uses it, then umount {point}, and run this again",
        )
    if image is None or not image.exists:
        need = settings.size_bytes + _SPARE
        if volume.free_bytes < need:
            return Refused(
                f"{settings.image} needs {need >> 20} MB, and {volume.free_bytes >> 20} MB are free",
                "make room, or take another place or size in the configuration, on both nodes",
            )
        if wishes.adopts and wishes.part is Part.SOURCE:
            return Refused(
                f"there is no image {settings.image} to take over",
                "put the right path into the configuration, or leave --adopt out",
            )
        return None
    if image.problem or not image.is_writable:
        return Refused(
            image.problem or f"{settings.image} cannot be written", "look at the file's permissions"
        )
    if image.size_bytes != settings.size_bytes:
        return Refused(
            f"{settings.image} has {image.size_bytes} bytes, the configuration says "
            f"{settings.size_bytes}",
            f"put size: {image.size_bytes}B into the configuration if the image is right",
        )
    if volume.intent is not None:
        return _other_part(volume.intent, wishes) or _used_meanwhile(volume)
    return _with_content(volume, view, wishes)


def mirror_refusal(view: VolumeView, *, is_written: bool) -> Refused | None:
    """Return why a mirror of the volume's name is not ours to end; ``is_written``: nor to write on."""
    mirror, settings = view.mirror, view.settings
    if mirror is None or mirror.state is MirrorState.WITHERING:
        return None
    parts = sorted(part.provider for part in mirror.components)
    shown = ", ".join(parts) or "nothing"
    if view.local is None:
        return Refused(
            f"mirror {settings.mirror} is there and does not stand on {settings.image}, but on {shown}",
            "look at gmirror status and mdconfig -lv: if it is this volume's old mirror, put the path of its "
            "image into the configuration; if it is another's, put another name there, mirror: NAME; "
            f"if it is of no use any more, gmirror destroy {settings.mirror}",
        )
    if is_written and len(parts) != 1:
        return Refused(
            f"mirror {settings.mirror} has more than the one component of this node: {shown}",
            "look at gmirror status: what is written on it is written on all; if none is of any use, "
            f"gmirror destroy {settings.mirror}, and run this again",
        )
    return None


def _is_formatted(volume: VolumeFacts, wishes: Wishes) -> bool:
    """Whether a new file system would be made."""
    if volume.intent is not None:
        return volume.intent.phase is Phase.MADE and volume.intent.part is Part.SOURCE
    is_empty = volume.content is None or volume.content.holding is Holding.NOTHING
    return is_empty and wishes.part is Part.SOURCE


def _with_record(volume: VolumeFacts) -> Refused | None:
    if not volume.misfit:
        return None
    return Refused(
        f"{volume.settings.name} has a record, and it is not one of the image that is there: "
        f"{volume.misfit}",
        "if the record is of no use any more, move it away from paths.state and run this again",
    )


def _other_part(intent: Intent, wishes: Wishes) -> Refused | None:
    if intent.part is wishes.part:
        return None
    return Refused(
        f"this node was begun as the {intent.part.value}, and is now asked to be the "
        f"{wishes.part.value}",
        f"finish it with --{intent.part.value}",
    )


def _used_meanwhile(volume: VolumeFacts) -> Refused | None:
    """Between two runs nobody has any business on the new file system."""
    block = volume.content.superblock if volume.content is not None else None
    is_ours = volume.intent is not None and volume.intent.phase in (Phase.MADE, Phase.FORMATTED)
    if not is_ours or block is None or not block.last_mount:
        return None
    return Refused(
        f"in the middle of its setup {volume.settings.image} was mounted on {block.last_mount}: it "
        "may hold data",
        "move the file away to begin anew; or, to keep what is on it, remove the note under "
        "paths.state/setup and give --adopt",
    )


def _with_content(volume: VolumeFacts, view: VolumeView, wishes: Wishes) -> Refused | None:
    """Judge an image that is there, and that no setup of ours has touched."""
    settings, content, image = volume.settings, volume.content, view.image
    assert image is not None  # noqa: S101 - the caller has looked
    if content is None or content.holding is Holding.UNREAD:
        return Refused(f"{settings.image} could not be read", "look at the disk")
    if content.holding is Holding.NOTHING and not wishes.adopts:
        return None
    if wishes.part is Part.TARGET and wishes.gives_up:
        return None
    found = content.holding.value
    if content.holding is Holding.OTHER:
        found += f", the first of it at byte {content.first_byte}"
    if wishes.part is Part.TARGET:
        return Refused(
            f"{settings.image} holds {found}",
            "if the other node's copy is the one to keep, give --give-up-this-copy",
        )
    if not wishes.adopts:
        return Refused(
            f"{settings.image} holds {found}",
            "to keep it, give --adopt; otherwise move the file away",
        )
    return _not_adoptable(volume, view)


def _not_adoptable(volume: VolumeFacts, view: VolumeView) -> Refused | None:
    settings, content, image = volume.settings, volume.content, view.image
    assert content is not None  # noqa: S101 - the caller has looked
    assert image is not None  # noqa: S101 - the caller has looked
    if content.superblock is None:
        return Refused(
            f"{settings.image} holds no UFS2 file system ({content.holding.value})",
            "only an image of a file system can be taken over; copy the files into a new volume",
        )
    if content.superblock.size_bytes > image.size_bytes - SECTOR_SIZE:
        room = -(-content.superblock.size_bytes // 4096) * 4096 + 4096
        return Refused(
            f"the file system on {settings.image} reaches into the last sector, where gmirror and "
            "hafailover keep what they need",
            f"enlarge the image on both nodes: truncate -s {room} {settings.image}; and put "
            f"size: {room}B into the configuration",
        )
    if image.metadata is not None and image.metadata.flags & _SYNCHRONIZING:
        return Refused(
            f"{settings.image} was the target of a rebuild that never finished: it is a mixture",
            "take over the other node's copy",
        )
    part = view.local
    if view.mirror is not None and (part is None or part.state is not ComponentState.ACTIVE):
        return Refused(
            f"mirror {settings.mirror} runs without {settings.image} as an ACTIVE component",
            "look at gmirror status: is it the copy that holds the data?",
        )
    return None
