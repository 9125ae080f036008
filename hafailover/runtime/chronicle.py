"""What does a journal tell a person? Its notes, alerts and orders in order of time, with the time on the wall.

Read without the types of the package: a line that another version wrote still tells its story.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from hafailover.group.actions import AlertKind, Severity

_NEWS: Final = (
    b'"is":"Note"',
    b'"is":"RaiseAlert"',
    b'"is":"ResolveAlert"',
    b'"is":"OperatorAsked"',
    b'"is":"Started"',
    b'"is":"ShutdownAsked"',
    b'"line":"clock"',
    b'"line":"journal"',
)
_KINDS: Final = {kind.name.lower(): kind.value for kind in AlertKind}
_SEVERITIES: Final = {each.name.lower(): each.value for each in Severity}
_QUIET_ORDERS: Final = ("mark",)
"""Orders of which a drill gives several a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One moment of the history.

    Attributes:
        at_ns: Unix time; None if the journal does not say how its clock relates to it.
        kind: ``note``, ``alert``, ``resolved``, ``order``, ``start`` or ``stop``.
        name: Of the alert; empty otherwise.
    """

    at_ns: int | None
    group: str
    kind: str
    text: str
    name: str = ""
    severity: str = ""


def tell(lines: Iterable[bytes]) -> Iterator[Told]:
    """Yield what the lines of a journal tell; lines that are not understood or cut off are passed over."""
    offset: int | None = None
    for line in lines:
        if not any(word in line for word in _NEWS):
            continue
        try:
            document = json.loads(line)
            kind = document["line"]
            if kind == "clock":
                offset = int(document["offset"])
            elif kind == "journal":
                offset = None
            elif kind == "step":
                yield from _step(document, offset)
        except (ValueError, KeyError, TypeError):
            continue


def _step(document: dict[str, Any], offset: int | None) -> Iterator[Told]:
    at_ns = None if offset is None else offset + int(document["now"])
    group = str(document["group"])
    event = document["event"]
    word = event["is"]
    if word == "OperatorAsked" and event["kind"] not in _QUIET_ORDERS:
        reason = f": {event['reason']}" if event["reason"] else ""
        order = str(event["kind"]).replace("_", "-")
        yield Told(at_ns=at_ns, group=group, kind="order", text=f"{order}{reason}")
    elif word == "Started":
        yield Told(at_ns=at_ns, group=group, kind="start", text="the agent starts")
    elif word == "ShutdownAsked":
        yield Told(at_ns=at_ns, group=group, kind="stop", text="the agent is told to stop")
    for action in document["actions"]:
        found = _action(action, group, at_ns)
        if found is not None:
            yield found


def _action(action: dict[str, Any], group: str, at_ns: int | None) -> Told | None:
    match action["is"]:
        case "Note":
            return Told(at_ns=at_ns, group=group, kind="note", text=action["text"])
        case "RaiseAlert" | "ResolveAlert":
            is_raised = action["is"] == "RaiseAlert"
            severity = str(action.get("severity", ""))
            return Told(
                at_ns=at_ns,
                group=group,
                kind="alert" if is_raised else "resolved",
                text=action["text"],
                name=_KINDS.get(action["kind"], action["kind"]),
                severity=_SEVERITIES.get(severity, severity),
            )
        case _:
            return None
