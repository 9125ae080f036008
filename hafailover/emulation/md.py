"""How does md(4) turn a file into a disk?

The vnode type of sys/dev/md/md.c.
"""

from dataclasses import dataclass

from hafailover.emulation.errors import EBUSY, EINVAL, ENOENT, EROFS
from hafailover.emulation.files import FileError, FileStore
from hafailover.emulation.geom import Bio, BioCommand, Geom, Provider, Untasting
from hafailover.emulation.topology import Topology

SECTOR = 512


@dataclass(slots=True, kw_only=True)
class MdUnit:
    """One attached unit; ``path`` is its backing file's full path."""

    unit: int
    path: str
    inode: int
    writable: bool
    length: int
    geom: Geom

    @property
    def provider(self) -> Provider:
        """The disk that the unit offers."""
        return self.geom.providers[0]


class MdClass(Untasting):
    """Class MD: attaches and detaches units."""

    name = "MD"

    def __init__(self, topology: Topology, files: FileStore) -> None:
        self._topology = topology
        self._files = files
        self.units: dict[int, MdUnit] = {}
        self._hanging: set[str] = set()
        self._waiting: list[tuple[MdUnit, Bio]] = []

    def hang(self, path: str) -> None:
        """Have the disk under a file take no request any more: md has no timeout, whoever asks it waits."""
        self._hanging.add(path)

    def go_on(self, path: str) -> None:
        """Have the disk under a file answer what waits, and everything after."""
        self._hanging.discard(path)
        waiting, self._waiting = self._waiting, []
        for md, bio in waiting:
            self._start(md, bio)

    def hangs(self, path: str) -> bool:
        """Whether the disk under a file takes no requests."""
        return path in self._hanging

    def attach(self, path: str, unit: int | None, *, readonly: bool, sector: int) -> int | MdUnit:
        """Attach a file; the unit, or an error number. No lock is taken on the file."""
        if unit is None:
            unit = next(n for n in range(len(self.units) + 1) if n not in self.units)
        elif unit in self.units:
            return EBUSY
        stat = self._files.stat(path)
        length = stat.size - stat.size % sector
        # md refuses what is smaller than one page (seen: a tiny file is EINVAL).
        if length < 4096:
            return EINVAL
        md = MdUnit(
            unit=unit,
            path=stat.path,
            inode=stat.inode,
            writable=stat.writable and not readonly,
            length=length,
            geom=self._topology.new_geom(self, f"md{unit}"),
        )
        md.geom.softc = md
        self.units[unit] = md
        provider = self._topology.new_provider(
            md.geom, f"md{unit}", (length, sector), lambda bio: self._start(md, bio)
        )
        provider.deletes = True
        return md

    def detach(self, unit: int, *, force: bool) -> int:
        """Detach a unit; 0 or an error number."""
        md = self.units.get(unit)
        if md is None:
            return ENOENT
        if md.provider.opened.any and not force:
            return EBUSY
        del self.units[unit]
        self._topology.wither(md.geom)
        return 0

    def _start(self, md: MdUnit, bio: Bio) -> None:
        if md.path in self._hanging:
            self._waiting.append((md, bio))
            return
        error, data = self._do(md, bio)
        bio.done(error, data)

    def _do(self, md: MdUnit, bio: Bio) -> tuple[int, bytes]:
        try:
            match bio.command:
                case BioCommand.READ:
                    data = self._files.pread(md.path, bio.offset, bio.length)
                    return 0, data + bytes(bio.length - len(data))
                case BioCommand.WRITE:
                    if not md.writable:
                        return EROFS, b""
                    # md writes with IO_SYNC: what it acknowledged is on the disk.
                    self._files.pwrite(md.path, bio.offset, bio.data)
                    self._files.fsync(md.path)
                case BioCommand.DELETE:
                    if not md.writable:
                        return EROFS, b""
                    self._files.pwrite(md.path, bio.offset, bytes(bio.length))
                case BioCommand.FLUSH:
                    self._files.fsync(md.path)
        except FileError as failure:
            return failure.error, b""
        return 0, b""
