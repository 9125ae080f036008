"""What do two agents say to each other inside an authenticated connection?

From who opened the connection ``{"group": NAME, "report": {...}}``, and while nothing in it changes but its number
``{"group": NAME, "again": NUMBER}``, which repeats the last report of this connection; ``{"ack": NUMBER}`` back: so
many of both have been taken. A repetition is not always acknowledged at once: ``"of": CONNECTION, "ack": NUMBER`` rides
on one that goes the other way, in the connection that the other node has opened. And, while two copies are compared,
``{"question": {...}}`` and ``{"answer": {...}}``: only hashes travel, and the names of files that differ.
"""

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from hafailover.group.report import GroupReport
from hafailover.runtime.codec import decode, decode_any, encode
from hafailover.runtime.shapes import CodecError
from hafailover.runtime.sound_json import read_sound

PLACE_BYTES: Final = 4096
_PLACE: Final = struct.Struct(">II")
_AGAIN: Final = re.compile(
    rb'\{"group":"([^"\\]+)","again":([0-9]{1,18})(?:,"of":"([0-9a-f]{8})","ack":([0-9]{1,18}))?\}'
)
_ACK: Final = re.compile(rb'\{"ack":([0-9]{1,18})\}')
_SEQUENCE: Final = re.compile(rb'"sequence":([0-9]{1,18}),"role":')
"""The number of a report, which is followed by its role; records inside it have numbers of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMessage:
    """A report of one group."""

    group: str
    report: GroupReport


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainMessage:
    """The last report of the group on this connection holds, under another number."""

    group: str
    sequence: int
    taken: "Taken | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AckMessage:
    """So many reports of this connection have been taken."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """So many reports of another connection, the one that goes the other way, have been taken."""

    of: str
    """What both sides call that connection (``PeerWire.name``)."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HashQuestion:
    """What are the hashes of these blocks of your copy?"""

    number: int
    group: str
    volume: str
    offset: int
    length: int
    block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HashAnswer:
    """The hashes that were asked for, one after the other in hexadecimal, or why there are none."""

    number: int
    hashes: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesQuestion:
    """Which files of your copy lie in these places?"""

    number: int
    group: str
    volume: str
    places: bytes
    """As ``pack_places`` makes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesAnswer:
    """What lies there, or why nobody knows."""

    number: int
    text: str = ""
    """JSON as ``system.compare_work.files_of`` makes it: an agent passes it on and does not read it."""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstood:
    """An authentic payload that is none of the above."""

    problem: str
    group: str = ""
    """Whose report it seems to be; empty if it is none."""


Question = HashQuestion | FilesQuestion
PeerAnswer = HashAnswer | FilesAnswer
PeerMessage = ReportMessage | AgainMessage | AckMessage | Question | PeerAnswer | NotUnderstood


def pack_places(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return (offset, length) pairs in eight bytes each, in blocks of ``PLACE_BYTES``."""
    return b"".join(
        _PLACE.pack(offset // PLACE_BYTES, -(-length // PLACE_BYTES)) for offset, length in ranges
    )


def unpack_places(packed: bytes) -> list[tuple[int, int]]:
    """Return the (offset, length) pairs; what does not make a whole one at the end is left out."""
    whole = packed[: len(packed) // _PLACE.size * _PLACE.size]
    return [(at * PLACE_BYTES, count * PLACE_BYTES) for at, count in _PLACE.iter_unpack(whole)]


def encode_report(group: str, report: GroupReport) -> bytes:
    """Return the payload for a report."""
    document = {"group": group, "report": encode(GroupReport, report)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_again(group: str, sequence: int, taken: Taken | None = None) -> bytes:
    """Return the payload that repeats the last report of a group; its name needs no escapes (configuration)."""
    if taken is None:
        return b'{"group":"%b","again":%d}' % (group.encode(), sequence)
    said = (group.encode(), sequence, taken.of.encode(), taken.count)
    return b'{"group":"%b","again":%d,"of":"%b","ack":%d}' % said


def encode_question(question: Question) -> bytes:
    """Return the payload of a question."""
    document = {"question": encode(Question, question)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_answer(answer: PeerAnswer) -> bytes:
    """Return the payload of an answer."""
    document = {"answer": encode(PeerAnswer, answer)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_ack(count: int) -> bytes:
    """Return the payload that acknowledges ``count`` reports."""
    return b'{"ack":%d}' % count


@lru_cache(maxsize=64)
def _read(text: bytes, *, strict: bool) -> PeerMessage:
    """Read a payload; a healthy peer says the same again and again but for the number of its report."""
    group = ""
    try:
        document = read_sound(text)
        if isinstance(document, dict) and isinstance(document.get("group"), str):
            group = document["group"]
            report = decode(GroupReport, document.get("report"), strict=strict)
            return ReportMessage(group=group, report=report)
        if isinstance(document, dict) and type(document.get("ack")) is int:
            return AckMessage(count=document["ack"])
        if isinstance(document, dict) and "question" in document:
            question: Question = decode_any(Question, document["question"], strict=strict)
            return question
        if isinstance(document, dict) and "answer" in document:
            answer: PeerAnswer = decode_any(PeerAnswer, document["answer"], strict=strict)
            return answer
    except (CodecError, ValueError, RecursionError) as error:
        return NotUnderstood(problem=str(error), group=group)
    return NotUnderstood(problem="neither a report nor an acknowledgement")


def decode_payload(payload: bytes, *, strict: bool) -> PeerMessage:
    """Return what a payload says; never raises.

    Args:
        payload: What ``Message`` carried.
        strict: Whether the peer knows the same versions, so that no field may differ.
    """
    again = _AGAIN.fullmatch(payload)
    if again is not None:
        group = again[1].decode(errors="replace")
        taken = Taken(of=again[3].decode(), count=int(again[4])) if again[3] else None
        return AgainMessage(group=group, sequence=int(again[2]), taken=taken)
    ack = _ACK.fullmatch(payload)
    if ack is not None:
        return AckMessage(count=int(ack[1]))
    number = _SEQUENCE.search(payload)
    if number is None:
        return _read(payload, strict=strict)
    said = _read(payload[: number.start(1)] + b"0" + payload[number.end(1) :], strict=strict)
    if isinstance(said, ReportMessage):
        return replace(said, report=replace(said.report, sequence=int(number[1])))
    return said
