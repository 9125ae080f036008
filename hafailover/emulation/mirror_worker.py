"""What does a mirror's worker thread do with requests?

Reads go to one active component, writes to all of them and, behind the copying front, to those
being rebuilt. A write is answered when all have answered; a component that fails is dropped unless
it is the last. The thread sleeps while it writes metadata, and with it the whole mirror.
"""

from collections.abc import Callable

from hafailover.emulation import mirror_store
from hafailover.emulation.errors import EIO, ENXIO, EOPNOTSUPP
from hafailover.emulation.geom import Bio, BioCommand, Consumer
from hafailover.emulation.mirror import Bump, Disk, DiskState, Fan, Mirror, MirrorHost
from hafailover.emulation.mirror_copy import CopyingMirror
from hafailover.emulation.mirror_metadata import BALANCES, CANDELETE, NOFAILSYNC
from hafailover.emulation.tasks import Completion, Coroutine
from hafailover.units import SECOND

_PREFER = BALANCES.index("prefer")


class MirrorWorker(CopyingMirror):
    """The thread [g_mirror NAME]."""

    def __init__(self, host: MirrorHost, mirror: Mirror) -> None:
        super().__init__(host, mirror, self._enqueue)
        mirror.worker = host.topology.scheduler.spawn(f"g_mirror {mirror.name}", self._run())

    def _enqueue(self, bio: Bio) -> None:
        self.mirror.push(lambda: self._dispatch(bio))

    def _run(self) -> Coroutine[None]:
        """Events first, then requests, then copying; sleep when there is nothing."""
        mirror = self.mirror
        while not mirror.doomed:
            if mirror.lock.held:
                yield from mirror.lock.acquire()
            mirror.lock.held = True
            while (mirror.events or mirror.queue) and not mirror.doomed:
                if mirror.events:
                    yield from self.handle(mirror.events.popleft())
                else:
                    yield from mirror.queue.popleft()()
            if not mirror.doomed:
                self.copy_on()
                if not (mirror.idle or mirror.writes):
                    yield from self._rest()
            mirror.lock.release()
            if not (mirror.events or mirror.queue or mirror.doomed):
                mirror.wake = Completion()
                yield mirror.wake
        if not mirror.stopping:
            yield from self.destroy_device(wipe=False)
        mirror.ended.finish()
        yield from self._collect()

    def _collect(self) -> Coroutine[None]:
        """Answer what is queued or still comes back when the mirror has ended."""
        mirror = self.mirror
        while True:
            while mirror.queue:
                yield from mirror.queue.popleft()()
            mirror.wake = Completion()
            yield mirror.wake

    def _rest(self) -> Coroutine[None]:
        """Mark the components clean after idletime without a write (g_mirror_idle)."""
        mirror = self.mirror
        provider = mirror.provider
        if mirror.idle or provider is None or mirror.writes or mirror.mflags & NOFAILSYNC:
            return
        scheduler = self.host.topology.scheduler
        due = mirror.last_write + self.host.settings.idletime * SECOND
        if provider.opened.write > 0 and scheduler.now < due:
            if mirror.idle_timer is None or not mirror.idle_timer.pending:
                mirror.idle_timer = scheduler.after(due - scheduler.now, mirror.notify)
            return
        yield from mirror_store.mark_clean(self.host, mirror)

    def shut_down(self) -> Coroutine[None]:
        """Mark the components clean as soon as the worker lets anybody (g_mirror_shutdown_post_sync)."""
        mirror = self.mirror
        yield from mirror.lock.acquire()
        if mirror.provider is not None and not (
            mirror.idle or mirror.writes or mirror.mflags & NOFAILSYNC
        ):
            yield from mirror_store.mark_clean(self.host, mirror)
        mirror.lock.release()

    def _dispatch(self, bio: Bio) -> Coroutine[None]:
        if self.mirror.provider is None:
            bio.done(ENXIO, b"")
            return
        match bio.command:
            case BioCommand.READ:
                self._read(bio, frozenset(), 0)
            case BioCommand.WRITE | BioCommand.DELETE:
                yield from self._write(bio)
            case BioCommand.FLUSH:
                fan = Fan(bio)
                targets = [d for d in self.mirror.disks if d.state is DiskState.ACTIVE]
                self._send(fan, targets)

    def _read(self, bio: Bio, tried: frozenset[int], error: int) -> None:
        """Ask one active component that has not failed this read yet."""
        mirror = self.mirror
        active = [
            disk
            for disk in mirror.disks
            if disk.state is DiskState.ACTIVE and disk.did not in tried
        ]
        if not active:
            bio.done(error or ENXIO, b"")
            return
        disk = active[0]
        if mirror.balance != _PREFER:
            mirror.turn += 1
            disk = active[mirror.turn % len(active)]

        def done(failure: int, data: bytes) -> None:
            if failure == 0 and disk.consumer.private is not None:
                # Nothing for the worker to decide: answered from where it came in.
                disk.consumer.outstanding -= 1
                bio.done(0, data)
                return
            mirror.push(lambda: self._read_failed(bio, disk, tried, (failure, data)))

        disk.consumer.outstanding += 1
        child = Bio(BioCommand.READ, bio.offset, bio.length, b"", done)
        self.host.topology.io(disk.consumer, child)

    def _read_failed(
        self, bio: Bio, disk: Disk, tried: frozenset[int], answer: tuple[int, bytes]
    ) -> Coroutine[None]:
        error, data = answer
        yield from self._returned(disk.consumer)
        if error == 0:
            bio.done(0, data)
            return
        self._blame(disk, error, BioCommand.READ)
        self._read(bio, tried | {disk.did}, error)

    def _write(self, bio: Bio) -> Coroutine[None]:
        mirror = self.mirror
        if self.collides(bio):
            mirror.delayed.append(bio)
            return
        fan = Fan(bio)
        mirror.writes.append(fan)
        if mirror.idle and not mirror.mflags & NOFAILSYNC:
            yield from mirror_store.mark_dirty(self.host, mirror)
        mirror.last_write = self.host.topology.scheduler.now
        if mirror.bump & Bump.SYNCID:
            mirror.bump &= ~Bump.SYNCID
            yield from mirror_store.bump_syncid(self.host, mirror)
        targets = [
            disk
            for disk in mirror.disks
            if disk.state is DiskState.ACTIVE
            or (disk.state is DiskState.SYNCHRONIZING and bio.offset < disk.offset)
        ]
        if bio.command is BioCommand.DELETE:
            targets = [disk for disk in targets if disk.flags & CANDELETE]
            if not targets:
                mirror.writes.remove(fan)
                bio.done(EOPNOTSUPP, b"")
                return
        self._send(fan, targets)

    def _send(self, fan: Fan, targets: list[Disk]) -> None:
        bio = fan.bio
        fan.pending = len(targets)
        if not targets:
            self._forget(fan)
            fan.answer(ENXIO)
        for disk in targets:
            disk.consumer.outstanding += 1
            child = Bio(bio.command, bio.offset, bio.length, bio.data, self._receiver(fan, disk))
            self.host.topology.io(disk.consumer, child)

    def _receiver(self, fan: Fan, disk: Disk) -> Callable[[int, bytes], None]:
        return lambda error, _data: self.mirror.push(lambda: self._written(fan, disk, error))

    def _written(self, fan: Fan, disk: Disk, error: int) -> Coroutine[None]:
        """Count one component's answer (g_mirror_regular_request)."""
        yield from self._returned(disk.consumer)
        flush = fan.bio.command is BioCommand.FLUSH
        if error == 0 or (flush and error == EOPNOTSUPP):
            fan.succeeded += 1
        else:
            fan.error = fan.error or error
            self._blame(disk, error, fan.bio.command)
        fan.pending -= 1
        if fan.pending == 0:
            self._forget(fan)
            fan.answer(0 if fan.succeeded else fan.error or EIO)

    def _forget(self, fan: Fan) -> None:
        if fan in self.mirror.writes:
            self.mirror.writes.remove(fan)

    def _returned(self, consumer: Consumer) -> Coroutine[None]:
        consumer.outstanding -= 1
        if consumer.private is None:
            yield from self.kill_consumer(consumer)

    def _blame(self, disk: Disk, error: int, command: BioCommand) -> None:
        """Drop a component for an error, unless it is the last active one."""
        mirror = self.mirror
        if disk not in mirror.disks:
            return
        if not disk.broken:
            disk.broken = True
            self.host.log(
                f"GEOM_MIRROR: Request failed (error={error}). {disk.name}[{command.name}]"
            )
        if not self.host.settings.disconnect_on_failure:
            return
        if mirror.count(DiskState.ACTIVE) <= 1 and disk.state is DiskState.ACTIVE:
            return
        if error != ENXIO:
            mirror.bump |= Bump.GENID_NOW
        elif command is BioCommand.READ:
            mirror.bump |= Bump.SYNCID
        else:
            mirror.bump |= Bump.SYNCID_NOW
        mirror.send(disk, DiskState.DISCONNECTED)
