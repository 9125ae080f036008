r"""How does a lineage record stand on the disk, and which of two slots counts?

A record file has two slots of 4096 bytes. A new record goes into one of them, is durable then,
and is acknowledged; a little later it goes into the other one too. So a write torn by a power cut
leaves the older record, which was the last that anybody relied on; and a sector that goes bad at
rest leaves the same record, never an older claim that is no longer true. One slot::

    hafailover-record 1 <length> <SHA-256 of the payload, hexadecimal>\n
    <payload: JSON {"group", "volume", "record"}>\0\0\0...

The number in the first line is the format version. A slot of zeros was never written. A slot
that is whole and yet not understood makes the record unknown, and unknown is dangerous.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from hafailover.lineage.record import FORMAT_VERSION, LineageRecord
from hafailover.runtime.codec import decode, encode
from hafailover.runtime.shapes import CodecError

SLOT_BYTES: Final = 4096
SLOTS: Final = 2
_MAGIC: Final = b"hafailover-record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a record file says.

    Attributes:
        record: The record that counts, or one with copy ``unknown`` and the reason in ``doubt``.
        next_slot: Where the next record goes.
        is_precious: Whether the file holds something that was not understood, and is to be kept.
    """

    record: LineageRecord
    next_slot: int
    is_precious: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """One slot: empty, a record, or a problem."""

    record: LineageRecord | None = None
    problem: str = ""
    is_foreign: bool = False
    """Whether it is whole, and yet of another format or another volume."""


class RecordTooLongError(ValueError):
    """A record does not fit into a slot."""


def encode_slot(group: str, volume: str, record: LineageRecord) -> bytes:
    """Return the bytes of one slot; sentences for people are cut where it would not fit otherwise.

    Raises:
        RecordTooLongError: Not even then does the record fit.
    """
    content = _content(group, volume, record)
    if len(content) > SLOT_BYTES:
        bare = _content(group, volume, _with_sentences_of(record, 0))
        # In halves, for the doubt and the reason of a choice.
        content = _content(group, volume, _with_sentences_of(record, (SLOT_BYTES - len(bare)) // 2))
    if len(content) > SLOT_BYTES:
        raise RecordTooLongError(
            f"the record of {volume} needs {len(content)} bytes of {SLOT_BYTES}"
        )
    return content.ljust(SLOT_BYTES, b"\0")


def _content(group: str, volume: str, record: LineageRecord) -> bytes:
    document = {"group": group, "volume": volume, "record": encode(LineageRecord, record)}
    payload = json.dumps(document, separators=(",", ":")).encode()
    digest = hashlib.sha256(payload).hexdigest()
    return b"%s %d %d %s\n" % (_MAGIC, FORMAT_VERSION, len(payload), digest.encode()) + payload


def _with_sentences_of(record: LineageRecord, size: int) -> LineageRecord:
    """Cut each sentence to so many bytes; everything else is what decisions rest on."""
    choice = record.choice and replace(record.choice, reason=_cut(record.choice.reason, size))
    return replace(record, doubt=_cut(record.doubt, size), choice=choice)


def _cut(text: str, size: int) -> str:
    """Cut a text to so many bytes as JSON writes it, but never to nothing: that a doubt is there decides."""
    lengths = accumulate(len(json.dumps(character)) - 2 for character in text)
    return text[: max(1, sum(length <= size for length in lengths))]


def read_slots(content: bytes, *, group: str, volume: str) -> Reading:
    """Return what a whole record file says; never raises."""
    if len(content) != SLOTS * SLOT_BYTES:
        problem = f"the record file has {len(content)} bytes, not {SLOTS * SLOT_BYTES}"
        return Reading(record=unknown(problem), next_slot=0, is_precious=True)
    slots = tuple(
        _read_slot(content[at : at + SLOT_BYTES], group, volume)
        for at in range(0, len(content), SLOT_BYTES)
    )
    foreign = next((slot.problem for slot in slots if slot.is_foreign), "")
    if foreign:
        return Reading(record=unknown(foreign), next_slot=0, is_precious=True)
    valid = [(slot.record.sequence, place) for place, slot in enumerate(slots) if slot.record]
    if not valid:
        problem = next((slot.problem for slot in slots if slot.problem), "")
        if problem:
            return Reading(record=unknown(problem), next_slot=0, is_precious=True)
        return Reading(record=unknown("no record was ever written"), next_slot=0)
    _, newest = max(valid)
    record = slots[newest].record
    assert record is not None  # noqa: S101 - only valid slots were counted
    return Reading(record=record, next_slot=1 - newest)


def unknown(reason: str) -> LineageRecord:
    """Return the record that says that nothing is known, and why."""
    return LineageRecord(doubt=reason)


def _read_slot(slot: bytes, group: str, volume: str) -> _Slot:
    if not slot.strip(b"\0"):
        return _Slot()
    head, _, rest = slot.partition(b"\n")
    words = head.split(b" ")
    if len(words) < 2 or words[0] != _MAGIC or not words[1].isdigit():
        return _Slot(problem="the record is damaged: it has no first line")
    if int(words[1]) != FORMAT_VERSION:
        version = words[1].decode()
        return _Slot(problem=f"the record is of the unknown format {version}", is_foreign=True)
    if len(words) != 4 or not words[2].isdigit():
        return _Slot(problem="the record is damaged: its first line is not whole")
    payload = rest[: int(words[2])]
    if hashlib.sha256(payload).hexdigest().encode() != words[3]:
        return _Slot(problem="the record is damaged: its checksum is wrong")
    return _read_payload(payload, group, volume)


def _read_payload(payload: bytes, group: str, volume: str) -> _Slot:
    try:
        document = json.loads(payload)
        if not isinstance(document, dict) or document.keys() != {"group", "volume", "record"}:
            return _Slot(problem="the record holds something else", is_foreign=True)
        if (document["group"], document["volume"]) != (group, volume):
            whose = f"{document['group']}/{document['volume']}"
            return _Slot(problem=f"the record is that of {whose}", is_foreign=True)
        return _Slot(record=decode(LineageRecord, document["record"]))
    except (CodecError, ValueError) as error:
        return _Slot(problem=f"the record is not understood: {error}", is_foreign=True)
