"""What are providers, consumers, geoms and block requests?

After the structures of sys/geom/geom.h.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from hafailover.emulation.errors import EINVAL
from hafailover.emulation.tasks import Coroutine


class BioCommand(Enum):
    """What a block request asks for; the numbers are those of <sys/bio.h>."""

    READ = 1
    WRITE = 2
    DELETE = 3
    FLUSH = 5


class Bio:
    """One block request on its way down; ``done(error, data)`` is called exactly once."""

    __slots__ = ("command", "data", "done", "issued", "length", "offset")

    def __init__(
        self,
        command: BioCommand,
        offset: int,
        length: int,
        data: bytes,
        done: Callable[[int, bytes], None],
    ) -> None:
        self.command = command
        self.offset = offset
        self.length = length
        self.data = data
        self.done = done
        self.issued = 0


class GeomClass(Protocol):
    """A class of geoms, which tastes providers."""

    name: str

    def taste(self, provider: "Provider") -> Coroutine[None]:
        """Look at a provider that is new or was just closed by its last writer."""


class Untasting:
    """A class whose geoms are made by commands only."""

    def taste(self, provider: "Provider") -> Coroutine[None]:
        """Take no interest."""
        del provider
        yield from ()


class Geom:
    """One instance of a class: reads from its consumers, offers providers."""

    __slots__ = (
        "address",
        "cls",
        "consumers",
        "name",
        "on_orphan",
        "on_spoil",
        "providers",
        "softc",
        "withering",
    )

    def __init__(self, cls: GeomClass, name: str, address: int, softc: Any) -> None:
        self.cls = cls
        self.name = name
        self.address = address
        self.softc = softc
        self.consumers: list[Consumer] = []
        self.providers: list[Provider] = []
        self.on_orphan: Callable[[Consumer], Coroutine[None]] | None = None
        self.withering = False
        self.on_spoil: Callable[[Consumer], Coroutine[None]] | None = None

    @property
    def rank(self) -> int:
        """One more than the highest geom below (1 at the bottom)."""
        return 1 + max((c.provider.geom.rank for c in self.consumers), default=0)


class Provider:
    """A disk-like device that a geom offers."""

    __slots__ = (
        "access_hook",
        "address",
        "consumers",
        "deletes",
        "error",
        "geom",
        "mediasize",
        "name",
        "opened",
        "sectorsize",
        "start",
    )

    def __init__(
        self,
        geom: Geom,
        name: str,
        size: tuple[int, int],
        start: Callable[[Bio], None],
        address: int,
    ) -> None:
        self.geom = geom
        self.name = name
        self.mediasize, self.sectorsize = size
        self.start = start
        self.address = address
        self.deletes = False
        self.error = 0
        self.opened = Access()
        self.consumers: list[Consumer] = []
        self.access_hook: Callable[[int, int, int], Coroutine[int]] | None = None

    def request(self, bio: Bio, now: int) -> None:
        """Send ``bio`` down, after the checks of geom_io.c."""
        bio.issued = now
        if self.error:
            bio.done(self.error, b"")
        elif bio.command is not BioCommand.FLUSH and (
            bio.offset % self.sectorsize
            or bio.length % self.sectorsize
            or bio.offset + bio.length > self.mediasize
        ):
            bio.done(EINVAL, b"")
        else:
            self.start(bio)


class Access:
    """Counts of readers, writers and exclusive users."""

    __slots__ = ("exclusive", "read", "write")

    def __init__(self) -> None:
        self.read = self.write = self.exclusive = 0

    def add(self, read: int, write: int, exclusive: int) -> None:
        """Change the counts."""
        self.read += read
        self.write += write
        self.exclusive += exclusive

    @property
    def any(self) -> bool:
        """Whether somebody has it open."""
        return bool(self.read or self.write or self.exclusive)

    @property
    def text(self) -> str:
        """As in confxml: r1w1e1."""
        return f"r{self.read}w{self.write}e{self.exclusive}"


class Consumer:
    """One geom's hold on a provider; ``private`` belongs to the geom's class."""

    __slots__ = ("address", "attached", "geom", "opened", "outstanding", "private", "provider")

    def __init__(self, geom: Geom, provider: Provider, address: int) -> None:
        self.geom = geom
        self.provider = provider
        self.address = address
        self.attached = True
        self.opened = Access()
        self.outstanding = 0
        self.private: Any = None
