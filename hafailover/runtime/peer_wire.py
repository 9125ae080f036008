r"""How do two agents know that what they read comes from each other, now, and in order?

Sans-IO: bytes in, bytes and values out. A connection has an initiator, which sends reports, and a
responder, which acknowledges them. Every frame is a length (4 bytes, big-endian, of what follows)
and a body. The first frame of each side is its hello, JSON in the clear::

    {"protocol": "hafailover-peer", "side", "node", "peer", "versions": [lowest, highest], "nonce"}

Both hellos with their fresh nonces make the keys of this connection, one for each direction::

    session = HMAC-SHA-256(pre-shared key, length(4) initiator's hello length(4) responder's hello)
    key     = HMAC-SHA-256(session, side that sends)
    name    = HMAC-SHA-256(session, "name"), the first 4 bytes: what the connection is called elsewhere

Each later frame is ``tag (32) counter (8) payload``, the tag an HMAC-SHA-256 of the rest under the
sender's key, the counter growing by one from 0. So nothing of another connection, of the other
direction, or of earlier in this one is accepted, and a changed hello (a version talked down) makes
every tag wrong. The first sealed frame of each side is empty: the proof that it has the key.
Nothing is encrypted: reports are no secrets.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

VERSIONS: Final = (1, 1)
"""Lowest and highest version spoken: the present one and, once there is one, that before it."""
NONCE_BYTES: Final = 32
HELLO_BYTES_MAX: Final = 1024
FRAME_BYTES_MAX: Final = 128 * 1024
"""A report of one group with sixteen volumes and full chains of ancestors stays under half of it."""
_PROTOCOL: Final = "hafailover-peer"
_TAG: Final = 32
_COUNTER: Final = 8
_LENGTH: Final = 4
_NAME: Final = b"name"


class Side(Enum):
    """Who of the two opened the connection; the value is the word in the hello."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Fault(Enum):
    """Why a connection is refused; the value is the sentence for people."""

    OVERSIZED = "a frame is longer than allowed"
    MALFORMED = "the hello is not one of this protocol"
    REFLECTED = "our own hello came back"
    STRANGER = "the hello is that of another node, or meant for another"
    VERSION = "there is no version that both sides speak"
    SIGNATURE = "a frame is not signed with our key for this connection"
    REPLAYED = "a frame came twice, or out of order"
    TRUNCATED = "the connection ended in the middle of a frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """These bytes are to be sent."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The other side has proved that it has the key; both speak this version from now on."""

    version: int
    is_same_age: bool
    """Whether both sides know the same versions: then a field that one lacks is a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An authentic payload, in order."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The connection is over; whatever comes after is not looked at."""

    fault: Fault


Output = Send | Ready | Message | Broken


