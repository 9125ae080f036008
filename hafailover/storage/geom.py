"""``kern.geom.confxml`` as frozen values: classes, their geoms, and what those consume and provide.

The document is what the kernel writes in sys/geom/geom_dump.c: mesh > class > geom > (config,
consumer, provider). Its ``id`` attributes are kernel pointers, good inside one document and
meaningless across two, so they end here: consumers carry the name of the provider they sit on.
What the words of a class mean is decided in ``geom_facts``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from xml.etree import ElementTree as ET

from hafailover.storage.observation import ObservationError, number

Config = Mapping[str, str]

_INFO: Final = re.compile(r"^(\s*<info>)(.*)(</info>)$", re.MULTILINE)


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
        ObservationError: If it is ill-formed or not shaped as the kernel shapes it. That means
            "cannot see", never "nothing there".
    """
    try:
        root = _parse(text)
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


def _parse(text: str) -> ET.Element:
    """Parse a document in which the ``info`` of a ggate may be ill-formed.

    The GATE class prints it as it was given (g_gate.c): one ``&`` in the path of anybody's ggate
    would make this host blind. Whatever stands there stands on one line, so it can be escaped after
    the fact; a document that is well-formed is taken as it is.
    """
    try:
        return ET.fromstring(text)  # noqa: S314 - the kernel is the author, and nothing is fetched
    except ET.ParseError:
        mended = _INFO.sub(lambda found: f"{found[1]}{_escaped(found[2])}{found[3]}", text)
        return ET.fromstring(mended)  # noqa: S314 - the same


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
