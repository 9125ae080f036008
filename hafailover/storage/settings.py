"""What is one volume, as the configuration describes it to this node?"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from hafailover.units import Nanoseconds, seconds

KERNEL_GUARD: Final = seconds(4)
"""G: at one of its looks, every ``ggatec -t`` seconds, the kernel fails a request whose age has passed this (g_gate.c,
which compares whole seconds)."""


class FullCheck(Enum):
    """What happens after ``fsck_ffs -p`` gives up with exit status 8 (fsck_ffs(8))."""

    AUTOMATIC = "run fsck_ffs -f -y, at most twice, then mount only if it ended clean"
    OPERATOR = "stop and alert; the operator repairs the file system"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDeadlines:
    """How long each kind of storage command may take before it counts as hung."""

    observe: Nanoseconds = seconds(2)
    attach: Nanoseconds = seconds(10)
    label: Nanoseconds = seconds(10)
    gate: Nanoseconds = seconds(8)
    destroy: Nanoseconds = seconds(2)
    mount: Nanoseconds = seconds(30)
    unmount: Nanoseconds = seconds(10)
    preen: Nanoseconds = seconds(600)
    full_check: Nanoseconds = seconds(24 * 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSettings:
    """One file system: an image file on each node, mirrored, mounted at one place.

    ``image`` is this node's path. ``md_units`` and ``ggate_units`` are used in turn, so that a unit on which a
    stuck command may still act is never used again while that command lives.
    """

    name: str
    image: str
    size_bytes: int
    mirror: str
    mount_point: str
    mount_options: tuple[str, ...] = ()
    md_units: tuple[int, int]
    ggate_units: tuple[int, int]
    port: int = 3080
    gate_timeout_s: int = 30
    """``ggatec -t``: never 0, since then operations on the mirror can hang for ever (ggatec(8))."""
    queue_size: int = 1024
    full_check: FullCheck = FullCheck.AUTOMATIC
    journaled: bool = True
    """Whether the file system is expected to have SU+J; only ``check`` looks at it."""
    deadlines: VolumeDeadlines = field(default_factory=VolumeDeadlines)

    @property
    def device(self) -> str:
        """The mirror's device node."""
        return f"/dev/mirror/{self.mirror}"
