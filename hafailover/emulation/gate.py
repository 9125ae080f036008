"""How does geom_gate turn a user-land server into a disk?

Requests wait in an input queue until ggatec fetches them, then in an output queue until it answers.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hafailover.emulation.errors import (
    EBUSY,
    ECANCELED,
    EEXIST,
    EINVAL,
    EIO,
    ENXIO,
    EOPNOTSUPP,
    EPERM,
)
from hafailover.emulation.geom import Bio, BioCommand, Geom, Provider, Untasting
from hafailover.emulation.tasks import Coroutine, Lock, Timer
from hafailover.emulation.topology import Topology
from hafailover.units import SECOND

MAX_UNITS = 256
"""kern.geom.gate.maxunits."""

MAX_QUEUE = 4096
"""Ceiling of -q."""

GUARD_SECONDS = 5
"""A tick of -t fails what was issued at least this many whole seconds of uptime earlier."""

REQUEUE_NS = SECOND // 20
"""GEOM's own pause before it sends a request again that found the queue full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSpec:
    """What ggatec hands to the kernel when it creates a device."""

    mediasize: int
    sectorsize: int = 512
    unit: int | None = None
    timeout: int = 0
    queue_size: int = 1024
    access: str = "rw"
    info: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequest:
    """One request as ggatec sees it; ``data`` only for a WRITE."""

    seq: int
    command: BioCommand
    offset: int
    length: int
    data: bytes = b""


@dataclass(slots=True, kw_only=True)
class GateUnit:
    """One device; ``serving`` while a ggatec sleeps for work."""

    unit: int
    spec: GateSpec
    geom: Geom
    inqueue: deque[tuple[int, Bio]] = field(default_factory=deque)
    outqueue: dict[int, Bio] = field(default_factory=dict)
    seq: int = 1
    serving: bool = False
    guard: Timer | None = None

    @property
    def provider(self) -> Provider:
        """The disk that the unit offers."""
        return self.geom.providers[0]

    @property
    def queued(self) -> int:
        """Requests not answered yet."""
        return len(self.inqueue) + len(self.outqueue)


