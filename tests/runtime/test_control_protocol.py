"""A request is understood, or refused with a sentence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.group.events import OperatorAsked, OrderKind
from hafailover.runtime.control_protocol import (
    BadRequest,
    OrderRequest,
    StatusRequest,
    SubscribeRequest,
    encode_request,
    parse_request,
)


def parse(**document: Any) -> object:
    return parse_request(json.dumps({"version": 1, **document}).encode(), order_id=7)


def test_questions_are_understood() -> None:
    assert parse(request="status") == StatusRequest(group=None)
    assert parse(request="status", group="web") == StatusRequest(group="web")
    assert parse(request="subscribe", group="web") == SubscribeRequest(group="web")


@pytest.mark.parametrize("kind", list(OrderKind))
def test_every_order_is_understood(kind: OrderKind) -> None:
    expected = OrderRequest(group="web", order=OperatorAsked(id=7, kind=kind))
    assert parse_request(encode_request(kind.value, "web"), order_id=7) == expected


def test_the_options_of_an_order_arrive() -> None:
    line = encode_request(
        "promote", "web", seen_epoch=4, force_copy=True, until_wall=9, reason="because"
    )
    assert parse_request(line, order_id=1) == OrderRequest(
        group="web",
        order=OperatorAsked(
            id=1,
            kind=OrderKind.PROMOTE,
            seen_epoch=4,
            force_copy=True,
            until_wall=9,
            reason="because",
        ),
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"version": 2}, "this agent speaks version 1, the request 2"),
        ({"request": "dance"}, "unknown request 'dance'"),
        ({"request": ["status"]}, "unknown request ['status']"),
        ({"request": "status", "group": 5}, "group is not text"),
        ({"request": "pause"}, "pause needs a group"),
        (
            {"request": "promote", "group": "g", "force_copy": "no"},
            "force_copy, peer_is_off, accept_mixture are true or false",
        ),
        (
            {"request": "pause", "group": "g", "until_wall": True},
            "seen_epoch and until_wall are whole numbers",
        ),
        ({"request": "pause", "group": "g", "reason": None}, "reason is not text"),
        ({"request": "resolve", "group": "g", "keep": 1}, "keep is not text"),
    ],
)
def test_what_is_wrong_is_said(document: dict[str, Any], problem: str) -> None:
    assert parse(**document) == BadRequest(problem=problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "the request is not JSON"),
        (b"[]", "the request is not an object"),
        (b"\xff", "the request is not JSON"),
        (b"[" * 50_000, "the request is not JSON"),
    ],
)
def test_rubbish_is_refused(line: bytes, problem: str) -> None:
    assert parse_request(line, order_id=1) == BadRequest(problem=problem)


def test_a_reason_typed_in_another_encoding_can_be_written_everywhere() -> None:
    line = encode_request(
        "pause", "g", reason=b"f\xfcr \xf0\x9f\x92\xbe".decode(errors="surrogateescape")
    )
    parsed = parse_request(line, order_id=1)
    assert isinstance(parsed, OrderRequest)
    assert parsed.order.reason == "f\ufffdr \U0001f4be"


def test_bytes_that_are_no_unicode_are_no_request() -> None:
    line = b'{"version":1,"request":"pause","group":"g","reason":"\xed\xb3\xbc"}'
    assert parse_request(line, order_id=1) == BadRequest(problem="the request is not JSON")


KEYS = st.sampled_from(["version", "request", "group", "reason"])
VALUES = st.none() | st.integers(0, 2) | st.sampled_from(["status", "pause", "x"])


@given(st.dictionaries(KEYS, VALUES))
def test_nothing_raises(document: dict[str, Any]) -> None:
    parsed = parse_request(json.dumps(document).encode(), order_id=1)
    assert isinstance(parsed, BadRequest | StatusRequest | SubscribeRequest | OrderRequest)
