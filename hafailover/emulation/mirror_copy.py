"""How does a mirror copy everything to a component that is behind?

Blocks of one mebibyte, ``sync_requests`` of them under way, read through the mirror's own provider
and written to the component. Writes that meet a block under way wait for it, and the reverse.
"""

from hafailover.emulation import mirror_store
from hafailover.emulation.geom import Bio, BioCommand
from hafailover.emulation.mirror import BLOCK, Bump, Disk, DiskState
from hafailover.emulation.mirror_state import MirrorStates
from hafailover.emulation.tasks import Coroutine
from hafailover.units import SECOND


class CopyingMirror(MirrorStates):
    """Adds the copying to the states."""

    _paused = False

    def collides(self, bio: Bio) -> bool:
        """Whether a write touches a block that is being copied."""
        end = bio.offset + bio.length
        for disk in self.mirror.disks:
            for offset, length in disk.copying.items():
                if bio.offset < offset + length and offset < end:
                    return True
        return False

    def copy_on(self) -> None:
        """Start as many blocks as may be under way."""
        mirror = self.mirror
        if self._paused or mirror.provider is None:
            return
        for disk in mirror.disks:
            if disk.state is not DiskState.SYNCHRONIZING or disk.reader is None:
                continue
            while (
                len(disk.copying) < self.host.settings.sync_requests
                and disk.offset < mirror.mediasize
                and not self._paused
            ):
                length = min(BLOCK, mirror.mediasize - disk.offset)
                if any(fan.overlaps(disk.offset, length) for fan in mirror.writes):
                    break
                self._copy_block(disk, disk.offset, length)

    def _copy_block(self, disk: Disk, offset: int, length: int) -> None:
        disk.copying[offset] = length
        disk.offset = offset + length
        rate = self.host.settings.sync_rate
        if rate is not None:
            self._paused = True
            self.host.topology.scheduler.after(length * SECOND // rate, self._unpause)

        def read(error: int, data: bytes) -> None:
            self.mirror.push(lambda: self._block_read(disk, offset, error, data))

        bio = Bio(BioCommand.READ, offset, length, b"", read)
        if disk.reader is not None:
            self.host.topology.io(disk.reader, bio)

    def _unpause(self) -> None:
        self._paused = False
        self.mirror.notify()

    def _block_read(self, disk: Disk, offset: int, error: int, data: bytes) -> Coroutine[None]:
        yield from ()
        if offset not in disk.copying:
            return
        if error:
            # The source cannot be read: the copy ends here, the component stays behind.
            self.mirror.send(disk, DiskState.DISCONNECTED)
            return

        def written(failure: int, _data: bytes) -> None:
            self.mirror.push(lambda: self._block_written(disk, offset, failure))

        disk.consumer.outstanding += 1
        bio = Bio(BioCommand.WRITE, offset, len(data), data, written)
        self.host.topology.io(disk.consumer, bio)

    def _block_written(self, disk: Disk, offset: int, error: int) -> Coroutine[None]:
        mirror = self.mirror
        disk.consumer.outstanding -= 1
        if disk.consumer.private is None:
            yield from self.kill_consumer(disk.consumer)
            return
        if offset not in disk.copying:
            return
        if error:
            mirror.bump |= Bump.GENID_NOW
            mirror.send(disk, DiskState.DISCONNECTED)
            return
        del disk.copying[offset]
        disk.offset_done = min(disk.copying, default=disk.offset)
        self.release_delayed()
        now = self.host.topology.scheduler.now
        if disk.offset_done >= mirror.mediasize:
            mirror.send(disk, DiskState.ACTIVE)
        elif now - disk.saved_at >= self.host.settings.sync_update_period * SECOND:
            disk.saved_at = now
            yield from mirror_store.update(self.host, mirror, disk)
