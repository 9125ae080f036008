"""A parsed mesh, seen as md units, ggate units, mirrors and labels.

An unknown word of state is never guessed at: it makes the whole look unknown.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from hafailover.storage.facts import (
    Component,
    ComponentState,
    Gate,
    MemoryDisk,
    Mirror,
    MirrorState,
)
from hafailover.storage.geom import Config, Consumer, Geom, Mesh, parse_mesh
from hafailover.storage.observation import ObservationError, number

_State = TypeVar("_State", bound=Enum)

SYNC_SUFFIX: Final = ".sync"
"""Name of the helper geom through which gmirror reads while it synchronises; it is no mirror."""
_NO_FLAGS: Final = frozenset({"", "NONE", "(null)"})
_DISK: Final = re.compile(r"md([0-9]{1,9})")
_GATE: Final = re.compile(r"ggate([0-9]{1,9})")
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeomFacts:
    """Everything that one look at ``kern.geom.confxml`` says."""

    memory_disks: tuple[MemoryDisk, ...]
    gates: tuple[Gate, ...]
    mirrors: tuple[Mirror, ...]
    label_providers: tuple[str, ...]


def see_geom(text: str) -> GeomFacts:
    """Read ``kern.geom.confxml`` into facts.

    Raises:
        ObservationError: If any part that matters was not understood.
    """
    mesh = parse_mesh(text)
    return GeomFacts(
        memory_disks=memory_disks(mesh),
        gates=gates(mesh),
        mirrors=mirrors(mesh),
        label_providers=label_providers(mesh),
    )


def memory_disks(mesh: Mesh) -> tuple[MemoryDisk, ...]:
    """Return the md units, lowest first (class MD; its keys stand in the provider's config)."""
    return tuple(
        sorted((_memory_disk(geom) for geom in mesh.geoms("MD")), key=lambda disk: disk.unit)
    )


def gates(mesh: Mesh) -> tuple[Gate, ...]:
    """Return the ggate units, lowest first (class GATE; its keys stand in the geom's config).

    Whoever creates a gate may give it a name of its own, as hastd(8) does: such a one is none of ours.
    """
    named = ((_GATE.fullmatch(geom.name), geom) for geom in mesh.geoms("GATE"))
    found = (_gate(int(name[1]), geom) for name, geom in named if name is not None)
    return tuple(sorted(found, key=lambda gate: gate.unit))


def mirrors(mesh: Mesh) -> tuple[Mirror, ...]:
    """Return the mirrors by name, those still starting included (class MIRROR)."""
    found = (_mirror(geom) for geom in mesh.geoms("MIRROR") if not geom.name.endswith(SYNC_SUFFIX))
    return tuple(sorted(found, key=lambda mirror: mirror.name))


def label_providers(mesh: Mesh) -> tuple[str, ...]:
    """Return what the label class offers.

    A mirror that came back by itself after ``gmirror stop`` sits on one of these, not on its md.
    """
    return tuple(
        sorted(provider.name for geom in mesh.geoms("LABEL") for provider in geom.providers)
    )


def _memory_disk(geom: Geom) -> MemoryDisk:
    name = _DISK.fullmatch(geom.name)
    if name is None:
        raise ObservationError("the name of a unit", geom.name)
    unit = int(name[1])
    if geom.is_withering or not geom.providers:
        return MemoryDisk(
            unit=unit, file="", is_read_only=False, size_bytes=0, open_mode="", is_withering=True
        )
    provider = geom.providers[0]
    what = f"MD {geom.name}"
    access = _word(provider.config, "access", what)
    if access not in {"read-write", "read-only"}:
        raise ObservationError(f"{what}, access", access)
    is_file = _word(provider.config, "type", what) == "vnode"
    return MemoryDisk(
        unit=unit,
        file=_path(_word(provider.config, "file", what)) if is_file else "",
        is_read_only=access == "read-only",
        size_bytes=provider.media_size,
        open_mode=provider.mode,
    )


def _gate(unit: int, geom: Geom) -> Gate:
    mode = geom.providers[0].mode if geom.providers else ""
    if geom.is_withering:
        return Gate(unit=unit, info="", timeout_s=0, open_mode=mode, is_withering=True)
    what = f"GATE {geom.name}"
    return Gate(
        unit=unit,
        info=_word(geom.config, "info", what),
        timeout_s=_count(geom.config, "timeout", what),
        open_mode=mode,
    )


def _mirror(geom: Geom) -> Mirror:
    if geom.is_withering:
        return Mirror(
            name=geom.name,
            state=MirrorState.WITHERING,
            mirror_id=0,
            genid=0,
            syncid=0,
            wanted_components=0,
            components=(),
        )
    what = f"MIRROR {geom.name}"
    config = geom.config
    provider = geom.providers[0] if geom.providers else None
    return Mirror(
        name=geom.name,
        state=_state(MirrorState, _word(config, "State", what), what),
        mirror_id=_count(config, "ID", what),
        genid=_count(config, "GenID", what),
        syncid=_count(config, "SyncID", what),
        wanted_components=_count(config, "Components", what),
        components=tuple(_component(consumer, what) for consumer in geom.consumers),
        balance=_word(config, "Balance", what),
        flags=_flags(config),
        open_mode=provider.mode if provider is not None else "",
        media_size=provider.media_size if provider is not None else 0,
    )


def _component(consumer: Consumer, mirror: str) -> Component:
    what = f"{mirror}, component {consumer.provider or 'without a provider'}"
    config = consumer.config
    if not config:
        # The kernel has taken the disk away and not yet the consumer: it prints an empty config.
        return Component(
            provider=consumer.provider, state=ComponentState.NONE, priority=0, genid=0, syncid=0
        )
    return Component(
        provider=consumer.provider,
        state=_state(ComponentState, _word(config, "State", what), what),
        priority=_count(config, "Priority", what),
        genid=_count(config, "GenID", what),
        syncid=_count(config, "SyncID", what),
        flags=_flags(config),
        synchronized_percent=_percent(config, what),
        bytes_synced=_count(config, "BytesSynced", what) if "BytesSynced" in config else 0,
    )


def _path(text: str) -> str:
    """Undo the kernel's escaping of a path: it writes every byte above 0x7e as a character."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _word(config: Config, key: str, what: str) -> str:
    if key not in config:
        raise ObservationError(what, f"no {key}")
    return config[key]


def _count(config: Config, key: str, what: str) -> int:
    return number(_word(config, key, what), f"{what}, {key}")


def _percent(config: Config, what: str) -> int | None:
    if "Synchronized" not in config:
        return None
    match = _PERCENT.fullmatch(config["Synchronized"])
    if match is None:
        raise ObservationError(f"{what}, Synchronized", config["Synchronized"])
    return int(match[1])


def _flags(config: Config) -> tuple[str, ...]:
    """Return the words of Flags. They differ between releases; a clean md shows none at all."""
    text = config.get("Flags", "")
    if text in _NO_FLAGS:
        return ()
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _state(words: type[_State], word: str, what: str) -> _State:
    try:
        state = words(word)
    except ValueError as error:
        raise ObservationError(f"{what}, State", word) from error
    if state is MirrorState.WITHERING:
        raise ObservationError(f"{what}, State", word)
    return state
