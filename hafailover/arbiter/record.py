"""What stands in etcd for one group: the ``record``, which has no lease, and the ``holder``, which lives by one.

Both are JSON texts. A text is read strictly: what another version wrote with fields that are not known here is refused
and never rewritten, since dropping a field could drop a promise. Spec: own rule (docs/how-it-decides.md).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar

FORMAT_VERSION: Final = 1

_Value = TypeVar("_Value")


class Phase(Enum):
    """How far the last grant has got; the value is the word in the record."""

    IDLE = "idle"
    """Nobody serves, in order: founded, released, or given back after a promotion that failed."""
    ACTIVATING = "activating"
    """The holder of this epoch brings the group up; nothing that counts was written yet, the set is unchanged."""
    SERVING = "serving"
    """The holder of this epoch has committed: what it writes counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who made the last change, so that whoever lost the answer recognises its own work."""

    node: str
    boot: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArbiterRecord:
    """What is agreed about one group, whoever lives.

    Attributes:
        epoch: Number of the last grant; only grows.
        in_sync: Nodes whose copies hold every acknowledged write, sorted; never empty.
        lineages: (volume, lineage id) of what those copies hold.
        successor: Node that a release prefers; empty = none.
    """

    epoch: int
    in_sync: tuple[str, ...]
    lineages: tuple[tuple[str, str], ...]
    phase: Phase
    changed: Change
    successor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds the grant, in which boot and under which epoch. ``nonce`` changes with every renewal."""

    node: str
    boot: str
    epoch: int
    nonce: str

    def is_of(self, node: str, boot: str, epoch: int) -> bool:
        """Whether this is the grant of that node, boot and epoch, whichever renewal."""
        return (self.node, self.boot, self.epoch) == (node, boot, epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A text that is no record, or one of another version: it is left alone, and nothing is granted on it."""

    problem: str


def encode_record(record: ArbiterRecord) -> str:
    """Return the text of a record; the same record always has the same text."""
    return _text(
        {
            "version": FORMAT_VERSION,
            "epoch": record.epoch,
            "in_sync": list(record.in_sync),
            "lineages": dict(record.lineages),
            "phase": record.phase.value,
            "successor": record.successor,
            "changed": {
                "node": record.changed.node,
                "boot": record.changed.boot,
                "nonce": record.changed.nonce,
            },
        }
    )


def encode_holder(holder: Holder) -> str:
    """Return the text of a holder."""
    return _text(
        {
            "version": FORMAT_VERSION,
            "node": holder.node,
            "boot": holder.boot,
            "epoch": holder.epoch,
            "nonce": holder.nonce,
        }
    )


def decode_record(text: str) -> ArbiterRecord | Unreadable:
    """Return the record that a text holds, or why it holds none; never raises."""
    return _read("record", text, _record)


def decode_holder(text: str) -> Holder | Unreadable:
    """Return the holder that a text names, or why it names none; never raises."""
    return _read("holder", text, _holder)


def _record(document: dict[str, Any]) -> ArbiterRecord:
    keys = {"version", "epoch", "in_sync", "lineages", "phase", "successor", "changed"}
    _only(document, keys)
    changed = document["changed"]
    if not isinstance(changed, dict):
        raise TypeError("changed is no object")
    _only(changed, {"node", "boot", "nonce"})
    lineages = document["lineages"]
    if not isinstance(lineages, dict) or not isinstance(document["in_sync"], list):
        raise TypeError("lineages is no object, or in_sync no array")
    if not document["in_sync"]:
        raise ValueError("no copy counts")
    return ArbiterRecord(
        epoch=_number(document["epoch"]),
        in_sync=tuple(sorted(_word(each) for each in document["in_sync"])),
        lineages=tuple(sorted((name, _word(value)) for name, value in lineages.items())),
        phase=Phase(document["phase"]),
        successor=_word(document["successor"]),
        changed=Change(
            node=_word(changed["node"]), boot=_word(changed["boot"]), nonce=_word(changed["nonce"])
        ),
    )


def _holder(document: dict[str, Any]) -> Holder:
    _only(document, {"version", "node", "boot", "epoch", "nonce"})
    return Holder(
        node=_word(document["node"]),
        boot=_word(document["boot"]),
        epoch=_number(document["epoch"]),
        nonce=_word(document["nonce"]),
    )


def _read(what: str, text: str, make: Callable[[dict[str, Any]], _Value]) -> _Value | Unreadable:
    try:
        document = json.loads(text)
        if not isinstance(document, dict):
            return Unreadable(problem=f"the {what} is no JSON object")
        version = document.get("version")
        if version != FORMAT_VERSION:
            return Unreadable(
                problem=f"the {what} has version {version!r}, this agent knows {FORMAT_VERSION}"
            )
        return make(document)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        return Unreadable(problem=f"the {what} cannot be read: {error}")


def _only(document: dict[str, Any], known: set[str]) -> None:
    if difference := document.keys() ^ known:
        word = min(difference)
        raise ValueError(f"unknown field {word!r}" if word in document else f"no field {word!r}")


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no number of an epoch")
    return value


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
