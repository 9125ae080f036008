"""What is there before, and in the middle of, the first setup of one volume on this node?"""

from dataclasses import dataclass
from enum import Enum

from hafailover.lineage.record import LineageRecord
from hafailover.storage.facts import StorageFacts
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.superblock import Superblock


class Part(Enum):
    """What this node's copy is at the beginning; the value is the word for people."""

    SOURCE = "source"
    """Holds the data: an empty file system, or one that was there."""
    TARGET = "target"
    """Is copied over as soon as both agents run."""


class Phase(Enum):
    """How far the setup of an image has come."""

    MADE = "made"
    """The image is ours to overwrite: it was made here, or it held nothing but zeros."""
    FORMATTED = "formatted"
    """The file system on it is whole."""
    ADOPTED = "adopted"
    """What is on it is kept."""
    GIVEN_UP = "given up"
    """What is on it may be overwritten by the rebuild; the operator has said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What an unfinished setup has noted, durably, about one image."""

    part: Part
    phase: Phase
    inode: int
    birth_ns: int
    lineage: str
    close_id: str
    """Of the marker that the image gets at the end."""
    gates: tuple[tuple[int, str], ...] = ()
    """Unit and info of the mirror's ggates: once the mirror has gone, nothing else says that they belonged to it."""


class Holding(Enum):
    """What an image holds."""

    NOTHING = "nothing but zeros"
    FILE_SYSTEM = "a UFS file system"
    OTHER = "data"
    UNREAD = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What was found by reading an image, its last sector left out."""

    holding: Holding
    first_byte: int = 0
    """Where the first byte that is not zero is."""
    superblock: Superblock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFacts:
    """One volume on this node."""

    settings: VolumeSettings
    content: Content | None = None
    """None: there is no image."""
    intent: Intent | None = None
    """Of an unfinished setup of this very image."""
    record: LineageRecord | None = None
    misfit: str = ""
    """Why the record is not one of this image."""
    free_bytes: int = 0
    """Room where the image is, or will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupFacts:
    """This host."""

    storage: StorageFacts
    classes: tuple[str, ...]
    """The GEOM classes that are there."""
    key_problem: str = ""
    has_key: bool = False
    missing_directories: tuple[str, ...] = ()
    volumes: tuple[tuple[str, VolumeFacts], ...] = ()
    """Group name and volume, in the order of the configuration."""
