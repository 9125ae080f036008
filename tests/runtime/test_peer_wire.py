"""What is forged, replayed, reflected, oversized, truncated or malformed is refused, each by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.runtime.peer_wire import (
    FRAME_BYTES_MAX,
    HELLO_BYTES_MAX,
    Broken,
    Fault,
    Message,
    Output,
    PeerWire,
    Ready,
    Send,
    Side,
)

KEY = b"k" * 32


def side(which: Side, *, key: bytes = KEY, nonce: int = 1, **changes: object) -> PeerWire:
    names = {"node": "A", "peer": "B"} if which is Side.INITIATOR else {"node": "B", "peer": "A"}
    options: dict[str, object] = {**names, **changes}
    return PeerWire(which, key=key, nonce=bytes([nonce]) * 32, **options)  # type: ignore[arg-type]


def sent(outputs: list[Output]) -> bytes:
    return b"".join(output.data for output in outputs if isinstance(output, Send))


def pair(initiator: PeerWire, responder: PeerWire) -> tuple[list[Output], list[Output]]:
    """Let both talk until neither has more to say; return what else came out."""
    found: tuple[list[Output], list[Output]] = ([], [])
    to_responder, to_initiator = initiator.begin(), b""
    while to_responder or to_initiator:
        outputs = responder.receive(to_responder)
        found[1].extend(output for output in outputs if not isinstance(output, Send))
        to_responder, to_initiator = b"", to_initiator + sent(outputs)
        outputs = initiator.receive(to_initiator)
        found[0].extend(output for output in outputs if not isinstance(output, Send))
        to_initiator, to_responder = b"", sent(outputs)
    return found


def ready_pair() -> tuple[PeerWire, PeerWire]:
    initiator, responder = side(Side.INITIATOR), side(Side.RESPONDER, nonce=2)
    agreed = Ready(version=1, is_same_age=True)
    assert pair(initiator, responder) == ([agreed], [agreed])
    return initiator, responder


def faults(outputs: list[Output]) -> list[Fault]:
    return [output.fault for output in outputs if isinstance(output, Broken)]


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4) + body


@given(st.lists(st.binary(max_size=300), max_size=6), st.integers(1, 50))
def test_payloads_arrive_in_order_however_they_are_cut(payloads: list[bytes], cut: int) -> None:
    initiator, responder = ready_pair()
    stream = b"".join(initiator.seal(payload) for payload in payloads)
    outputs: list[Output] = []
    for at in range(0, len(stream), cut):
        outputs += responder.receive(stream[at : at + cut])
    assert outputs == [Message(payload=payload) for payload in payloads]


def test_both_directions_carry() -> None:
    initiator, responder = ready_pair()
    assert initiator.receive(responder.seal(b"ack")) == [Message(payload=b"ack")]


def test_both_sides_call_a_connection_the_same_and_no_two_alike() -> None:
    one, other = ready_pair()
    later = side(Side.INITIATOR, nonce=3)
    pair(later, side(Side.RESPONDER, nonce=4))
    assert one.name == other.name
    assert len({one.name, later.name, ""}) == 3


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_changed_byte_is_never_a_message(place: int, flip: int) -> None:
    initiator, responder = ready_pair()
    sealed = bytearray(initiator.seal(b"some payload"))
    sealed[place % len(sealed)] ^= flip
    outputs = responder.receive(bytes(sealed)) + responder.end()
    assert set(faults(outputs)) <= {Fault.SIGNATURE, Fault.OVERSIZED, Fault.TRUNCATED}
    assert len(faults(outputs)) == 1
    assert not [output for output in outputs if isinstance(output, Message)]


def test_another_key_is_a_wrong_signature_on_both_sides() -> None:
    found = pair(side(Side.INITIATOR), side(Side.RESPONDER, key=b"x" * 32, nonce=2))
    assert Fault.SIGNATURE in faults(found[0]) + faults(found[1])
    assert not [output for output in found[0] + found[1] if isinstance(output, Ready)]


def test_a_replayed_frame_is_refused() -> None:
    initiator, responder = ready_pair()
    sealed = initiator.seal(b"x")
    assert responder.receive(sealed) == [Message(payload=b"x")]
    assert faults(responder.receive(sealed)) == [Fault.REPLAYED]


def test_a_frame_left_out_is_noticed() -> None:
    initiator, responder = ready_pair()
    initiator.seal(b"lost")
    assert faults(responder.receive(initiator.seal(b"x"))) == [Fault.REPLAYED]


def test_a_whole_recorded_connection_is_refused() -> None:
    initiator = side(Side.INITIATOR)
    first = side(Side.RESPONDER, nonce=2)
    recorded = initiator.begin()
    recorded += sent(initiator.receive(sent(first.receive(recorded))))
    second = side(Side.RESPONDER, nonce=3)
    outputs = second.receive(recorded)
    assert faults(outputs) == [Fault.SIGNATURE]
    assert not [output for output in outputs if isinstance(output, Ready)]


def test_a_frame_of_ours_sent_back_to_us_is_refused() -> None:
    initiator, _ = ready_pair()
    assert faults(initiator.receive(initiator.seal(b"x"))) == [Fault.SIGNATURE]


def test_our_own_hello_sent_back_is_refused() -> None:
    initiator = side(Side.INITIATOR)
    assert faults(initiator.receive(initiator.begin())) == [Fault.REFLECTED]


def test_our_hello_played_to_our_own_listener_is_refused() -> None:
    listener = PeerWire(Side.RESPONDER, key=KEY, node="A", peer="B", nonce=bytes(32))
    assert faults(listener.receive(side(Side.INITIATOR).begin())) == [Fault.STRANGER]


@pytest.mark.parametrize("changes", [{"node": "C"}, {"peer": "C"}])
def test_another_node_is_refused_even_with_the_key(changes: dict[str, Any]) -> None:
    found = pair(side(Side.INITIATOR, **changes), side(Side.RESPONDER, nonce=2))
    assert faults(found[1]) == [Fault.STRANGER]


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [((1, 1), (1, 2), 1), ((1, 2), (2, 3), 2), ((2, 3), (1, 2), 2)],
)
def test_neighbouring_versions_agree(
    ours: tuple[int, int], theirs: tuple[int, int], agreed: int
) -> None:
    initiator = side(Side.INITIATOR, versions=ours)
    responder = side(Side.RESPONDER, nonce=2, versions=theirs)
    expected: list[Output] = [Ready(version=agreed, is_same_age=False)]
    assert pair(initiator, responder) == (expected, expected)


def test_versions_too_far_apart_are_refused() -> None:
    responder = side(Side.RESPONDER, nonce=2, versions=(3, 4))
    assert faults(pair(side(Side.INITIATOR), responder)[1]) == [Fault.VERSION]


def test_a_version_talked_down_on_the_way_is_noticed() -> None:
    initiator = side(Side.INITIATOR, versions=(1, 2))
    responder = side(Side.RESPONDER, nonce=2, versions=(1, 2))
    hello = initiator.begin()
    forged = hello.replace(b'"versions": [1, 2]', b'"versions": [1, 1]')
    assert forged != hello
    outputs = initiator.receive(sent(responder.receive(forged)))
    assert faults(outputs) == [Fault.SIGNATURE]


def test_a_long_hello_is_refused_by_its_length_alone() -> None:
    outputs = side(Side.RESPONDER).receive((HELLO_BYTES_MAX + 1).to_bytes(4))
    assert faults(outputs) == [Fault.OVERSIZED]


def test_a_long_frame_is_refused_by_its_length_alone() -> None:
    _, responder = ready_pair()
    assert faults(responder.receive((FRAME_BYTES_MAX + 1).to_bytes(4))) == [Fault.OVERSIZED]


def test_the_longest_payload_passes() -> None:
    initiator, responder = ready_pair()
    payload = b"x" * (FRAME_BYTES_MAX - 40)
    assert responder.receive(initiator.seal(payload)) == [Message(payload=payload)]


def test_an_end_in_the_middle_of_a_frame_is_noticed() -> None:
    initiator, responder = ready_pair()
    assert responder.end() == []
    responder.receive(initiator.seal(b"x")[:-1])
    assert faults(responder.end()) == [Fault.TRUNCATED]


HELLO = json.loads(side(Side.INITIATOR).begin()[4:])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GET / HTTP/1.1",
        b"[]",
        b"null",
        b"[" * 1000,
        json.dumps({**HELLO, "protocol": "other"}).encode(),
        json.dumps({**HELLO, "side": "middle"}).encode(),
        json.dumps({**HELLO, "nonce": "00"}).encode(),
        json.dumps({**HELLO, "nonce": 5}).encode(),
        json.dumps({**HELLO, "versions": [1]}).encode(),
        json.dumps({**HELLO, "versions": [True, 1]}).encode(),
        json.dumps({**HELLO, "node": None}).encode(),
    ],
)
def test_what_is_no_hello_is_malformed(body: bytes) -> None:
    assert faults(side(Side.RESPONDER).receive(frame(body))) == [Fault.MALFORMED]


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_no_stream_of_strangers_gets_anywhere(chunks: list[bytes]) -> None:
    for which in Side:
        subject = side(which)
        outputs = [output for chunk in chunks for output in subject.receive(chunk)]
        assert not [output for output in outputs if isinstance(output, Ready | Message)]
        assert len(faults(outputs)) <= 1


def test_nothing_is_looked_at_after_a_fault() -> None:
    initiator, responder = ready_pair()
    good = initiator.seal(b"x")
    responder.receive(frame(b"y" * 50))
    assert responder.receive(good) == []
    assert responder.end() == []
