"""What is really there: one frozen look at the host's storage, with "unknown" as a value.

Made from ``kern.geom.confxml``, mount(8), ps(1), the images' last sectors and, when asked, fstat(1). Whatever could not
be read or understood is unknown, and unknown is treated as dangerous.
"""

from dataclasses import dataclass
from enum import Enum


class Presence(Enum):
    """Answer to "is it there?" when the answer may be missing."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class TailKind(Enum):
    """What stands in the last sector of an image file."""

    ZERO = "zero"
    MIRROR = "gmirror metadata"
    MARKER = "hafailover's own marker"
    FOREIGN = "something else"
    UNREAD = "not readable"


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorMetadata:
    """gmirror metadata version 4, little-endian, in a component's last sector (g_mirror.h)."""

    name: str
    mirror_id: int
    disk_id: int
    components: int
    genid: int
    syncid: int
    priority: int
    flags: int
    """dflags: 1 DIRTY, 2 SYNCHRONIZING, 4 FORCE_SYNC, 8 INACTIVE."""
    hardcoded: str
    media_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """One image file, looked at directly."""

    exists: bool
    size_bytes: int = 0
    device: int = 0
    inode: int = 0
    birth_ns: int = 0
    is_writable: bool = False
    is_sparse: bool = False
    tail: TailKind = TailKind.UNREAD
    tail_sha256: str = ""
    """SHA-256 of the last sector, in hexadecimal: what a task that overwrites it must find there."""
    metadata: MirrorMetadata | None = None
    marker: str = ""
    """The close id in the agent's own marker."""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryDisk:
    """An md(4) unit; ``file`` is empty unless it is backed by a file (and while it is being torn down)."""

    unit: int
    file: str
    is_read_only: bool
    size_bytes: int
    open_mode: str
    """``rNwNeN`` as in confxml."""
    is_withering: bool = False
    """Being torn down: absent for use, present for "is the unit free?"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A ggate unit: a device whose requests a ggatec process carries to a peer."""

    unit: int
    info: str
    timeout_s: int
    open_mode: str
    is_withering: bool = False


class ComponentState(Enum):
    """gmirror's words for a component; any other word makes the observation unknown."""

    NONE = "NONE"
    """Also a component that is just being dropped: the kernel then prints no state at all."""
    NEW = "NEW"
    ACTIVE = "ACTIVE"
    STALE = "STALE"
    SYNCHRONIZING = "SYNCHRONIZING"
    DISCONNECTED = "DISCONNECTED"
    DESTROY = "DESTROY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One consumer of a mirror."""

    provider: str
    state: ComponentState
    priority: int
    genid: int
    syncid: int
    flags: tuple[str, ...] = ()
    synchronized_percent: int | None = None
    bytes_synced: int = 0


class MirrorState(Enum):
    """gmirror's words for a mirror. COMPLETE never proves two copies: ``forget`` lowers the wanted number."""

    STARTING = "STARTING"
    COMPLETE = "COMPLETE"
    DEGRADED = "DEGRADED"
    WITHERING = "WITHERING"
    """Not a word of gmirror's: the geom is being torn down, and nothing else is known of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """One running or starting mirror."""

    name: str
    state: MirrorState
    mirror_id: int
    genid: int
    syncid: int
    wanted_components: int
    components: tuple[Component, ...]
    balance: str = ""
    flags: tuple[str, ...] = ()
    open_mode: str = ""
    media_size: int = 0

    def component(self, provider: str) -> Component | None:
        """Return the component on ``provider``, if it is connected."""
        return next((part for part in self.components if part.provider == provider), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of mount(8)."""

    device: str
    mount_point: str
    kind: str
    is_read_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateProcess:
    """A ggated or ggatec process, from ps(1)."""

    program: str
    pid: int
    parent: int
    process_group: int
    state: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """A process that has an image open, from fstat(1)."""

    command: str
    pid: int
    may_write: bool = True
    """Whether it has the file open for writing; unknown counts as yes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFacts:
    """One observation of the whole host.

    ``problem`` is empty when everything asked for was read and understood; otherwise it says what was not, and the
    parts that are None are unknown. ``openers`` holds only the images for which fstat(1) was asked.
    """

    memory_disks: tuple[MemoryDisk, ...] | None = None
    gates: tuple[Gate, ...] | None = None
    mirrors: tuple[Mirror, ...] | None = None
    label_providers: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] | None = None
    processes: tuple[GateProcess, ...] | None = None
    images: tuple[tuple[str, ImageFacts], ...] = ()
    openers: tuple[tuple[str, tuple[Opener, ...]], ...] = ()
    addresses: tuple[str, ...] | None = None
    """Addresses on the group's interface, ``A/len``, with `` tentative`` or `` duplicated`` behind an IPv6 one."""
    link_up: bool | None = None
    held_units: tuple[str, ...] = ()
    """``md10``, ``ggate11``: units on which an abandoned child of this agent may still act."""
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether nothing that was asked for is unknown."""
        return not self.problem and None not in (
            self.memory_disks,
            self.gates,
            self.mirrors,
            self.mounts,
            self.processes,
        )

    def image(self, path: str) -> ImageFacts | None:
        """Return what was seen of the image at ``path``, or None if it was not looked at."""
        return dict(self.images).get(path)
