"""What do two agents say to each other inside an authenticated connection?

``{"group": NAME, "report": {...}}`` from who opened the connection, ``{"ack": NUMBER}`` back:
so many reports of this connection have been taken.
"""

import json
from dataclasses import dataclass

from hafailover.group.report import GroupReport
from hafailover.runtime.codec import decode, encode
from hafailover.runtime.shapes import CodecError


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


def decode_payload(payload: bytes, *, strict: bool) -> ReportMessage | AckMessage | NotUnderstood:
    """Return what a payload says; never raises.

    Args:
        payload: What ``Message`` carried.
        strict: Whether the peer knows the same versions, so that no field may differ.
    """
    try:
        document = json.loads(payload)
        if isinstance(document, dict) and isinstance(document.get("group"), str):
            report = decode(GroupReport, document.get("report"), strict=strict)
            return ReportMessage(group=document["group"], report=report)
        if isinstance(document, dict) and type(document.get("ack")) is int:
            return AckMessage(count=document["ack"])
    except (CodecError, ValueError, RecursionError) as error:
        return NotUnderstood(problem=str(error))
    return NotUnderstood(problem="neither a report nor an acknowledgement")
