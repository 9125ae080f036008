"""What is there before, and in the middle of, the enlarging of one volume on this node?"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from hafailover.lineage.record import LineageRecord
from hafailover.setup.refusals import Refused
from hafailover.storage.facts import StorageFacts
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.superblock import Superblock
from hafailover.units import Nanoseconds, seconds


class GrowthPhase(Enum):
    """How far the enlarging of an image has come."""

    ENLARGING = "enlarging"
    """Zeros are being written behind its old end; nothing before that is touched."""
    ENLARGED = "enlarged"
    """Every block is there; what is before the old end is as it was, the marker in the old last sector included."""
    GROWN = "grown"
    """The file system reaches to the new end, and was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What an unfinished enlarging has noted, durably, about one image."""

    phase: GrowthPhase
    wanted: int
    """Bytes of the image at the end."""
    was: int
    """Bytes of the image before: from there on zeros may be written."""
    file_system: int
    """Bytes of the file system before; 0 on the node whose copy is rebuilt anyway."""
    is_suspect: bool
    """Whether growfs may have been cut off: then only a full check says what the cylinder groups hold."""
    inode: int
    birth_ns: int
    close_id: str
    """Of the marker that the image gets at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthFacts:
    """One volume on this node, and the host around it."""

    group: str
    settings: VolumeSettings
    """As the configuration file says now."""
    storage: StorageFacts
    classes: tuple[str, ...]
    """The GEOM classes that are there."""
    record: LineageRecord | None
    misfit: str
    """Why the record is not one of the image, whatever the image's size."""
    growth: Growth | None
    """Of an unfinished enlarging of this very image."""
    superblock: Superblock | None
    free_bytes: int
    """Room beside the image."""
    edit_problem: str = ""
    """Why the size cannot be put into the configuration file."""


class GrowthTask(Enum):
    """What kind of work a step is."""

    NOTE = "note how far it is"
    ENLARGE = "enlarge the image"
    CUT_BACK = "cut the image back to what it was"
    RUN = "run a command"
    BIND = "mark the image and write its record"
    CONFIGURE = "change the configuration"
    FORGET_NOTE = "remove the note"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthStep:
    """One step; it is done, or not, when one looks, and can be done again."""

    task: GrowthTask
    text: str
    """What it does, for people."""
    argv: tuple[str, ...] = ()
    deadline: Nanoseconds = seconds(60)
    before: Growth | None = None
    """What is noted, durably, before the command runs."""
    after: Growth | None = None
    """What is noted when it is done."""
    size: int = 0


GrowthPlan: TypeAlias = tuple[GrowthStep, ...] | Refused
