"""What do gmirror's control verbs do in the kernel?

After sys/geom/mirror/g_mirror_ctl.c. Each verb runs in the event thread and
returns the complaint that gmirror(8) prints, or nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hafailover.emulation import mirror_store
from hafailover.emulation.errors import EBUSY, ENXIO
from hafailover.emulation.geom import BioCommand, Provider
from hafailover.emulation.mirror import Bump, Disk, DiskState, Mirror
from hafailover.emulation.mirror_class import MirrorClass
from hafailover.emulation.mirror_metadata import (
    BALANCES,
    FORCE_SYNC,
    INACTIVE,
    NOAUTOSYNC,
    NOFAILSYNC,
)
from hafailover.emulation.mirror_worker import MirrorWorker
from hafailover.emulation.tasks import Coroutine

_FORGET_FIRST = "Not all disks connected. Try 'forget' command first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What `gmirror configure` is to change; None leaves a thing as it is."""

    balance: str | None = None
    slice: int | None = None
    autosync: bool | None = None
    failsync: bool | None = None
    hardcode: bool | None = None
    priority: int | None = None
    provider: str = ""


class MirrorControl:
    """The verbs, over all mirrors of one kernel."""

    def __init__(self, mirrors: MirrorClass) -> None:
        self._mirrors = mirrors
        self._host = mirrors.host

    def insert(
        self,
        name: str,
        providers: tuple[str, ...],
        *,
        priority: int,
        inactive: bool,
        hardcode: bool,
    ) -> Coroutine[str]:
        """Add components; each gets syncid 0, and so a full copy when it is tasted."""
        worker = self._mirrors.find(name)
        if worker is None:
            return f"No such device: {name}."
        mirror = worker.mirror
        yield from mirror.lock.acquire()
        try:
            if len(mirror.disks) < mirror.components:
                return "Not all disks connected."
            for prov in providers:
                known = self._host.topology.providers.get(prov)
                complaint = _unfit(mirror, prov, known)
                if complaint or known is None:
                    return complaint
                dflags = INACTIVE if inactive else 0
                hard = known.name if hardcode else ""
                complaint = yield from self._add(mirror, known, (priority, dflags, hard))
                if complaint:
                    return complaint
        finally:
            mirror.lock.release()
        return ""

    def _add(self, mirror: Mirror, provider: Provider, how: tuple[int, int, str]) -> Coroutine[str]:
        topology = self._host.topology
        geom = topology.new_geom(self._mirrors, "mirror:insert")
        consumer = topology.attach(geom, provider)
        error = yield from topology.access(consumer, 0, 1, 1)
        if not error:
            priority, dflags, hard = how
            mirror.components += 1
            some_disk = mirror_store.fill(mirror, mirror.disks[0])
            metadata = replace(
                some_disk,
                did=self._host.random32(),
                syncid=0,
                genid=mirror.genid,
                priority=priority,
                dflags=dflags,
                sync_offset=0,
                provider=hard,
                provsize=provider.mediasize,
            )
            # Written under the topology lock: until it is out, `ggatec destroy -f` waits too.
            yield from self._host.lock.acquire()
            sector = metadata.encode(provider.sectorsize)
            error, _ = yield from topology.transfer(
                provider,
                BioCommand.WRITE,
                provider.mediasize - provider.sectorsize,
                len(sector),
                sector,
            )
            self._host.lock.release()
            complaint = f"Cannot store metadata on {provider.name}." if error else ""
            if error:
                mirror.components -= 1
            else:
                yield from mirror_store.update_all(self._host, mirror)
            yield from topology.close(consumer)
        else:
            complaint = f"Cannot access provider {provider.name}."
        topology.wither(geom)
        topology.detach(consumer)
        return complaint

    def remove(self, name: str, providers: tuple[str, ...]) -> Coroutine[str]:
        """Take components out and erase their metadata."""
        return (yield from self._each(name, providers, self._remove))

    def _remove(self, mirror: Mirror, disk: Disk) -> Coroutine[str]:
        if disk.state is DiskState.ACTIVE and mirror.count(DiskState.ACTIVE) == 1:
            return f"{mirror.name}: Can't remove the last ACTIVE component {disk.name}."
        error = yield mirror.send(disk, DiskState.DESTROY)
        return f"Cannot remove component {disk.name}." if error else ""

    def deactivate(self, name: str, providers: tuple[str, ...]) -> Coroutine[str]:
        """Disconnect components and leave a mark that keeps them out."""
        return (yield from self._each(name, providers, self._deactivate))

    def _deactivate(self, mirror: Mirror, disk: Disk) -> Coroutine[str]:
        if disk.state is DiskState.ACTIVE and mirror.count(DiskState.ACTIVE) == 1:
            return f"{mirror.name}: Can't deactivate the last ACTIVE component {disk.name}."
        yield from mirror.lock.acquire()
        disk.flags = (disk.flags | INACTIVE) & ~FORCE_SYNC
        yield from mirror_store.update(self._host, mirror, disk)
        mirror.bump |= Bump.SYNCID
        mirror.lock.release()
        yield mirror.send(disk, DiskState.DISCONNECTED)
        return ""

    def rebuild(self, name: str, providers: tuple[str, ...]) -> Coroutine[str]:
        """Copy everything to components again."""
        return (yield from self._each(name, providers, self._rebuild))

    def _rebuild(self, mirror: Mirror, disk: Disk) -> Coroutine[str]:
        if disk.state is DiskState.ACTIVE and mirror.count(DiskState.ACTIVE) == 1:
            return f"Provider {disk.name} is the last active provider in {mirror.name}."
        yield from mirror.lock.acquire()
        disk.flags |= FORCE_SYNC
        yield from mirror_store.update(self._host, mirror, disk)
        metadata = replace(mirror_store.fill(mirror, disk), syncid=0)
        mirror.lock.release()
        provider = disk.consumer.provider
        yield mirror.send(disk, DiskState.DISCONNECTED)
        worker = self._mirrors.find(mirror.name)
        if worker is None:
            return f"No such device: {mirror.name}."
        error = yield from self._mirrors.add_disk(worker, provider, metadata)
        return f"Cannot reconnect component {disk.name} (error={error})." if error else ""

    def _each(
        self,
        name: str,
        providers: tuple[str, ...],
        verb: Callable[[Mirror, Disk], Coroutine[str]],
    ) -> Coroutine[str]:
        worker = self._mirrors.find(name)
        if worker is None:
            return f"No such device: {name}."
        mirror = worker.mirror
        yield from mirror.lock.acquire()
        mirror.lock.release()
        missing = len(mirror.disks) < mirror.components
        if missing and verb == self._remove:
            return _FORGET_FIRST
        for prov in providers:
            disk = next((disk for disk in mirror.disks if disk.name == prov), None)
            if disk is None:
                return f"No such provider: {prov}."
            complaint = yield from verb(mirror, disk)
            if complaint:
                return complaint
        return ""

    def forget(self, names: tuple[str, ...]) -> Coroutine[str]:
        """Let the number of components be that of the connected ones."""
        for name in names:
            worker = self._mirrors.find(name)
            if worker is None:
                return f"No such device: {name}."
            mirror = worker.mirror
            yield from mirror.lock.acquire()
            if len(mirror.disks) < mirror.components:
                mirror.components = len(mirror.disks)
                yield from mirror_store.update_all(self._host, mirror)
            mirror.lock.release()
        return ""

    def stop(self, names: tuple[str, ...], *, force: bool, wipe: bool) -> Coroutine[str]:
        """End mirrors; ``wipe`` erases the metadata of their components."""
        for name in names:
            worker = self._mirrors.find(name)
            if worker is None:
                return f"No such device: {name}."
            error = yield from self._end(worker, force=force, wipe=wipe)
            if error:
                return f"Cannot destroy device {name} (error={error})."
        return ""

    def _end(self, worker: MirrorWorker, *, force: bool, wipe: bool) -> Coroutine[int]:
        mirror = worker.mirror
        provider = mirror.provider
        readers = sum(disk.reader is not None for disk in mirror.disks)
        if provider is not None and not force:
            opened = provider.opened
            if opened.read > readers or opened.write or opened.exclusive:
                return EBUSY
        mirror.doomed = mirror.stopping = True
        mirror.notify()
        yield mirror.ended
        yield from worker.destroy_device(wipe=wipe)
        return 0

    def configure(self, name: str, change: Change) -> Coroutine[str]:
        """Change a mirror's settings, or one component's priority."""
        worker = self._mirrors.find(name)
        if worker is None:
            return f"No such device: {name}."
        if change.balance is not None and change.balance not in BALANCES[1:]:
            return "Invalid balance algorithm."
        mirror = worker.mirror
        yield from mirror.lock.acquire()
        try:
            if len(mirror.disks) < mirror.components:
                return _FORGET_FIRST
            if change.priority is None:
                if not _apply(mirror, change):
                    return "Nothing has changed."
                yield from mirror_store.update_all(self._host, mirror)
                return ""
            for disk in mirror.disks:
                if disk.name == change.provider and disk.priority != change.priority:
                    disk.priority = change.priority
                    yield from mirror_store.update(self._host, mirror, disk)
        finally:
            mirror.lock.release()
        return ""


