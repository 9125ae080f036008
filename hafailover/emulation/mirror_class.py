"""How does gmirror find its components?

After g_mirror_taste and g_mirror_add_disk of g_mirror.c.
"""

from hafailover.emulation.errors import EEXIST, EINVAL
from hafailover.emulation.geom import BioCommand, Consumer, Provider
from hafailover.emulation.mirror import Bump, Disk, DiskState, Mirror, MirrorHost
from hafailover.emulation.mirror_metadata import (
    CANDELETE,
    DISK_MASK,
    INACTIVE,
    VERSION,
    Metadata,
    decode,
)
from hafailover.emulation.mirror_worker import MirrorWorker
from hafailover.emulation.tasks import Coroutine
from hafailover.units import SECOND


class MirrorClass:
    """Class MIRROR: all mirrors of one kernel, by name."""

    name = "MIRROR"

    def __init__(self, host: MirrorHost) -> None:
        self.host = host
        self.workers: dict[str, MirrorWorker] = {}

    def find(self, name: str) -> MirrorWorker | None:
        """Return the mirror called ``name`` unless it is being ended."""
        worker = self.workers.get(name)
        if worker is not None and worker.mirror.doomed:
            return None
        return worker

    def read_metadata(self, provider: Provider) -> Coroutine[Metadata | None]:
        """Read and decode the last sector of a provider."""
        topology = self.host.topology
        geom = topology.new_geom(self, "mirror:taste")
        consumer = topology.attach(geom, provider)
        metadata = None
        if (yield from topology.access(consumer, 1, 0, 0)) == 0:
            offset = provider.mediasize - provider.sectorsize
            error, sector = yield from topology.transfer(
                provider, BioCommand.READ, offset, provider.sectorsize
            )
            metadata = None if error else decode(sector)
            yield from topology.close(consumer)
        topology.detach(consumer)
        topology.destroy_geom(geom)
        return metadata

    def taste(self, provider: Provider) -> Coroutine[None]:
        """Take a component in, starting its mirror if need be."""
        if not self.host.loaded():
            return
        metadata = yield from self.read_metadata(provider)
        if metadata is None or metadata.version > VERSION:
            return
        if metadata.provsize != provider.mediasize:
            return
        if metadata.provider and metadata.provider != provider.name:
            return
        if metadata.dflags & INACTIVE:
            self.host.log(
                f"GEOM_MIRROR: Device {metadata.name}: provider {provider.name} "
                "marked as inactive, skipping."
            )
            return
        yield from self._join(provider, metadata)

    def _join(self, provider: Provider, metadata: Metadata) -> Coroutine[None]:
        worker = self.find(metadata.name)
        if worker is not None and worker.mirror.mid != metadata.mid:
            self.host.log(f"GEOM_MIRROR: Device {metadata.name} already configured.")
            return
        if worker is None:
            if metadata.components < 1:
                return
            worker = self._create(metadata)
        error = yield from self.add_disk(worker, provider, metadata)
        if error:
            if error != EEXIST:
                self.host.log(
                    f"GEOM_MIRROR: Cannot add disk {provider.name} to {metadata.name} "
                    f"(error={error})."
                )
            if not worker.mirror.disks:
                worker.mirror.doomed = True
                worker.mirror.notify()

    def _create(self, metadata: Metadata) -> MirrorWorker:
        topology = self.host.topology
        geom = topology.new_geom(self, metadata.name)
        sync_geom = topology.new_geom(self, f"{metadata.name}.sync")
        mirror = Mirror(
            name=metadata.name,
            mid=metadata.mid,
            slice=metadata.slice,
            balance=metadata.balance,
            mediasize=metadata.mediasize,
            sectorsize=metadata.sectorsize,
            components=metadata.components,
            mflags=metadata.mflags,
            genid=metadata.genid,
            syncid=metadata.syncid,
            geom=geom,
            sync_geom=sync_geom,
        )
        geom.softc = sync_geom.softc = mirror
        geom.on_orphan = self._orphan
        worker = MirrorWorker(self.host, mirror)
        self.workers[mirror.name] = worker
        span = self.host.settings.timeout * SECOND
        mirror.callout = topology.scheduler.after(span, lambda: self._force(mirror))
        return worker

    def _force(self, mirror: Mirror) -> None:
        self.host.log(f"GEOM_MIRROR: Force device {mirror.name} start due to timeout.")
        mirror.send(None, DiskState.NEW)

    def _orphan(self, consumer: Consumer) -> Coroutine[None]:
        yield from ()
        disk = consumer.private
        if isinstance(disk, Disk):
            mirror: Mirror = consumer.geom.softc
            mirror.bump |= Bump.SYNCID
            mirror.send(disk, DiskState.DISCONNECTED)

    def add_disk(
        self, worker: MirrorWorker, provider: Provider, metadata: Metadata
    ) -> Coroutine[int]:
        """Connect a component and let the worker judge it; 0 or an error."""
        mirror = worker.mirror
        error = self._check(mirror, provider, metadata)
        if error:
            return error
        topology = self.host.topology
        consumer = topology.attach(mirror.geom, provider)
        error = yield from topology.access(consumer, 1, 1, 1)
        if error:
            topology.detach(consumer)
            return error
        disk = Disk(
            name=provider.name,
            did=metadata.did,
            priority=metadata.priority,
            flags=metadata.dflags & DISK_MASK & ~CANDELETE | CANDELETE * provider.deletes,
            genid=metadata.genid,
            syncid=metadata.syncid,
            hardcoded=metadata.provider,
            consumer=consumer,
            offset_done=metadata.sync_offset,
        )
        consumer.private = disk
        result: int = yield mirror.send(disk, DiskState.NEW)
        return result

    def _check(self, mirror: Mirror, provider: Provider, metadata: Metadata) -> int:
        """Say whether a component may join, and believe it if it is newer and we only start."""
        if any(disk.did == metadata.did for disk in mirror.disks):
            return EEXIST
        mine = (mirror.genid, mirror.syncid)
        theirs = (metadata.genid, metadata.syncid)
        if not mirror.running and theirs > mine:
            self.host.log(
                f"GEOM_MIRROR: Found newer version for device {mirror.name} "
                f"(genid: curr={mine[0]} new={theirs[0]}; syncid: curr={mine[1]} new={theirs[1]})."
            )
            mirror.take_over(metadata)
        if mirror.running and metadata.genid < mirror.genid:
            self.host.log(
                f"GEOM_MIRROR: Component {provider.name} (device {mirror.name}) broken, skipping."
            )
            return EINVAL
        if mirror.running and theirs > mine:
            self.host.log(
                f"GEOM_MIRROR: Cannot refresh metadata in RUNNING state (device {mirror.name}, "
                f"disk {provider.name}). A stale mirror device was launched."
            )
            return EINVAL
        if metadata.mediasize != mirror.mediasize or mirror.mediasize > provider.mediasize:
            return EINVAL
        if not mirror.running and metadata.components != mirror.components:
            mirror.bump |= Bump.SYNCID
            return EINVAL
        return 0
