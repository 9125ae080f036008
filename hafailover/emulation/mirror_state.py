"""How do a mirror and its components change state?

After g_mirror_update_disk and g_mirror_update_device of g_mirror.c.
"""

from collections.abc import Callable

from hafailover.emulation import mirror_store
from hafailover.emulation.errors import ENXIO
from hafailover.emulation.geom import Bio, Consumer
from hafailover.emulation.mirror import Bump, Disk, DiskState, Event, Mirror, MirrorHost
from hafailover.emulation.mirror_metadata import DIRTY, FORCE_SYNC, NOAUTOSYNC, SYNCHRONIZING
from hafailover.emulation.tasks import Coroutine


class MirrorStates:
    """The transitions of one mirror; always run by its worker, or by who ends the mirror."""

    def __init__(self, host: MirrorHost, mirror: Mirror, start: Callable[[Bio], None]) -> None:
        self.host = host
        self.mirror = mirror
        self.start = start

    def handle(self, event: Event) -> Coroutine[None]:
        """Carry out one event and look at the device afterwards."""
        error = 0
        if event.disk is None:
            yield from self.update_device(force=True)
        elif event.state is DiskState.NEW or event.disk in self.mirror.disks:
            error = yield from self._update_disk(event.disk, event.state)
            if not error:
                yield from self.update_device(force=False)
        event.done.finish(error)

    def _update_disk(self, disk: Disk, state: DiskState) -> Coroutine[int]:
        mirror = self.mirror
        match state:
            case DiskState.NEW:
                mirror.insert(disk)
                if mirror.running:
                    error: int = yield from self._update_disk(disk, self.determine(disk))
                    return error
            case DiskState.ACTIVE:
                yield from self._activate(disk)
            case DiskState.STALE:
                disk.flags &= ~DIRTY
                disk.state = state
                yield from mirror_store.update(self.host, mirror, disk)
                self._log(f"provider {disk.name} is stale.")
            case DiskState.SYNCHRONIZING:
                disk.flags &= ~DIRTY
                disk.state = state
                yield from self._start_copy(disk)
            case DiskState.DISCONNECTED:
                yield from self._disconnect(disk)
            case DiskState.DESTROY:
                return (yield from self._remove(disk))
        return 0

    def _activate(self, disk: Disk) -> Coroutine[None]:
        mirror = self.mirror
        if disk not in mirror.disks:
            return
        if disk.state is DiskState.SYNCHRONIZING:
            disk.flags &= ~(SYNCHRONIZING | FORCE_SYNC)
            self._log(f"rebuilding provider {disk.name} finished.")
            yield from self._end_copy(disk)
        disk.flags &= ~DIRTY
        disk.state = DiskState.ACTIVE
        disk.offset = disk.offset_done = 0
        if not mirror.idle:
            disk.flags |= DIRTY
        yield from mirror_store.update(self.host, mirror, disk)

    def _disconnect(self, disk: Disk) -> Coroutine[None]:
        mirror = self.mirror
        if disk not in mirror.disks:
            return
        if mirror.running:
            if disk.state is DiskState.SYNCHRONIZING:
                self._log(f"rebuilding provider {disk.name} stopped.")
                yield from self._end_copy(disk)
            self._log(f"provider {disk.name} disconnected.")
        else:
            mirror.bump &= ~Bump.SYNCID
        yield from self.destroy_disk(disk)

    def _remove(self, disk: Disk) -> Coroutine[int]:
        mirror = self.mirror
        error = yield from mirror_store.clear(self.host, disk)
        if error:
            return error
        if disk.state is DiskState.SYNCHRONIZING:
            self._log(f"rebuilding provider {disk.name} stopped.")
            yield from self._end_copy(disk)
        yield from self.destroy_disk(disk)
        mirror.components -= 1
        yield from mirror_store.update_all(self.host, mirror)
        return 0

    def determine(self, disk: Disk) -> DiskState:
        """Say what a component that just came is: up to date, or to be copied to."""
        mirror = self.mirror
        automatic = not mirror.mflags & NOAUTOSYNC or bool(disk.flags & FORCE_SYNC)
        copy = DiskState.SYNCHRONIZING if automatic else DiskState.STALE
        if disk.syncid == mirror.syncid:
            clean = not disk.flags & DIRTY or mirror.count(DiskState.ACTIVE) == 0
            if not disk.flags & SYNCHRONIZING and clean:
                return DiskState.ACTIVE
            disk.flags |= SYNCHRONIZING
            disk.offset = disk.offset_done
            return copy
        disk.flags |= SYNCHRONIZING
        disk.offset = disk.offset_done = 0
        disk.syncid = mirror.syncid
        return copy

    def update_device(self, *, force: bool) -> Coroutine[None]:
        """Launch, bump or end the device as its components now demand."""
        mirror = self.mirror
        if not mirror.running:
            if (force and mirror.disks) or mirror.components == len(mirror.disks):
                yield from self._launch(force=force)
            elif not mirror.disks:
                mirror.doomed = True
            return
        if mirror.count(DiskState.NEW) == 0 and mirror.count(DiskState.ACTIVE) == 0:
            yield from self.destroy_provider()
            mirror.doomed = not mirror.disks
            return
        if mirror.count(DiskState.NEW) == 0 and mirror.provider is None:
            yield from self._offer()
        if mirror.bump & Bump.GENID_NOW:
            mirror.bump &= ~Bump.GENID_NOW
            yield from mirror_store.bump_genid(self.host, mirror)
        if mirror.bump & Bump.SYNCID_NOW:
            mirror.bump &= ~Bump.SYNCID_NOW
            yield from mirror_store.bump_syncid(self.host, mirror)

    def _launch(self, *, force: bool) -> Coroutine[None]:
        """Choose whom to believe among the components, and run."""
        mirror = self.mirror
        if mirror.callout is not None:
            mirror.callout.cancel()
        if force and all(disk.flags & SYNCHRONIZING for disk in mirror.disks):
            mirror.doomed = True
            return
        mirror.genid = max(disk.genid for disk in mirror.disks)
        for disk in tuple(mirror.disks):
            if disk.genid < mirror.genid:
                self.host.log(
                    f"GEOM_MIRROR: Stale 'genid' field on {disk.name} "
                    f"(device {mirror.name}) (current={mirror.genid}, disk={disk.genid})."
                )
                mirror.bump |= Bump.SYNCID
                yield from self.destroy_disk(disk)
        mirror.syncid = max(disk.syncid for disk in mirror.disks)
        mirror.distrust_dirty()
        if force:
            mirror.bump |= Bump.SYNCID
        mirror.running = True
        for disk in tuple(mirror.disks):
            state = self.determine(disk)
            if state is DiskState.STALE:
                mirror.bump |= Bump.SYNCID
            mirror.send(disk, state)

    def _offer(self) -> Coroutine[None]:
        mirror = self.mirror
        topology = self.host.topology
        size = (mirror.mediasize, mirror.sectorsize)
        provider = topology.new_provider(mirror.geom, f"mirror/{mirror.name}", size, self.start)
        provider.deletes = True
        provider.access_hook = self._access
        mirror.provider = provider
        self.host.log(
            f"GEOM_MIRROR: Device {provider.name} launched "
            f"({mirror.count(DiskState.ACTIVE)}/{mirror.components})."
        )
        for disk in tuple(mirror.disks):
            if disk.state is DiskState.SYNCHRONIZING:
                yield from self._start_copy(disk)

    def _access(self, read: int, write: int, exclusive: int) -> Coroutine[int]:
        """Mark the components clean when the last writer goes (g_mirror_access)."""
        del read, exclusive
        mirror = self.mirror
        provider = mirror.provider
        if provider is None or provider.error or not mirror.disks:
            return ENXIO if write > 0 else 0
        if write < 0 and provider.opened.write == -write and not mirror.idle:
            yield from mirror.lock.acquire()
            if self._dirty() and not mirror.writes:
                yield from mirror_store.mark_clean(self.host, mirror)
            mirror.lock.release()
        return 0

    def _dirty(self) -> bool:
        return not self.mirror.idle

    def _start_copy(self, disk: Disk) -> Coroutine[None]:
        mirror = self.mirror
        provider = mirror.provider
        if provider is None:
            return
        self._log(f"rebuilding provider {disk.name}.")
        disk.flags |= DIRTY | SYNCHRONIZING
        disk.copying.clear()
        disk.saved_at = self.host.topology.scheduler.now
        disk.reader = self.host.topology.attach(mirror.sync_geom, provider)
        yield from self.host.topology.access(disk.reader, 1, 0, 0)
        yield from mirror_store.update(self.host, mirror, disk)

    def _end_copy(self, disk: Disk) -> Coroutine[None]:
        reader, disk.reader = disk.reader, None
        disk.copying.clear()
        disk.flags &= ~DIRTY
        if reader is not None:
            yield from self.host.topology.close(reader)
            self.host.topology.detach(reader)
        self.release_delayed()

    def release_delayed(self) -> None:
        """Start the writes that waited for a block being copied."""
        delayed, self.mirror.delayed = self.mirror.delayed, []
        for bio in delayed:
            self.start(bio)

    def destroy_provider(self) -> Coroutine[None]:
        """Withdraw the device: who uses it gets ENXIO from now on."""
        mirror = self.mirror
        provider, mirror.provider = mirror.provider, None
        if provider is None:
            return
        self._log("provider destroyed.")
        for disk in mirror.disks:
            if disk.state is DiskState.SYNCHRONIZING:
                self._log(f"rebuilding provider {disk.name} stopped.")
                yield from self._end_copy(disk)
        self.host.topology.orphan(provider)
        for bio in mirror.delayed:
            bio.done(ENXIO, b"")
        for fan in mirror.writes:
            fan.answer(ENXIO)
        mirror.delayed.clear()
        mirror.writes.clear()

    def destroy_disk(self, disk: Disk) -> Coroutine[None]:
        """Let go of a component; its consumer lives on while requests are out."""
        self.mirror.disks.remove(disk)
        disk.consumer.private = None
        yield from self.kill_consumer(disk.consumer)

    def kill_consumer(self, consumer: Consumer) -> Coroutine[None]:
        """Close and detach a drained consumer.

        It stays attached until the retaste of its own close has been queued: that is how the
        mirror class does not taste what it has just let go (g_mirror_kill_consumer).
        """
        if consumer.outstanding or not consumer.attached:
            return
        topology = self.host.topology
        yield from topology.close(consumer)

        def detach() -> Coroutine[None]:
            yield from ()
            topology.detach(consumer)

        topology.events.post(detach)

    def destroy_device(self, *, wipe: bool) -> Coroutine[None]:
        """End the mirror: components marked clean, or with ``wipe`` their metadata erased."""
        mirror = self.mirror
        if mirror.callout is not None:
            mirror.callout.cancel()
        yield from self.destroy_provider()
        for disk in tuple(mirror.disks):
            disk.flags &= ~DIRTY
            if wipe:
                yield from mirror_store.clear(self.host, disk)
            else:
                yield from mirror_store.update(self.host, mirror, disk)
            yield from self.destroy_disk(disk)
        mirror.events.clear()
        self.host.log(f"GEOM_MIRROR: Device {mirror.name} destroyed.")
        self.host.topology.wither(mirror.geom)
        self.host.topology.wither(mirror.sync_geom)

    def _log(self, text: str) -> None:
        self.host.log(f"GEOM_MIRROR: Device {self.mirror.name}: {text}")
