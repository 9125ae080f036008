"""How do geoms hang together, and who may open what?

The parts of geom(4) that storage for one mirror needs: access counts with their rule of exclusive
and writing openers, spoiling, tasting after the last write-close, orphans (geom_subr.c).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from hafailover.emulation.errors import ENXIO, EPERM
from hafailover.emulation.events import EventThread
from hafailover.emulation.geom import Bio, BioCommand, Consumer, Geom, GeomClass, Provider
from hafailover.emulation.tasks import Completion, Coroutine, Scheduler


class Topology:
    """All geoms of one kernel, newest first within each class."""

    def __init__(
        self, scheduler: Scheduler, events: EventThread, addresses: Callable[[], int]
    ) -> None:
        self.scheduler = scheduler
        self.events = events
        self.classes: list[GeomClass] = []
        self.geoms: dict[str, list[Geom]] = {}
        self.providers: dict[str, Provider] = {}
        self.address = addresses

    def register(self, cls: GeomClass) -> None:
        """Add a class behind those already there; it tastes after them."""
        self.classes.append(cls)
        self.geoms[cls.name] = []

    def new_geom(self, cls: GeomClass, name: str, softc: Any = None) -> Geom:
        """Make an empty geom of ``cls``."""
        geom = Geom(cls, name, self.address(), softc)
        self.geoms[cls.name].insert(0, geom)
        return geom

    def destroy_geom(self, geom: Geom) -> None:
        """Remove a geom that has neither consumers nor providers left."""
        self.geoms[geom.cls.name].remove(geom)

    def new_provider(
        self, geom: Geom, name: str, size: tuple[int, int], start: Callable[[Bio], None]
    ) -> Provider:
        """Offer ``name`` (mediasize, sectorsize) and have every class taste it."""
        provider = Provider(geom, name, size, start, self.address())
        geom.providers.insert(0, provider)
        self.providers[name] = provider
        self.events.post(lambda: self._taste(provider))
        return provider

    def attach(self, geom: Geom, provider: Provider) -> Consumer:
        """Let ``geom`` hold ``provider``, closed at first."""
        consumer = Consumer(geom, provider, self.address())
        geom.consumers.insert(0, consumer)
        provider.consumers.append(consumer)
        return consumer

    def detach(self, consumer: Consumer) -> None:
        """Let go of the provider; an orphaned one goes away with its last consumer."""
        if not consumer.attached:
            return
        consumer.attached = False
        consumer.geom.consumers.remove(consumer)
        consumer.provider.consumers.remove(consumer)
        self._reap(consumer.provider)
        self._reap_geom(consumer.geom)

    def permitted(self, consumer: Consumer, write: int, exclusive: int) -> int:
        """Return 0 or the error for opening ``consumer`` further (g_access)."""
        provider = consumer.provider
        if provider.error:
            return provider.error
        others_write = provider.opened.write - consumer.opened.write
        others_exclusive = provider.opened.exclusive - consumer.opened.exclusive
        if (exclusive > 0 and others_write > 0) or (write > 0 and others_exclusive > 0):
            return EPERM
        return 0

    def access(self, consumer: Consumer, read: int, write: int, exclusive: int) -> Coroutine[int]:
        """Change how far ``consumer`` has its provider open; 0 or an error.

        Closing may sleep (a mirror marks its components clean). The first writer spoils who else
        looks at the provider; the last one's close makes every class taste it again.
        """
        provider = consumer.provider
        if read > 0 or write > 0 or exclusive > 0:
            error = self.permitted(consumer, write, exclusive)
            if error:
                return error
        if provider.access_hook is not None:
            error = yield from provider.access_hook(read, write, exclusive)
            if error:
                return error
        first = write > 0 and provider.opened.write == 0
        last = write < 0 and provider.opened.write == -write
        provider.opened.add(read, write, exclusive)
        consumer.opened.add(read, write, exclusive)
        if first:
            self._spoil(consumer)
        elif last and not provider.error:
            self.events.post(lambda: self._taste(provider))
        return 0

    def close(self, consumer: Consumer) -> Coroutine[None]:
        """Close whatever ``consumer`` has open."""
        opened = consumer.opened
        if opened.any:
            yield from self.access(consumer, -opened.read, -opened.write, -opened.exclusive)

    def orphan(self, provider: Provider, error: int = ENXIO) -> None:
        """Declare a provider gone: its name ends, its consumers are told, requests fail."""
        if provider.error:
            return
        provider.error = error
        if self.providers.get(provider.name) is provider:
            del self.providers[provider.name]
        self.events.post(lambda: self._tell_orphaned(provider), first=True)

    def wither(self, geom: Geom) -> None:
        """Orphan all that ``geom`` offers; it goes away with the last of it."""
        geom.withering = True
        for provider in tuple(geom.providers):
            self.orphan(provider)
        self._reap_geom(geom)

    def io(self, consumer: Consumer, bio: Bio) -> None:
        """Send a request through ``consumer``."""
        consumer.provider.request(bio, self.scheduler.now)

    def transfer(
        self, provider: Provider, command: BioCommand, offset: int, length: int, data: bytes = b""
    ) -> Coroutine[tuple[int, bytes]]:
        """Do one request and sleep until it is answered (g_read_data, g_write_data)."""
        completion = Completion()
        bio = Bio(command, offset, length, data, lambda e, d: completion.finish((e, d)))
        provider.request(bio, self.scheduler.now)
        answer: tuple[int, bytes] = yield completion
        return answer

    def _tell_orphaned(self, provider: Provider) -> Coroutine[None]:
        for consumer in tuple(provider.consumers):
            if consumer.geom.on_orphan is not None:
                yield from consumer.geom.on_orphan(consumer)
        self._reap(provider)

    def _reap(self, provider: Provider) -> None:
        geom = provider.geom
        if provider.error and not provider.consumers and provider in geom.providers:
            geom.providers.remove(provider)
            self._reap_geom(geom)

    def _reap_geom(self, geom: Geom) -> None:
        if geom.withering and not geom.providers and not geom.consumers:
            geoms = self.geoms[geom.cls.name]
            if geom in geoms:
                geoms.remove(geom)

    def _spoil(self, opener: Consumer) -> None:
        for consumer in tuple(opener.provider.consumers):
            spoil = consumer.geom.on_spoil
            if consumer is not opener and spoil is not None:
                self.events.post(partial(spoil, consumer))

    def taste_all(self, cls: GeomClass) -> None:
        """Let a class that has just been loaded taste everything that is there."""
        for provider in tuple(self.providers.values()):
            self.events.post(partial(cls.taste, provider))

    def _taste(self, provider: Provider) -> Coroutine[None]:
        for cls in self.classes:
            if provider.error:
                return
            if all(consumer.geom.cls is not cls for consumer in provider.consumers):
                yield from cls.taste(provider)
