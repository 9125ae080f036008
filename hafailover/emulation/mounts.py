"""What is mounted, and what do mounting and unmounting do to a device?

After sys/ufs/ffs/ffs_vfsops.c and sys/geom/geom_vfs.c.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hafailover.emulation import superblock
from hafailover.emulation.effects import FilesystemVerb
from hafailover.emulation.errors import EBUSY, EINVAL, EPERM
from hafailover.emulation.geom import BioCommand, Consumer, Provider
from hafailover.emulation.superblock import Superblock
from hafailover.emulation.tasks import Coroutine

if TYPE_CHECKING:
    from hafailover.emulation.machine import Machine


@dataclass(slots=True, kw_only=True, eq=False)
class Mount:
    """One mounted file system; ``options`` as given (rw, noatime ...)."""

    device: str
    directory: str
    kind: str = "ufs"
    readonly: bool = False
    options: tuple[str, ...] = ()
    dump: int = 2
    order: int = 2
    block: Superblock | None = None
    consumer: Consumer | None = None
    leaving: bool = False

    @property
    def words(self) -> str:
        """What mount(8) prints in parentheses."""
        words = [self.kind]
        if self.kind == "ufs":
            words.append("local")
        words += [option for option in self.options if option == "noatime"]
        if self.readonly:
            words.append("read-only")
        block = self.block
        if block is not None and block.soft:
            words.append("soft-updates")
            words += ["journaled soft-updates"] * block.journaled
        return ", ".join(words)


class MountTable:
    """The mounted file systems of one host, in order of mounting."""

    def __init__(self, machine: "Machine") -> None:
        self._machine = machine
        self.lost = 0
        """How many mounts were taken away since a write found their device gone."""
        root = Superblock(fs_id=(0, 0), size=0, flags=superblock.SOFT_UPDATES)
        self.entries = [
            Mount(device="/dev/gpt/rootfs", directory="/", dump=1, order=1, block=root),
            Mount(device="devfs", directory="/dev", kind="devfs", dump=0, order=0),
        ]

    def at(self, path: str) -> Mount | None:
        """Return what is mounted on ``path``, or whose device it is; the newest first."""
        for mount in reversed(self.entries):
            if path in (mount.directory, mount.device):
                return mount
        return None

    def on_provider(self, provider: Provider) -> Mount | None:
        """Return the mount that uses ``provider``."""
        for mount in self.entries:
            if mount.consumer is not None and mount.consumer.provider is provider:
                return mount
        return None

    def read_block(self, provider: Provider) -> Coroutine[Superblock | None]:
        """Read a device's superblock."""
        if provider.mediasize < superblock.OFFSET + superblock.LENGTH:
            return None
        error, sector = yield from self._machine.topology.transfer(
            provider,
            BioCommand.READ,
            superblock.OFFSET,
            max(superblock.LENGTH, provider.sectorsize),
        )
        return None if error else superblock.decode(sector)

    def write_block(self, provider: Provider, block: Superblock) -> Coroutine[int]:
        """Write a device's superblock, and have it on the disk; 0 or an error."""
        topology = self._machine.topology
        sector = block.encode().ljust(provider.sectorsize, b"\0")
        error, _ = yield from topology.transfer(
            provider, BioCommand.WRITE, superblock.OFFSET, len(sector), sector
        )
        if not error:
            yield from topology.transfer(provider, BioCommand.FLUSH, 0, 0)
        return error

    def mount(self, device: str, directory: str, options: tuple[str, ...]) -> Coroutine[int | str]:
        """Mount a UFS: 0, an error number, or the sentence that comes before the error's text."""
        machine = self._machine
        provider = machine.provider(device)
        if provider is None:
            return EINVAL
        if self.on_provider(provider) is not None:
            return EBUSY
        readonly = "ro" in options
        geom = machine.topology.new_geom(machine.vfs, f"ffs.{provider.name}")
        consumer = machine.topology.attach(geom, provider)
        writers = 0 if readonly else 1
        error = yield from machine.topology.access(consumer, 1, writers, 1)
        if error:
            machine.topology.detach(consumer)
            machine.topology.destroy_geom(geom)
            return error
        mount = Mount(
            device=f"/dev/{provider.name}",
            directory=directory,
            readonly=readonly,
            options=options,
            consumer=consumer,
        )
        refusal = yield from self._take(mount, provider)
        if refusal:
            yield from self._release(mount)
            return refusal
        geom.on_orphan = lambda _consumer: self._orphan(mount)
        self.entries.append(mount)
        return 0

    def _take(self, mount: Mount, provider: Provider) -> Coroutine[int | str]:
        machine = self._machine
        block = yield from self.read_block(provider)
        if block is None or not block.fits(provider.mediasize):
            return EINVAL
        if not block.clean and not mount.readonly:
            if not block.soft or block.journaled:
                journal = " Forced mount will invalidate journal contents" * block.journaled
                return (
                    f"R/W mount of {mount.directory} denied. "
                    f"Filesystem is not clean - run fsck.{journal}"
                )
            machine.log(f"WARNING: {mount.directory} was not properly dismounted")
            block = replace(block, flags=block.flags | superblock.UNCLEAN)
        mount.block = block
        if not mount.readonly:
            dirty = replace(block, clean=False, last_mount=mount.directory)
            error = yield from self.write_block(provider, dirty)
            if error:
                return error
            mount.block = dirty
        error = yield from machine.filesystem(
            FilesystemVerb.START, provider, directory=mount.directory, readonly=mount.readonly
        )
        return error

    def unmount(self, mount: Mount, *, force: bool) -> Coroutine[int]:
        """Unmount; 0 or an error. Sleeps with the device: every write has to get out."""
        if mount.consumer is None:
            return EINVAL
        if mount.leaving:
            return EBUSY
        provider = mount.consumer.provider
        mount.leaving = True
        error = yield from self._machine.filesystem(
            FilesystemVerb.STOP, provider, directory=mount.directory, force=force
        )
        if error and not force and not provider.error:
            mount.leaving = False
            return error
        block = mount.block
        if block is not None and not mount.readonly and not block.flags & superblock.UNCLEAN:
            yield from self.write_block(provider, replace(block, clean=True))
        self.entries.remove(mount)
        yield from self._release(mount)
        return 0

    def remount(self, mount: Mount, *, readonly: bool, force: bool) -> Coroutine[int]:
        """Change between read-only and read-write (mount -u)."""
        consumer = mount.consumer
        if consumer is None:
            return EPERM
        if readonly == mount.readonly:
            return 0
        if readonly and not force:
            busy = self._machine.faults.take(("umount", mount.directory))
            if busy is not None:
                return EBUSY
        writers = -1 if readonly else 1
        block = mount.block
        if not readonly:
            error: int = yield from self._machine.topology.access(consumer, 0, writers, 0)
            if error:
                return error
        if block is not None and not block.flags & superblock.UNCLEAN:
            yield from self.write_block(consumer.provider, replace(block, clean=readonly))
        if readonly:
            yield from self._machine.topology.access(consumer, 0, writers, 0)
        mount.readonly = readonly
        return 0

    def device_failed(self, provider: Provider) -> None:
        """Unmount by force what found its device gone on a write (ffs_fsfail_cleanup)."""
        mount = self.on_provider(provider)
        if mount is not None and provider.error and not mount.leaving:
            self.lost += 1
            self._machine.log(f"UFS: forcibly unmounting {mount.device} from {mount.directory}")
            self._machine.scheduler.spawn("ffs_fsfail", self.unmount(mount, force=True))

    def _orphan(self, mount: Mount) -> Coroutine[None]:
        """Wait: the mount stays until something writes, or somebody unmounts it."""
        yield from ()
        del mount

    def _release(self, mount: Mount) -> Coroutine[None]:
        consumer = mount.consumer
        if consumer is not None:
            topology = self._machine.topology
            yield from topology.close(consumer)
            topology.wither(consumer.geom)
            topology.detach(consumer)
