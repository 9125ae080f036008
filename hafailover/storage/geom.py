"""``kern.geom.confxml`` as frozen values: classes, their geoms, and what those consume and provide.

The document is what the kernel writes in sys/geom/geom_dump.c: mesh > class > geom > (config,
consumer, provider). Its ``id`` attributes are kernel pointers, good inside one document and
meaningless across two, so they end here: consumers carry the name of the provider they sit on.
What the words of a class mean is decided in ``geom_facts``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from xml.etree import ElementTree as ET

from hafailover.storage.observation import ObservationError, number

Config = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What a geom offers to others: a device. ``mode`` (``rNwNeN``) counts its openers."""

    name: str
    mode: str
    media_size: int
    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """What a geom sits on; ``provider`` is empty while it is attached to nothing."""

    provider: str
    mode: str
    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Geom:
    """One instance of a class."""

    name: str
    is_withering: bool
    config: Config
    consumers: tuple[Consumer, ...]
    providers: tuple[Provider, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """The whole topology at one moment."""

    classes: Mapping[str, tuple[Geom, ...]]

    def geoms(self, name: str) -> tuple[Geom, ...]:
        """Return the geoms of the class ``name``; a class whose module is not loaded has none."""
        return self.classes.get(name, ())


def parse_mesh(text: str) -> Mesh:
    """Read a whole document.

    Raises:
        ObservationError: If it is ill-formed (the GATE class prints its ``info`` unescaped, so one
            ``&`` there is enough) or not shaped as the kernel shapes it. That means "cannot see",
            never "nothing there".
    """
    try:
        root = ET.fromstring(text)  # noqa: S314 - the kernel is the author, and nothing is fetched
    except (ET.ParseError, ValueError) as error:
        raise ObservationError("kern.geom.confxml", str(error)) from error
    if root.tag != "mesh":
        raise ObservationError("kern.geom.confxml", root.tag)
    providers = dict(_provider_names(root))
    classes: dict[str, tuple[Geom, ...]] = {}
    for class_element in root.iterfind("class"):
        name = _text(class_element, "name", "a class")
        geoms = tuple(_geom(element, name, providers) for element in class_element.iterfind("geom"))
        classes[name] = classes.get(name, ()) + geoms
    return Mesh(classes=MappingProxyType(classes))


def _provider_names(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield (id, name) of every provider, for consumers that refer to them by id."""
    for element in root.iterfind("class/geom/provider"):
        yield element.get("id", ""), _text(element, "name", "a provider")


def _geom(element: ET.Element, class_name: str, providers: Mapping[str, str]) -> Geom:
    name = _text(element, "name", f"a geom of class {class_name}")
    what = f"{class_name} {name}"
    return Geom(
        name=name,
        is_withering=element.find("wither") is not None,
        config=_config(element),
        consumers=tuple(_consumer(part, what, providers) for part in element.iterfind("consumer")),
        providers=tuple(_provider(part, what) for part in element.iterfind("provider")),
    )


def _consumer(element: ET.Element, what: str, providers: Mapping[str, str]) -> Consumer:
    reference = element.find("provider")
    provider = ""
    if reference is not None:
        pointer = reference.get("ref", "")
        if pointer not in providers:
            raise ObservationError(f"{what}, the provider of a consumer", pointer)
        provider = providers[pointer]
    return Consumer(
        provider=provider,
        mode=_text(element, "mode", f"{what}, a consumer"),
        config=_config(element),
    )


def _provider(element: ET.Element, what: str) -> Provider:
    name = _text(element, "name", f"{what}, a provider")
    where = f"{what}, provider {name}"
    return Provider(
        name=name,
        mode=_text(element, "mode", where),
        media_size=number(_text(element, "mediasize", where), f"{where}, mediasize"),
        config=_config(element),
    )


def _config(element: ET.Element) -> Config:
    """Return the keys under ``config``; the kernel prints none while the geom withers."""
    config = element.find("config")
    # Compared with None: an element without children is false.
    if config is None:
        return MappingProxyType({})
    return MappingProxyType({key.tag: (key.text or "").strip() for key in config})


def _text(element: ET.Element, tag: str, what: str) -> str:
    found = element.find(tag)
    if found is None or not (found.text or "").strip():
        raise ObservationError(what, f"no {tag}")
    return (found.text or "").strip()
