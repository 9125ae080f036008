"""When and how does a mirror write its components' metadata?

A failing metadata write bumps the generation at once, whatever the error (g_mirror_write_metadata).
"""

from hafailover.emulation.errors import ENXIO
from hafailover.emulation.geom import BioCommand
from hafailover.emulation.mirror import Bump, Disk, DiskState, Mirror, MirrorHost
from hafailover.emulation.mirror_metadata import DIRTY, DISK_MASK, Metadata
from hafailover.emulation.tasks import Coroutine


def fill(mirror: Mirror, disk: Disk) -> Metadata:
    """Return what the sector of ``disk`` should say now."""
    copying = disk.state is DiskState.SYNCHRONIZING
    return Metadata(
        name=mirror.name,
        mid=mirror.mid,
        did=disk.did,
        components=mirror.components,
        genid=disk.genid,
        syncid=disk.syncid,
        priority=disk.priority,
        slice=mirror.slice,
        balance=mirror.balance,
        mediasize=mirror.mediasize,
        sectorsize=mirror.sectorsize,
        sync_offset=disk.offset_done if copying else 0,
        mflags=mirror.mflags,
        dflags=disk.flags & DISK_MASK,
        provider=disk.hardcoded,
        provsize=disk.consumer.provider.mediasize,
    )


def update(host: MirrorHost, mirror: Mirror, disk: Disk) -> Coroutine[int]:
    """Write the sector of ``disk`` and sleep until it is there; a failure drops the component."""
    provider = disk.consumer.provider
    sector = fill(mirror, disk).encode(provider.sectorsize)
    error = yield from _write(host, disk, sector)
    if error:
        if not disk.broken:
            disk.broken = True
            host.log(
                f"GEOM_MIRROR: Cannot write metadata on {disk.name} "
                f"(device={mirror.name}, error={error})."
            )
        if host.settings.disconnect_on_failure and mirror.count(DiskState.ACTIVE) > 1:
            mirror.bump |= Bump.GENID_NOW
            mirror.send(disk, DiskState.DISCONNECTED)
        host.log(f"GEOM_MIRROR: Cannot update metadata on disk {disk.name} (error={error}).")
    return error


def clear(host: MirrorHost, disk: Disk) -> Coroutine[int]:
    """Erase the sector of ``disk``; 0 or an error."""
    error: int = yield from _write(host, disk, bytes(disk.consumer.provider.sectorsize))
    return error


def update_all(host: MirrorHost, mirror: Mirror, *states: DiskState) -> Coroutine[None]:
    """Write the sectors of the components in ``states``, one after the other."""
    for disk in tuple(mirror.disks):
        if not states or disk.state in states:
            yield from update(host, mirror, disk)


def bump_syncid(host: MirrorHost, mirror: Mirror) -> Coroutine[None]:
    """Raise the syncid of who takes part from now on."""
    mirror.syncid += 1
    for disk in tuple(mirror.disks):
        if disk.state in (DiskState.ACTIVE, DiskState.SYNCHRONIZING):
            disk.syncid = mirror.syncid
            yield from update(host, mirror, disk)


def bump_genid(host: MirrorHost, mirror: Mirror) -> Coroutine[None]:
    """Raise the generation of who takes part from now on."""
    mirror.genid += 1
    for disk in tuple(mirror.disks):
        if disk.state in (DiskState.ACTIVE, DiskState.SYNCHRONIZING):
            disk.genid = mirror.genid
            yield from update(host, mirror, disk)


def mark_dirty(host: MirrorHost, mirror: Mirror) -> Coroutine[None]:
    """Mark the active components dirty before the first write (g_mirror_unidle)."""
    mirror.idle = False
    mirror.last_write = host.topology.scheduler.now
    for disk in tuple(mirror.disks):
        if disk.state is DiskState.ACTIVE:
            disk.flags |= DIRTY
            yield from update(host, mirror, disk)


def mark_clean(host: MirrorHost, mirror: Mirror) -> Coroutine[None]:
    """Mark the active components clean (g_mirror_idle)."""
    mirror.idle = True
    for disk in tuple(mirror.disks):
        if disk.state is DiskState.ACTIVE:
            disk.flags &= ~DIRTY
            yield from update(host, mirror, disk)


def _write(host: MirrorHost, disk: Disk, sector: bytes) -> Coroutine[int]:
    consumer = disk.consumer
    provider = consumer.provider
    if not consumer.attached or provider.error:
        return ENXIO
    consumer.outstanding += 1
    offset = provider.mediasize - provider.sectorsize
    error, _ = yield from host.topology.transfer(
        provider, BioCommand.WRITE, offset, len(sector), sector
    )
    consumer.outstanding -= 1
    return error