class _FaultError(Exception):
    """Ends the reading of a connection from within."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class PeerWire:
    """One side of one connection."""

    def __init__(
        self,
        side: Side,
        *,
        key: bytes,
        node: str,
        peer: str,
        nonce: bytes,
        versions: tuple[int, int] = VERSIONS,
    ) -> None:
        """Make a side that has neither sent nor received anything.

        Args:
            side: Which one.
            key: The pre-shared key.
            node: The name of this node.
            peer: The name of the only node that may be at the other end.
            nonce: ``NONCE_BYTES`` random bytes, fresh for this connection.
            versions: Lowest and highest version this side speaks.
        """
        self._side = side
        self._key = key
        self._names = (node, peer)
        self._versions = versions
        self._hello = json.dumps(
            {
                "protocol": _PROTOCOL,
                "side": side.value,
                "node": node,
                "peer": peer,
                "versions": list(versions),
                "nonce": nonce.hex(),
            }
        ).encode()
        self._buffer = bytearray()
        self._keys: tuple[bytes, bytes] | None = None
        """Ours to seal with, theirs to open with; None before their hello has come."""
        self._sent = 0
        self._received = 0
        self._agreed: Ready | None = None
        self._is_broken = False
        self.name = ""
        """What both sides call this connection (8 hexadecimal digits, no secret); empty before both hellos came."""

    @property
    def is_ready(self) -> bool:
        """Whether the other side has proved itself, so that payloads may be sealed."""
        return self._received > 0 and not self._is_broken

    def begin(self) -> bytes:
        """Return what the initiator sends first; a responder waits."""
        return _frame(self._hello) if self._side is Side.INITIATOR else b""

    def receive(self, data: bytes) -> list[Output]:
        """Take bytes as they come; returns what they mean, in order. Never raises."""
        if self._is_broken:
            return []
        self._buffer += data
        outputs: list[Output] = []
        try:
            while (body := self._next_frame()) is not None:
                outputs += self._take(body)
        except _FaultError as error:
            self._is_broken = True
            self._buffer.clear()
            outputs.append(Broken(fault=error.fault))
        return outputs

    def end(self) -> list[Output]:
        """Take note that no more will come."""
        if self._buffer and not self._is_broken:
            self._is_broken = True
            return [Broken(fault=Fault.TRUNCATED)]
        return []

    def seal(self, payload: bytes) -> bytes:
        """Return the frame that carries ``payload``; only after ``Ready``."""
        assert self.is_ready, "the other side has not proved itself"  # noqa: S101
        assert len(payload) <= FRAME_BYTES_MAX - _TAG - _COUNTER, len(payload)  # noqa: S101
        return self._seal(payload)

    def _next_frame(self) -> bytes | None:
        if len(self._buffer) < _LENGTH:
            return None
        length = int.from_bytes(self._buffer[:_LENGTH])
        # Before the hello nobody knows who it is; such a one gets little memory.
        if length > (HELLO_BYTES_MAX if self._keys is None else FRAME_BYTES_MAX):
            raise _FaultError(Fault.OVERSIZED)
        if len(self._buffer) < _LENGTH + length:
            return None
        body = bytes(self._buffer[_LENGTH : _LENGTH + length])
        del self._buffer[: _LENGTH + length]
        return body

    def _take(self, body: bytes) -> list[Output]:
        if self._keys is None:
            return self._take_hello(body)
        payload = self._open(body, self._keys[1])
        if self._received > 1:
            return [Message(payload=payload)]
        assert self._agreed is not None  # noqa: S101 - agreed together with the keys
        return [self._agreed]

    def _take_hello(self, body: bytes) -> list[Output]:
        self._agreed = self._agree(_read_hello(body))
        is_initiator = self._side is Side.INITIATOR
        hellos = (self._hello, body) if is_initiator else (body, self._hello)
        transcript = b"".join(len(hello).to_bytes(_LENGTH) + hello for hello in hellos)
        session = _hmac(self._key, transcript)
        self.name = _hmac(session, _NAME)[:4].hex()
        keys = [_hmac(session, side.value.encode()) for side in Side]
        self._keys = (keys[0], keys[1]) if is_initiator else (keys[1], keys[0])
        first = b"" if is_initiator else _frame(self._hello)
        return [Send(data=first + self._seal(b""))]

    def _agree(self, hello: dict[str, Any]) -> Ready:
        node, peer = self._names
        if hello["side"] == self._side.value:
            raise _FaultError(Fault.REFLECTED)
        if (hello["node"], hello["peer"]) != (peer, node):
            raise _FaultError(Fault.STRANGER)
        lowest = max(self._versions[0], hello["versions"][0])
        highest = min(self._versions[1], hello["versions"][1])
        if lowest > highest:
            raise _FaultError(Fault.VERSION)
        is_same_age = list(self._versions) == hello["versions"]
        return Ready(version=highest, is_same_age=is_same_age)

    def _seal(self, payload: bytes) -> bytes:
        assert self._keys is not None  # noqa: S101
        signed = self._sent.to_bytes(_COUNTER) + payload
        self._sent += 1
        return _frame(_hmac(self._keys[0], signed) + signed)

    def _open(self, body: bytes, key: bytes) -> bytes:
        tag, signed = body[:_TAG], body[_TAG:]
        if len(signed) < _COUNTER or not hmac.compare_digest(tag, _hmac(key, signed)):
            raise _FaultError(Fault.SIGNATURE)
        if int.from_bytes(signed[:_COUNTER]) != self._received:
            raise _FaultError(Fault.REPLAYED)
        self._received += 1
        return signed[_COUNTER:]


def _frame(body: bytes) -> bytes:
    return len(body).to_bytes(_LENGTH) + body


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)


def _read_hello(body: bytes) -> dict[str, Any]:
    try:
        hello = json.loads(body)
        # Fields that a later version adds are passed over; those below must be as they are.
        fits = (
            hello["protocol"] == _PROTOCOL
            and hello["side"] in {side.value for side in Side}
            and isinstance(hello["node"], str)
            and isinstance(hello["peer"], str)
            and len(bytes.fromhex(hello["nonce"])) >= NONCE_BYTES
            and len(hello["versions"]) == 2
            and all(type(version) is int for version in hello["versions"])
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _FaultError(Fault.MALFORMED) from None
    if not fits or not isinstance(hello, dict):
        raise _FaultError(Fault.MALFORMED)
    return hello
