"""How do the command line and the running agent talk?

Over a UNIX socket, one JSON object per line, each with ``version``. A request names itself under
``request``: ``status`` and ``subscribe`` (with an optional ``group``), ``state`` (with ``group``:
everything that the core knows of it), or an order (with ``group`` and its options). Every request but
``subscribe`` is answered by one line::

    {"version": 1, "ok": true, "result": ...}
    {"version": 1, "ok": false, "problem": "sentence"}

Before the answer to ``divergence`` (with a ``group``) come lines ``{"version": 1, "progress": {"volume",
"done", "total"}}``, in bytes. ``subscribe`` is answered by lines without end: ``{"version": 1,
"status": ...}`` every second and ``{"version": 1, "note": {"group", "text"}}`` whenever something is said.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from hafailover.group.events import OperatorAsked, OrderKind
from hafailover.runtime.sound_json import read_sound

VERSION: Final = 1
REASON_MAX: Final = 500
"""Characters of a reason that are kept; a record keeps as much of it as fits."""
LINE_BYTES_MAX: Final = 65_536
DIVERGENCE: Final = "divergence"
_FLAGS: Final = ("force_copy", "peer_is_off", "accept_mixture")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """Show the state of one group, or of all."""

    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeRequest:
    """Show the state again and again, and everything that is said in between."""

    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRequest:
    """Show everything that the core knows of one group."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """Compare the copies of a group, block by block."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An operator's order to one group; ``order.id`` is given by who receives it."""

    group: str
    order: OperatorAsked


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRequest:
    """A line that is no request; the sentence says why."""

    problem: str


Request = (
    StatusRequest | SubscribeRequest | StateRequest | CompareRequest | OrderRequest | BadRequest
)


def parse_request(line: bytes, *, order_id: int) -> Request:
    """Return what a line asks for; never raises.

    Args:
        line: One line, with or without its newline.
        order_id: The id that the order gets, if it is one.
    """
    try:
        document = read_sound(line)
    except (ValueError, RecursionError):
        return BadRequest(problem="the request is not JSON")
    if not isinstance(document, dict):
        return BadRequest(problem="the request is not an object")
    if document.get("version") != VERSION:
        theirs = document.get("version")
        return BadRequest(problem=f"this agent speaks version {VERSION}, the request {theirs!r}")
    word, group = document.get("request"), document.get("group")
    if not isinstance(group, str | None):
        return BadRequest(problem="group is not text")
    if word == "status":
        return StatusRequest(group=group)
    if word == "subscribe":
        return SubscribeRequest(group=group)
    if word == "state":
        if group is None:
            return BadRequest(problem="state needs a group")
        return StateRequest(group=group)
    if word == DIVERGENCE and group is not None:
        return CompareRequest(group=group)
    return _parse_order(document, word, group, order_id)


def encode_request(word: str, group: str | None, **options: Any) -> bytes:
    """Return the line of a request."""
    return encode_line(request=word, group=group, **options)


def encode_line(**fields: Any) -> bytes:
    """Return one line of the conversation."""
    return json.dumps({"version": VERSION, **fields}, separators=(",", ":")).encode() + b"\n"


def _parse_order(
    document: dict[str, Any], word: object, group: str | None, order_id: int
) -> Request:
    kinds = {kind.value: kind for kind in OrderKind}
    if not isinstance(word, str) or word not in kinds:
        return BadRequest(problem=f"unknown request {word!r}")
    if group is None:
        return BadRequest(problem=f"{word} needs a group")
    flags = {name: document.get(name, False) for name in _FLAGS}
    if not all(isinstance(value, bool) for value in flags.values()):
        return BadRequest(problem=f"{', '.join(_FLAGS)} are true or false")
    numbers = (document.get("seen_epoch", -1), document.get("until_wall", 0))
    if not all(type(number) is int for number in numbers):
        return BadRequest(problem="seen_epoch and until_wall are whole numbers")
    reason, keep = document.get("reason", ""), document.get("keep", "")
    if not isinstance(reason, str):
        return BadRequest(problem="reason is not text")
    if not isinstance(keep, str):
        return BadRequest(problem="keep is not text")
    order = OperatorAsked(
        id=order_id,
        kind=kinds[word],
        seen_epoch=numbers[0],
        until_wall=numbers[1],
        reason=reason[:REASON_MAX],
        keep=keep[:REASON_MAX],
        **flags,
    )
    return OrderRequest(group=group, order=order)
