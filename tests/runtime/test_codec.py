"""Values come back from JSON as they went, and nothing else comes back."""

import json
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.group.actions import Action
from hafailover.group.events import Event
from hafailover.lineage.record import CopyState, ImageBinding, LineageRecord
from hafailover.runtime.codec import decode, decode_any, encode
from hafailover.runtime.shapes import CodecError
from hafailover.units import Instant


class Colour(Enum):
    DARK_RED = "a dark red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    due: Instant | None
    colour: Colour
    raw: bytes
    address: IPv4Address | IPv6Address
    interface: IPv4Interface | IPv6Interface
    part: Leaf | Other
    maybe: Leaf | None
    pair: tuple[int, str]
    many: tuple[Leaf, ...]
    words: frozenset[str]
    child: "Tree | None" = None


TREE = Tree(
    due=Instant(12),
    colour=Colour.DARK_RED,
    raw=b"\x00\xff",
    address=IPv6Address("fe80::1"),
    interface=IPv4Interface("192.0.2.1/24"),
    part=Other(text="x"),
    maybe=None,
    pair=(1, "one"),
    many=(Leaf(size=1), Leaf(size=2)),
    words=frozenset({"b", "a"}),
)


def through_json(document: Any) -> Any:
    return json.loads(json.dumps(document))


def test_a_value_comes_back_as_it_went() -> None:
    nested = Tree(**{**{n: getattr(TREE, n) for n in TREE.__dataclass_fields__}, "child": TREE})
    assert decode(Tree, through_json(encode(Tree, nested))) == nested


def test_the_form_is_readable() -> None:
    assert encode(Tree, TREE) == {
        "due": 12,
        "colour": "dark_red",
        "raw": "00ff",
        "address": "fe80::1",
        "interface": "192.0.2.1/24",
        "part": {"is": "Other", "text": "x"},
        "maybe": None,
        "pair": [1, "one"],
        "many": [{"size": 1}, {"size": 2}],
        "words": ["a", "b"],
        "child": None,
    }


EVENTS: st.SearchStrategy[Event] = st.one_of(*map(st.from_type, get_args(Event)))
ACTIONS: st.SearchStrategy[Action] = st.one_of(*map(st.from_type, get_args(Action)))


@given(EVENTS)
def test_every_event_comes_back(event: Event) -> None:
    assert decode_any(Event, through_json(encode(Event, event))) == event


@given(ACTIONS)
def test_every_action_comes_back(action: Action) -> None:
    assert decode_any(Action, through_json(encode(Action, action))) == action


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"due": True}, ".due: expected int, found True"),
        ({"colour": "blue"}, ".colour: expected a Colour, found 'blue'"),
        ({"raw": "0g"}, ".raw: expected hexadecimal text, found '0g'"),
        ({"address": "1.2.3"}, ".address: expected an address, found '1.2.3'"),
        ({"part": {"is": "Tree"}}, ".part: expected one of ['Leaf', 'Other'], found 'Tree'"),
        ({"maybe": {"size": "x"}}, ".maybe.size: expected int, found 'x'"),
        ({"many": [{"size": 1}, 5]}, ".many[1]: expected a Leaf, found 5"),
        ({"pair": [1]}, ".pair: expected 2 items, found 1"),
        ({"extra": 1}, ": Tree has no field 'extra'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: Any, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode(Tree, {**encode(Tree, TREE), **change})
    assert str(caught.value) == message


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(CodecError, match="Leaf lacks the field 'size'"):
        decode(Leaf, {})


def test_a_neighbouring_version_may_know_more_or_fewer_fields() -> None:
    assert decode(Leaf, {"later": 1}, strict=False) == Leaf()


def test_even_then_a_field_without_a_default_must_be_there() -> None:
    with pytest.raises(CodecError):
        decode(Tree, {"due": None}, strict=False)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["is", "copy", "sequence", "binding", "lineage"]) | st.text(), inner
            )
        ),
    )
)
def test_any_document_gives_a_value_or_a_codec_error(document: Any) -> None:
    for strict in (True, False):
        try:
            assert isinstance(decode(LineageRecord, document, strict=strict), LineageRecord)
        except CodecError:
            continue


def test_a_record_keeps_its_words() -> None:
    binding = ImageBinding(device=1, inode=2, size_bytes=3, birth_ns=4, close_id="c")
    document = encode(LineageRecord, LineageRecord(copy=CopyState.IN_SYNC, binding=binding))
    assert (document["copy"], document["binding"]["inode"]) == ("in_sync", 2)
