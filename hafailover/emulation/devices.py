"""Which other GEOM classes look at every provider, and how do programs open device nodes?"""

from hafailover.emulation import superblock
from hafailover.emulation.errors import ENOENT
from hafailover.emulation.geom import BioCommand, Consumer, Geom, Provider, Untasting
from hafailover.emulation.tasks import Coroutine
from hafailover.emulation.topology import Topology


class NamedClass(Untasting):
    """A class of which only the boot disk's geoms matter here."""

    def __init__(self, name: str) -> None:
        self.name = name


class ProbingClass:
    """A class that reads a few sectors of every provider and finds nothing of its own."""

    def __init__(self, topology: Topology, name: str, reads: int) -> None:
        self.name = name
        self._topology = topology
        self._reads = reads

    def taste(self, provider: Provider) -> Coroutine[None]:
        """Read the sectors; a dead ggate makes this wait, once for each."""
        geom = self._topology.new_geom(self, f"{self.name.lower()}:taste")
        consumer = self._topology.attach(geom, provider)
        if (yield from self._topology.access(consumer, 1, 0, 0)) == 0:
            for _ in range(self._reads):
                if not provider.error:
                    yield from self._topology.transfer(
                        provider, BioCommand.READ, 0, provider.sectorsize
                    )
            yield from self._topology.close(consumer)
        self._topology.detach(consumer)
        self._topology.destroy_geom(geom)


class DevClass:
    """Class DEV: the nodes below /dev."""

    name = "DEV"

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def taste(self, provider: Provider) -> Coroutine[None]:
        """Make the node."""
        yield from ()
        geom = self._topology.new_geom(self, provider.name)
        geom.on_orphan = self._orphan
        self._topology.attach(geom, provider)

    def node(self, name: str) -> Consumer | None:
        """Return the consumer behind /dev/NAME."""
        for geom in self._topology.geoms[self.name]:
            if geom.name == name and geom.consumers:
                return geom.consumers[0]
        return None

    def open(self, name: str, access: tuple[int, int, int]) -> Coroutine[int]:
        """Open /dev/NAME (readers, writers, exclusive users); 0 or an error."""
        consumer = self.node(name)
        if consumer is None:
            return ENOENT
        error: int = yield from self._topology.access(consumer, *access)
        return error

    def close(self, name: str, access: tuple[int, int, int]) -> Coroutine[None]:
        """Undo ``open``; nothing is left to do if the device has gone meanwhile."""
        consumer = self.node(name)
        if consumer is not None:
            read, write, exclusive = access
            yield from self._topology.access(consumer, -read, -write, -exclusive)

    def _orphan(self, consumer: Consumer) -> Coroutine[None]:
        yield from self._topology.close(consumer)
        self._topology.wither(consumer.geom)
        self._topology.detach(consumer)


class LabelClass:
    """Class LABEL: /dev/ufsid/ID and /dev/ufs/NAME for what carries a UFS.

    It does not look at what is open for writing, and lets go when somebody opens the provider
    below for writing (sys/geom/label/g_label.c, g_slice.c).
    """

    name = "LABEL"
    _OTHER_KINDS = 7

    def __init__(self, topology: Topology, enabled: dict[str, int]) -> None:
        self._topology = topology
        self._enabled = enabled

    def taste(self, provider: Provider) -> Coroutine[None]:
        """Offer the provider a second time under the names that it carries."""
        if provider.opened.write > 0 or provider.geom.cls is self:
            return
        geom = self._topology.new_geom(self, "label:taste")
        consumer = self._topology.attach(geom, provider)
        found = None
        if (yield from self._topology.access(consumer, 1, 0, 0)) == 0:
            found = yield from self._probe(provider)
            yield from self._topology.close(consumer)
        self._topology.detach(consumer)
        self._topology.destroy_geom(geom)
        if found is None or not found.fits(provider.mediasize):
            return
        if self._enabled["ufsid"]:
            self._offer(provider, f"ufsid/{found.fs_id[0]:08x}{found.fs_id[1]:08x}")
        if self._enabled["ufs"] and found.label:
            self._offer(provider, f"ufs/{found.label}")

    def _probe(self, provider: Provider) -> Coroutine[superblock.Superblock | None]:
        size = provider.sectorsize
        for _ in range(self._OTHER_KINDS):
            if provider.error:
                return None
            yield from self._topology.transfer(provider, BioCommand.READ, 0, size)
        if provider.mediasize < superblock.OFFSET + size:
            return None
        error, sector = yield from self._topology.transfer(
            provider, BioCommand.READ, superblock.OFFSET, max(size, superblock.LENGTH)
        )
        return None if error else superblock.decode(sector)

    def _offer(self, below: Provider, name: str) -> None:
        if name in self._topology.providers:
            return
        geom = self._topology.new_geom(self, below.name)
        geom.on_spoil = geom.on_orphan = self._let_go
        consumer = self._topology.attach(geom, below)
        size = (below.mediasize, below.sectorsize)
        provider = self._topology.new_provider(
            geom, name, size, lambda bio: self._topology.io(consumer, bio)
        )
        provider.deletes = below.deletes

        def access(read: int, write: int, exclusive: int) -> Coroutine[int]:
            opened = provider.opened
            after = (opened.read + read, opened.write + write, opened.exclusive + exclusive)
            extra = int(any(after)) - int(opened.any)
            if below.error:
                return 0
            error: int = yield from self._topology.access(consumer, read, write, exclusive + extra)
            return error

        provider.access_hook = access

    def _let_go(self, consumer: Consumer) -> Coroutine[None]:
        geom: Geom = consumer.geom
        self._topology.wither(geom)
        yield from self._topology.close(consumer)
        self._topology.detach(consumer)
