"""What do two agents say to each other inside an authenticated connection?

``{"group": NAME, "report": {...}}`` from who opened the connection, ``{"ack": NUMBER}`` back:
so many reports of this connection have been taken.
"""

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from hafailover.group.report import GroupReport
from hafailover.runtime.codec import decode, encode
from hafailover.runtime.shapes import CodecError

_SEQUENCE: Final = re.compile(rb'"sequence":([0-9]{1,18}),"role":')
"""The number of a report, which is followed by its role; records inside it have numbers of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMessage:
    """A report of one group."""

    group: str
    report: GroupReport


@dataclass(frozen=True, slots=True, kw_only=True)
class AckMessage:
    """So many reports of this connection have been taken."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstood:
    """An authentic payload that is none of the above."""

    problem: str


def encode_report(group: str, report: GroupReport) -> bytes:
    """Return the payload for a report."""
    document = {"group": group, "report": encode(GroupReport, report)}
    return json.dumps(document, separators=(",", ":")).encode()


def encode_ack(count: int) -> bytes:
    """Return the payload that acknowledges ``count`` reports."""
    return b'{"ack":%d}' % count


@lru_cache(maxsize=64)
def _read(text: bytes, *, strict: bool) -> ReportMessage | AckMessage | NotUnderstood:
    """Read a payload; a healthy peer says the same again and again but for the number of its report."""
    try:
        document = json.loads(text)
        if isinstance(document, dict) and isinstance(document.get("group"), str):
            report = decode(GroupReport, document.get("report"), strict=strict)
            return ReportMessage(group=document["group"], report=report)
        if isinstance(document, dict) and type(document.get("ack")) is int:
            return AckMessage(count=document["ack"])
    except (CodecError, ValueError, RecursionError) as error:
        return NotUnderstood(problem=str(error))
    return NotUnderstood(problem="neither a report nor an acknowledgement")


def decode_payload(payload: bytes, *, strict: bool) -> ReportMessage | AckMessage | NotUnderstood:
    """Return what a payload says; never raises.

    Args:
        payload: What ``Message`` carried.
        strict: Whether the peer knows the same versions, so that no field may differ.
    """
    number = _SEQUENCE.search(payload)
    if number is None:
        return _read(payload, strict=strict)
    said = _read(payload[: number.start(1)] + b"0" + payload[number.end(1) :], strict=strict)
    if isinstance(said, ReportMessage):
        return replace(said, report=replace(said.report, sequence=int(number[1])))
    return said
