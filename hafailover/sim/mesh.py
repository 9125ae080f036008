"""What would an agent read in ``kern.geom.confxml``, without the text being written and parsed again?

Looking at the storage is what a simulated pair does most. The values are the same as on the long way; a test holds the
two against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.emulation import confxml
from hafailover.emulation.mirror import Disk
from hafailover.storage import geom, geom_facts
from hafailover.storage.geom_facts import SYNC_SUFFIX, GeomFacts
from hafailover.storage.observation import ObservationError

if TYPE_CHECKING:
    from hafailover.emulation.geom import Consumer, Geom, Provider
    from hafailover.emulation.topology import Topology

_CLASSES = ("MD", "GATE", "MIRROR", "LABEL")
"""Those of which an agent takes note."""


class Trees:
    """The trees that commands of one host have been told and nobody has read yet."""

    def __init__(self) -> None:
        self._count = 0
        self._told: dict[str, GeomFacts] = {}

    def tell(self, topology: Topology, modules: set[str]) -> str:
        """Stand in for ``confxml.render``: return a word for the tree as it is now."""
        self._count += 1
        word = f"tree {self._count}"
        self._told[word] = see(topology, modules)
        return word

    def read(self, text: str) -> GeomFacts:
        """Stand in for ``see_geom``."""
        return self._told.pop(text.strip())


def see(topology: Topology, modules: set[str]) -> GeomFacts:
    """Return the facts that ``see_geom`` would read in the text that ``confxml.render`` would write.

    Raises:
        ObservationError: As there.
    """
    _refuse_loose_ends(topology, modules)
    mesh = geom.Mesh(
        classes={
            name: tuple([_geom(each) for each in topology.geoms[name]])
            for name in _CLASSES
            if confxml.is_loaded(name, modules)
        }
    )
    return GeomFacts(
        memory_disks=geom_facts.memory_disks(mesh),
        gates=geom_facts.gates(mesh),
        mirrors=geom_facts.mirrors(mesh),
        label_providers=geom_facts.label_providers(mesh),
    )


def _refuse_loose_ends(topology: Topology, modules: set[str]) -> None:
    """A consumer of a provider that is not in the document makes the whole document unreadable."""
    shown = [
        each
        for name, geoms in topology.geoms.items()
        if confxml.is_loaded(name, modules)
        for each in geoms
    ]
    known = {id(provider) for each in shown for provider in each.providers}
    for each in shown:
        for consumer in each.consumers:
            if id(consumer.provider) not in known:
                what = f"{each.cls.name} {each.name}, the provider of a consumer"
                raise ObservationError(what, f"{consumer.provider.address:#x}")


def _geom(found: Geom) -> geom.Geom:
    is_described = not found.name.endswith(SYNC_SUFFIX)
    return geom.Geom(
        name=found.name,
        is_withering=False,
        config=_words(confxml.geom_config(found)) if is_described else {},
        consumers=tuple([_consumer(each, is_described=is_described) for each in found.consumers]),
        providers=tuple([_provider(each) for each in found.providers]),
    )


def _consumer(found: Consumer, *, is_described: bool) -> geom.Consumer:
    disk = found.private
    has_config = is_described and isinstance(disk, Disk)
    return geom.Consumer(
        provider=found.provider.name,
        mode=found.opened.text,
        config=_words(confxml.disk_config(found.geom.softc, disk)) if has_config else {},
    )


def _provider(found: Provider) -> geom.Provider:
    return geom.Provider(
        name=found.name,
        mode=found.opened.text,
        media_size=found.mediasize,
        config=_words(confxml.provider_config(found)),
    )


def _words(fields: list[tuple[str, object]]) -> dict[str, str]:
    return {name: str(value).strip() for name, value in fields}
