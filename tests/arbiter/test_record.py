"""The two texts in etcd are read strictly, and written in one way only."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.arbiter.record import (
    ArbiterRecord,
    Change,
    Holder,
    Phase,
    Unreadable,
    decode_holder,
    decode_record,
    encode_holder,
    encode_record,
)

RECORD = ArbiterRecord(
    epoch=7,
    in_sync=("A", "B"),
    lineages=(("sites", "l1"),),
    phase=Phase.SERVING,
    changed=Change(node="A", boot="b1", nonce="n1"),
)
HOLDER = Holder(node="A", boot="b1", epoch=7, nonce="n2")


def changed(text: str, **fields: object) -> str:
    return json.dumps({**json.loads(text), **fields})


def test_the_text_of_a_record_stays_as_it_is() -> None:
    """Another agent compares it byte for byte: a new form would need a new version."""
    assert encode_record(RECORD) == (
        '{"changed":{"boot":"b1","node":"A","nonce":"n1"},"epoch":7,"in_sync":["A","B"],'
        '"lineages":{"sites":"l1"},"phase":"serving","successor":"","version":1}'
    )


def test_both_texts_come_back() -> None:
    assert decode_record(encode_record(RECORD)) == RECORD
    assert decode_holder(encode_holder(HOLDER)) == HOLDER


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"version": 2}, "version 2"),
        ({"priority": 1}, "unknown field 'priority'"),
        ({"epoch": True}, "no number"),
        ({"epoch": -1}, "no number"),
        ({"in_sync": []}, "no copy counts"),
        ({"in_sync": "AB"}, "no array"),
        ({"in_sync": [1]}, "no text"),
        ({"lineages": []}, "no object"),
        ({"lineages": {"sites": 1}}, "no text"),
        ({"phase": "asleep"}, "asleep"),
        ({"changed": "A"}, "no object"),
        ({"changed": {"node": "A", "boot": "b"}}, "no field 'nonce'"),
    ],
)
def test_what_is_not_understood_is_refused(fields: dict[str, object], problem: str) -> None:
    read = decode_record(changed(encode_record(RECORD), **fields))

    assert isinstance(read, Unreadable)
    assert problem in read.problem


def test_a_missing_field_is_refused() -> None:
    document = json.loads(encode_record(RECORD))
    del document["successor"]

    read = decode_record(json.dumps(document))

    assert read == Unreadable(problem="the record cannot be read: no field 'successor'")


@given(st.text() | st.recursive(st.none(), st.lists).map(json.dumps))
def test_no_text_makes_reading_fail(text: str) -> None:
    assert isinstance(decode_record(text), Unreadable)
    assert isinstance(decode_holder(text), Unreadable)


def test_a_holder_is_known_by_node_boot_and_epoch() -> None:
    assert replace(HOLDER, nonce="other").is_of("A", "b1", 7)
    assert not HOLDER.is_of("A", "b2", 7)
    assert not HOLDER.is_of("A", "b1", 8)