def _unfit(mirror: Mirror, name: str, provider: Provider | None) -> str:
    """Say why a provider cannot be inserted, if it cannot."""
    if provider is None or provider.error == ENXIO:
        return f'Provider not found: "{name}"'
    if any(consumer.provider is provider for consumer in mirror.geom.consumers):
        return f"Provider {name} already inserted."
    if mirror.mediasize > provider.mediasize - provider.sectorsize:
        return f"Provider {name} too small."
    if mirror.sectorsize % provider.sectorsize:
        return f"Invalid sectorsize of provider {name}."
    return ""


def _apply(mirror: Mirror, change: Change) -> bool:
    """Change what is to be changed; whether anything was."""
    before = (mirror.balance, mirror.slice, mirror.mflags, [d.hardcoded for d in mirror.disks])
    if change.balance is not None:
        mirror.balance = BALANCES.index(change.balance)
    if change.slice is not None:
        mirror.slice = change.slice
    for wish, bit in ((change.autosync, NOAUTOSYNC), (change.failsync, NOFAILSYNC)):
        if wish is not None:
            mirror.mflags = mirror.mflags & ~bit if wish else mirror.mflags | bit
    if change.hardcode is not None:
        for disk in mirror.disks:
            disk.hardcoded = disk.name if change.hardcode else ""
    after = (mirror.balance, mirror.slice, mirror.mflags, [d.hardcoded for d in mirror.disks])
    return before != after
