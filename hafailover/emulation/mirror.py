"""What does the kernel keep for one running mirror?"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, Flag

from hafailover.emulation.geom import Bio, Consumer, Geom, Provider
from hafailover.emulation.mirror_metadata import DIRTY, SYNCHRONIZING, Metadata
from hafailover.emulation.tasks import Completion, Coroutine, Lock, Task, Timer
from hafailover.emulation.topology import Topology

BLOCK = 1 << 20
"""Bytes per resynchronisation request (maxphys of amd64)."""


class DiskState(Enum):
    """Where a component stands; DISCONNECTED and DESTROY are only asked for, never kept."""

    NEW = "NEW"
    ACTIVE = "ACTIVE"
    STALE = "STALE"
    SYNCHRONIZING = "SYNCHRONIZING"
    DISCONNECTED = "DISCONNECTED"
    DESTROY = "DESTROY"


class Bump(Flag):
    """Which counter is to move, and when."""

    NONE = 0
    SYNCID = 1
    """On the next write."""
    SYNCID_NOW = 2
    GENID_NOW = 4


@dataclass(slots=True, kw_only=True, eq=False)
class Disk:
    """One component; ``flags`` are the dflags of the metadata, offsets are bytes."""

    name: str
    did: int
    priority: int
    flags: int
    genid: int
    syncid: int
    hardcoded: str
    consumer: Consumer
    state: DiskState = DiskState.NEW
    broken: bool = False
    offset: int = 0
    """Where the next block to be copied begins."""
    offset_done: int = 0
    """Everything before this is copied."""
    copying: dict[int, int] = field(default_factory=dict)
    """Blocks being copied: offset and length."""
    reader: Consumer | None = None
    saved_at: int = 0


Work = Callable[[], Coroutine[None]]
"""One thing for the worker to do, in its turn."""


class Fan:
    """A write or flush on its way to several components; answered once."""

    __slots__ = ("answered", "bio", "error", "pending", "succeeded")

    def __init__(self, bio: Bio) -> None:
        self.bio = bio
        self.pending = 0
        self.succeeded = 0
        self.error = 0
        self.answered = False

    def answer(self, error: int) -> None:
        """Tell who asked; later calls change nothing."""
        if not self.answered:
            self.answered = True
            self.bio.done(error, b"")

    def overlaps(self, offset: int, length: int) -> bool:
        """Whether it touches the bytes from ``offset`` on."""
        return self.bio.offset < offset + length and offset < self.bio.offset + self.bio.length


@dataclass(slots=True, kw_only=True, eq=False)
class Event:
    """A component's change of state, or (no disk) a look at the whole device."""

    disk: Disk | None
    state: DiskState
    done: Completion


@dataclass(slots=True, kw_only=True, eq=False)
class Mirror:
    """One mirror; ``components`` is md_all, ``disks`` the connected ones, preferred first."""

    name: str
    mid: int
    slice: int
    balance: int
    mediasize: int
    sectorsize: int
    components: int
    mflags: int
    genid: int
    syncid: int
    geom: Geom
    sync_geom: Geom
    running: bool = False
    doomed: bool = False
    """To be ended: by its worker, or (``stopping``) by the verb that asked for it."""
    stopping: bool = False
    idle: bool = True
    bump: Bump = Bump.NONE
    last_write: int = 0
    turn: int = 0
    provider: Provider | None = None
    disks: list[Disk] = field(default_factory=list)
    writes: list[Fan] = field(default_factory=list)
    """Writes on their way to the components."""
    delayed: list[Bio] = field(default_factory=list)
    """Writes that wait for a block being copied."""
    events: deque[Event] = field(default_factory=deque)
    queue: deque[Work] = field(default_factory=deque)
    lock: Lock = field(default_factory=Lock)
    wake: Completion | None = None
    callout: Timer | None = None
    idle_timer: Timer | None = None
    worker: Task | None = None
    ended: Completion = field(default_factory=Completion)
    """Finishes when the worker takes no more part in the mirror's life."""

    def count(self, *states: DiskState) -> int:
        """Return how many components are in one of ``states``; with none, all of them."""
        return sum(not states or disk.state in states for disk in self.disks)

    def send(self, disk: Disk | None, state: DiskState) -> Completion:
        """Ask the worker for a change of state (g_mirror_event_send)."""
        event = Event(disk=disk, state=state, done=Completion())
        self.events.append(event)
        self.notify()
        return event.done

    def push(self, work: Work) -> None:
        """Give the worker something to do."""
        self.queue.append(work)
        self.notify()

    def notify(self) -> None:
        """Wake the worker."""
        if self.wake is not None:
            self.wake.finish()

    def insert(self, disk: Disk) -> None:
        """Put a newcomer before those of lower or equal priority."""
        for index, other in enumerate(self.disks):
            if disk.priority >= other.priority:
                self.disks.insert(index, disk)
                return
        self.disks.append(disk)

    def distrust_dirty(self) -> None:
        """Send the dirty ones to be copied: from the clean ones, or from the best of the dirty."""
        newest = [
            disk
            for disk in self.disks
            if disk.syncid == self.syncid and not disk.flags & SYNCHRONIZING
        ]
        dirty = [disk for disk in newest if disk.flags & DIRTY]
        if dirty and len(dirty) == len(newest):
            dirty.remove(max(dirty, key=lambda disk: disk.priority))
        for disk in dirty:
            disk.syncid = 0

    def take_over(self, metadata: Metadata) -> None:
        """Believe ``metadata``, the newest seen."""
        self.genid = metadata.genid
        self.syncid = metadata.syncid
        self.slice = metadata.slice
        self.balance = metadata.balance
        self.mediasize = metadata.mediasize
        self.sectorsize = metadata.sectorsize
        self.components = metadata.components
        self.mflags = metadata.mflags

    @property
    def state_word(self) -> str:
        """STARTING, COMPLETE or DEGRADED, as everybody prints it."""
        if not self.running:
            return "STARTING"
        return "COMPLETE" if self.count(DiskState.ACTIVE) == self.components else "DEGRADED"


@dataclass(slots=True, kw_only=True)
class MirrorSettings:
    """kern.geom.mirror.*; ``sync_rate`` (bytes per second, None: as fast as it goes) is ours."""

    timeout: int = 4
    idletime: int = 5
    sync_requests: int = 2
    sync_update_period: int = 5
    disconnect_on_failure: int = 1
    launch_mirror_before_timeout: int = 1
    debug: int = 0
    sync_rate: int | None = None


@dataclass(slots=True, kw_only=True)
class MirrorHost:
    """What the mirror class needs from the rest of the kernel."""

    topology: Topology
    settings: MirrorSettings
    lock: Lock
    """The topology lock, as far as `insert` holds it."""
    log: Callable[[str], None]
    random32: Callable[[], int]
    loaded: Callable[[], bool]
    """Whether the module is in the kernel: without it nothing is tasted."""