class GateClass(Untasting):
    """Class GATE and its control device; ``lock`` is the topology lock that ``destroy`` needs."""

    name = "GATE"

    def __init__(self, topology: Topology, lock: Lock, work: Callable[[int], None]) -> None:
        self._topology = topology
        self._lock = lock
        self._work = work
        self.units: dict[int, GateUnit] = {}

    def create(self, spec: GateSpec) -> tuple[int, int]:
        """Make a device: (0, unit) or (error, 0). Every class tastes it from now on."""
        if spec.mediasize <= 0 or spec.sectorsize <= 0 or spec.mediasize % spec.sectorsize:
            return EINVAL, 0
        unit = spec.unit
        if unit is None:
            unit = next(n for n in range(MAX_UNITS + 1) if n not in self.units)
        if not 0 <= unit < MAX_UNITS:
            return EINVAL, 0
        if unit in self.units:
            return EEXIST, 0
        geom = self._topology.new_geom(self, f"ggate{unit}")
        gate = GateUnit(unit=unit, spec=spec, geom=geom)
        geom.softc = gate
        self.units[unit] = gate
        size = (spec.mediasize, spec.sectorsize)
        self._topology.new_provider(geom, f"ggate{unit}", size, lambda b: self._start(gate, b))
        if spec.timeout > 0:
            self._arm_guard(gate)
        return 0, unit

    def destroy(self, unit: int, *, force: bool) -> Coroutine[int]:
        """End a device (needs the topology lock, not the event thread); 0 or an error."""
        if unit not in self.units:
            return ENXIO
        yield from self._lock.acquire()
        try:
            gate = self.units.get(unit)
            if gate is None:
                return ENXIO
            if gate.provider.opened.any and not force:
                return EBUSY
            self._end(gate)
        finally:
            self._lock.release()
        return 0

    def fetch(self, unit: int) -> tuple[int, GateRequest | None]:
        """Hand the next request to ggatec: (0, request), (0, None) to wait, (error, None)."""
        gate = self.units.get(unit)
        if gate is None:
            return ECANCELED, None
        if not gate.inqueue:
            gate.serving = True
            return 0, None
        gate.serving = False
        seq, bio = gate.inqueue.popleft()
        gate.outqueue[seq] = bio
        data = bio.data if bio.command is BioCommand.WRITE else b""
        request = GateRequest(
            seq=seq, command=bio.command, offset=bio.offset, length=bio.length, data=data
        )
        return 0, request

    def answer(self, unit: int, seq: int, error: int, data: bytes) -> int:
        """Complete a fetched request; an unknown number is ignored (it may have timed out)."""
        gate = self.units.get(unit)
        if gate is None:
            return ENXIO
        bio = gate.outqueue.pop(seq, None)
        if bio is not None:
            bio.done(error, data if bio.command is BioCommand.READ and not error else b"")
        return 0

    def cancel(self, unit: int) -> int:
        """Put everything fetched back in front of the input queue, in order."""
        gate = self.units.get(unit)
        if gate is None:
            return ENXIO
        gate.inqueue.extendleft(sorted(gate.outqueue.items(), reverse=True))
        gate.outqueue.clear()
        if gate.inqueue:
            self._work(unit)
        return 0

    def leave(self, unit: int) -> None:
        """Note that no ggatec sleeps for work any more; the device stays."""
        gate = self.units.get(unit)
        if gate is not None:
            gate.serving = False

    def _start(self, gate: GateUnit, bio: Bio) -> None:
        access = gate.spec.access
        if bio.command is BioCommand.DELETE:
            bio.done(EOPNOTSUPP, b"")
        elif bio.command is not BioCommand.READ and access == "ro":
            bio.done(EPERM, b"")
        elif gate.queued > min(gate.spec.queue_size, MAX_QUEUE):
            # ENOMEM: GEOM pauses and sends it again by itself.
            self._topology.scheduler.after(REQUEUE_NS, lambda: self._retry(gate, bio))
        else:
            gate.seq += 1
            gate.inqueue.append((gate.seq, bio))
            self._work(gate.unit)

    def _retry(self, gate: GateUnit, bio: Bio) -> None:
        if self.units.get(gate.unit) is gate:
            self._start(gate, bio)
        else:
            bio.done(ENXIO, b"")

    def _arm_guard(self, gate: GateUnit) -> None:
        span = gate.spec.timeout * SECOND
        gate.guard = self._topology.scheduler.after(span, lambda: self._expire(gate))

    def _expire(self, gate: GateUnit) -> None:
        """Fail what is too old (g_gate_guard compares whole seconds of uptime)."""
        now = self._topology.scheduler.now // SECOND
        self._arm_guard(gate)
        old = [(s, b) for s, b in gate.inqueue if now - b.issued // SECOND >= GUARD_SECONDS]
        for item in old:
            gate.inqueue.remove(item)
        for seq, bio in tuple(gate.outqueue.items()):
            if now - bio.issued // SECOND >= GUARD_SECONDS:
                del gate.outqueue[seq]
                old.append((seq, bio))
        for _, bio in old:
            bio.done(EIO, b"")

    def _end(self, gate: GateUnit) -> None:
        del self.units[gate.unit]
        if gate.guard is not None:
            gate.guard.cancel()
        waiting = [*gate.outqueue.values(), *(bio for _, bio in gate.inqueue)]
        gate.outqueue.clear()
        gate.inqueue.clear()
        self._topology.wither(gate.geom)
        # Who held the device hears of its end before its requests come back (seen: both counters
        # of a mirror move when the peer's device is destroyed under a metadata write).
        self._topology.scheduler.soon(lambda: _fail(waiting))
        self._work(gate.unit)


def _fail(waiting: list[Bio]) -> None:
    for bio in waiting:
        bio.done(ENXIO, b"")
