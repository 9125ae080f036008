"""What do two agents say to each other inside an authenticated connection?

From who opened the connection ``{"group": NAME, "report": {...}}``, and while nothing in it changes but its number
``{"group": NAME, "again": NUMBER}``, which repeats the last report of this connection; ``{"ack": NUMBER}`` back: so
many of both have been taken. A repetition is not always acknowledged at once. And, while two copies are compared,
``{"question": {...}}`` and ``{"answer": {...}}``: only hashes travel.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from hafailover.group.report import GroupReport
from hafailover.runtime.codec import decode, encode
from hafailover.runtime.shapes import CodecError

_AGAIN: Final = re.compile(rb'\{"group":"([^"\\]+)","again":([0-9]{1,18})\}')
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AckMessage:
    """So many reports of this connection have been taken."""

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
class NotUnderstood:
    """An authentic payload that is none of the above."""

    problem: str


PeerMessage = ReportMessage | AgainMessage | AckMessage | HashQuestion | HashAnswer | NotUnderstood


def encode_report(group: str, report: GroupReport) -> bytes:
    """Return the payload for a report."""
    document = {"group": group, "report": encode(GroupReport, report)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_again(group: str, sequence: int) -> bytes:
    """Return the payload that repeats the last report of a group; its name needs no escapes (configuration)."""
    return b'{"group":"%b","again":%d}' % (group.encode(), sequence)


def encode_question(question: HashQuestion) -> bytes:
    """Return the payload of a question."""
    document = {"question": encode(HashQuestion, question)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_answer(answer: HashAnswer) -> bytes:
    """Return the payload of an answer."""
    document = {"answer": encode(HashAnswer, answer)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_ack(count: int) -> bytes:
    """Return the payload that acknowledges ``count`` reports."""
    return b'{"ack":%d}' % count


@lru_cache(maxsize=64)
def _read(text: bytes, *, strict: bool) -> PeerMessage:
    """Read a payload; a healthy peer says the same again and again but for the number of its report."""
    try:
        document = json.loads(text)
        if isinstance(document, dict) and isinstance(document.get("group"), str):
            report = decode(GroupReport, document.get("report"), strict=strict)
            return ReportMessage(group=document["group"], report=report)
        if isinstance(document, dict) and type(document.get("ack")) is int:
            return AckMessage(count=document["ack"])
        if isinstance(document, dict) and "question" in document:
            return decode(HashQuestion, document["question"], strict=strict)
        if isinstance(document, dict) and "answer" in document:
            return decode(HashAnswer, document["answer"], strict=strict)
    except (CodecError, ValueError, RecursionError) as error:
        return NotUnderstood(problem=str(error))
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
        return AgainMessage(group=group, sequence=int(again[2]))
    number = _SEQUENCE.search(payload)
    if number is None:
        return _read(payload, strict=strict)
    said = _read(payload[: number.start(1)] + b"0" + payload[number.end(1) :], strict=strict)
    if isinstance(said, ReportMessage):
        return replace(said, report=replace(said.report, sequence=int(number[1])))
    return said
