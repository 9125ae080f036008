"""What the agents say to each other is read as it was said."""

import pytest

from hafailover.group.report import GroupReport, Role
from hafailover.runtime.peer_messages import (
    AckMessage,
    AgainMessage,
    NotUnderstood,
    PeerMessage,
    ReportMessage,
    Taken,
    decode_payload,
    encode_ack,
    encode_again,
    encode_report,
)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (encode_ack(7), AckMessage(count=7)),
        (encode_again("sites", 41), AgainMessage(group="sites", sequence=41)),
        (
            encode_again("sites", 41, Taken(of="0a1b2c3d", count=40)),
            AgainMessage(group="sites", sequence=41, taken=Taken(of="0a1b2c3d", count=40)),
        ),
    ],
)
def test_what_is_said_every_moment_comes_as_it_was_said(payload: bytes, said: PeerMessage) -> None:
    assert decode_payload(payload, strict=True) == said


@pytest.mark.parametrize(
    "payload",
    [
        b'{"group":"g","again":1,"of":"0a1b2c3d"}',
        b'{"group":"g","again":1,"of":"0A1B2C3D","ack":1}',
        b'{"group":"g","again":1,"of":"0a1b2c3d","ack":-1}',
        b'{"group":"g","again":1,"ack":1}',
    ],
)
def test_half_a_repetition_is_none(payload: bytes) -> None:
    assert isinstance(decode_payload(payload, strict=True), NotUnderstood)


def test_what_is_not_understood_still_tells_whose_report_it_would_be() -> None:
    newer = decode_payload(b'{"group":"g","report":{"of":"another kind"}}', strict=False)
    other = decode_payload(b'{"question":{"group":"g","kind":"another"}}', strict=False)
    assert isinstance(newer, NotUnderstood)
    assert isinstance(other, NotUnderstood)
    assert (newer.group, other.group) == ("g", "")


def test_a_text_of_a_report_can_be_written_everywhere() -> None:
    report = GroupReport(
        node="B\udcfc",
        boot="b",
        incarnation="i",
        sequence=7,
        role=Role.STANDBY,
        epoch=1,
        priority=100,
        candidate=True,
    )
    said = decode_payload(encode_report("g", report), strict=True)
    assert isinstance(said, ReportMessage)
    assert (said.report.node, said.report.sequence) == ("B\ufffd", 7)
