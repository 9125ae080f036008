"""What does a node durably know about its own copy of one volume?

The record is the only thing that decides whose data counts; gmirror's counters never do (they collide).
A record speaks of one image file: it is *bound* to it, and a record of another image is no record at all.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

FORMAT_VERSION: Final = 1
ANCESTORS_MAX: Final = 64


class CopyState(Enum):
    """What a node knows of its own copy; the value is the word in JSON and on the screen."""

    IN_SYNC = "in_sync"
    """Identical to the peer's, up to writes in flight."""
    SOLE = "sole"
    """Has writes that the peer's copy lacks."""
    SYNCING = "syncing"
    """Target of a rebuild: a mixture of old and new."""
    STALE = "stale"
    """The peer went on without it."""
    DIVERGED = "diverged"
    """Each side has writes that the other lacks."""
    TOUCHED = "touched"
    """Was attached for a promotion that did not commit: like in_sync, but never identical."""
    UNKNOWN = "unknown"
    """Record missing, damaged, of another image or of an unknown version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBinding:
    """What ties a record to its image file: a copied or restored image does not match."""

    device: int
    inode: int
    size_bytes: int
    birth_ns: int
    """Creation time of the file in nanoseconds, 0 where the file system does not know it."""
    close_id: str
    """Random id in the marker that the agent writes into the image's last sector when it closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """One life of the mirror on this node: what its counters must say while nothing went wrong."""

    boot: str
    mirror_id: int
    genid: int
    syncid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorChoice:
    """An operator named this copy as the one to discard, and the other one as the one to keep."""

    kept: str
    """The node whose copy is kept."""
    lineage: str
    """The lineage of the kept copy as it was then."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageRecord:
    """The durable record of one volume on one node.

    Attributes:
        sequence: Grows with every write; the valid slot with the larger one counts.
        lineage: Newest link of the chain, a random id; changes whenever writes begin that the peer does not receive.
        ancestors: Earlier links, newest first.
        forced_from: Links that an operator gave up by force: deliberately not ancestors.
        copy: What is known of the copy.
        session: The export session or activation that may write the copy; empty when closed.
        boot: Host boot in which ``session`` was opened, or the record was last written.
        clean: Whether the file system was seen unmounted in order.
        epoch: Greatest epoch this node has acted under.
        spoken_boot: Boot of this host in which the peer was last spoken to.
        closing_id: Marker of the closing that has begun, on disk before the first unmount; empty = none has.
        released_to: Node to which the group was handed over and that has not been heard since; empty = none.
        was_isolated: Whether this node reached nobody since the peer was last heard.
        owes_power: Whether this node has the peer powered off, and is to have it powered on again.
        lineage_since: Since when it has this lineage, in Unix seconds, for people only; 0 = not known.
        choice: The operator's choice by which this copy was given up; None once it is being rebuilt.
        doubt: Why writes may have been acknowledged that the peer lacked before the record said so; empty = none.
    """

    format_version: int = FORMAT_VERSION
    sequence: int = 0
    lineage: str = ""
    ancestors: tuple[str, ...] = ()
    forced_from: tuple[str, ...] = ()
    copy: CopyState = CopyState.UNKNOWN
    session: str = ""
    boot: str = ""
    clean: bool = False
    epoch: int = 0
    binding: ImageBinding | None = None
    activation: Activation | None = None
    spoken_boot: str = ""
    closing_id: str = ""
    released_to: str = ""
    was_isolated: bool = False
    owes_power: bool = False
    lineage_since: int = 0
    choice: OperatorChoice | None = None
    doubt: str = ""

    def is_met_in(self, boot: str) -> bool:
        """Whether it says that the peer was spoken to in this boot, and nobody was cut off since."""
        return self.spoken_boot == boot and not self.was_isolated

    @property
    def is_open(self) -> bool:
        """Whether anything may write the copy: it is exported or attached."""
        return self.session != ""
