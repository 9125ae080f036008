"""A record survives a torn write, and what is not understood is unknown and kept."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.lineage.record import ANCESTORS_MAX, CopyState, LineageRecord, OperatorChoice
from hafailover.runtime import record_slots
from hafailover.runtime.codec import encode
from hafailover.runtime.record_slots import (
    SLOT_BYTES,
    RecordTooLongError,
    encode_slot,
    read_slots,
)

OLD = LineageRecord(sequence=4, lineage="aa", copy=CopyState.IN_SYNC)
NEW = LineageRecord(sequence=5, lineage="bb", ancestors=("aa",), copy=CopyState.SOLE)
EMPTY = bytes(SLOT_BYTES)


def slot(record: LineageRecord) -> bytes:
    return encode_slot("g", "v", record)


def read(*slots: bytes) -> record_slots.Reading:
    return read_slots(b"".join(slots), group="g", volume="v")


def test_the_newer_of_two_counts_wherever_it_stands() -> None:
    assert (read(slot(OLD), slot(NEW)).record, read(slot(OLD), slot(NEW)).next_slot) == (NEW, 0)
    assert (read(slot(NEW), slot(OLD)).record, read(slot(NEW), slot(OLD)).next_slot) == (NEW, 1)


def test_a_file_never_written_says_so() -> None:
    reading = read(EMPTY, EMPTY)
    assert reading.record == LineageRecord(doubt="no record was ever written")
    assert not reading.is_precious


@given(st.integers(0, SLOT_BYTES))
def test_a_write_torn_anywhere_leaves_the_older_record_or_the_newer(cut: int) -> None:
    torn = slot(NEW)[:cut] + slot(replace(OLD, sequence=3))[cut:]
    reading = read(slot(OLD), torn)
    assert reading.record in (OLD, NEW)
    assert reading.next_slot == (0 if reading.record == NEW else 1)


@given(st.integers(0, 2 * SLOT_BYTES - 1), st.integers(1, 255))
def test_one_flipped_byte_never_makes_another_record(place: int, flip: int) -> None:
    content = bytearray(slot(OLD) + slot(NEW))
    content[place] ^= flip
    reading = read_slots(bytes(content), group="g", volume="v")
    assert reading.record in (OLD, NEW) or reading.record.copy is CopyState.UNKNOWN


@given(st.binary(max_size=300))
def test_rubbish_is_unknown(rubbish: bytes) -> None:
    reading = read(rubbish.ljust(SLOT_BYTES, b"\0"), EMPTY)
    assert reading.record.copy is CopyState.UNKNOWN
    assert reading.record.doubt


def test_two_damaged_slots_are_precious() -> None:
    damaged = b"x" * SLOT_BYTES
    reading = read(damaged, damaged)
    assert reading.is_precious
    assert reading.record.doubt == "the record is damaged: it has no first line"


def test_a_file_of_another_size_is_unknown() -> None:
    reading = read(slot(NEW))
    assert (reading.is_precious, reading.record.doubt) == (
        True,
        "the record file has 4096 bytes, not 8192",
    )


def test_a_later_format_in_either_slot_makes_the_record_unknown() -> None:
    later = slot(NEW).replace(b"record 1 ", b"record 2 ", 1)
    for slots in ((later, slot(OLD)), (slot(OLD), later)):
        reading = read(*slots)
        assert reading.record.doubt == "the record is of the unknown format 2"
        assert reading.is_precious


def test_the_record_of_another_volume_is_unknown() -> None:
    reading = read(encode_slot("g", "w", NEW), EMPTY)
    assert reading.record.doubt == "the record is that of g/w"


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"later": 1}, "the record is not understood: : LineageRecord has no field 'later'"),
        ({"copy": "new"}, "the record is not understood: .copy: expected a CopyState, found 'new'"),
    ],
)
def test_an_unknown_field_or_word_makes_it_unknown(
    change: dict[str, Any], doubt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = {**encode(LineageRecord, NEW), **change}
    monkeypatch.setattr("hafailover.runtime.record_slots.encode", lambda _kind, _value: document)
    assert read(slot(NEW), EMPTY).record.doubt == doubt


def test_the_longest_chain_of_ancestors_fits() -> None:
    links = tuple(f"{number:032x}" for number in range(ANCESTORS_MAX))
    assert read(slot(replace(NEW, ancestors=links)), EMPTY).record.ancestors == links


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecordTooLongError, match="the record of v needs"):
        slot(replace(NEW, lineage="x" * SLOT_BYTES, doubt="because"))


LONG_TEXT = st.text(max_size=20) | st.sampled_from(["\U0001f4be" * 500, 'ä\n"' * 500, "x" * 5000])


@given(LONG_TEXT, LONG_TEXT, st.integers(0, ANCESTORS_MAX), st.integers(0, 65))
def test_a_record_fits_whatever_people_have_written(
    reason: str, doubt: str, links: int, kept: int
) -> None:
    chain = tuple(f"{number:032x}" for number in range(links))
    choice = OperatorChoice(kept="a" * kept, lineage="bb", reason=reason)
    record = replace(NEW, ancestors=chain, choice=choice, doubt=doubt)
    found = read(slot(record), EMPTY).record
    assert found.choice is not None
    assert reason.startswith(found.choice.reason)
    assert doubt.startswith(found.doubt)
    assert bool(found.doubt) == bool(doubt)
    assert replace(found, choice=choice, doubt=doubt) == record


def test_a_sentence_is_cut_only_as_far_as_it_must_be() -> None:
    found = read(slot(replace(NEW, doubt="\U0001f4be" * 500)), EMPTY).record
    assert len(found.doubt) > 100
    short = replace(NEW, doubt="\U0001f4be" * 200)
    assert read(slot(short), EMPTY).record == short


def test_a_record_can_be_read_by_people() -> None:
    first, _, rest = slot(NEW).partition(b"\n")
    assert first.startswith(b"hafailover-record 1 ")
    assert json.loads(rest.rstrip(b"\0"))["record"]["copy"] == "sole"
