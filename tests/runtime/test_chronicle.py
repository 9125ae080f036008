"""What a journal tells a person."""

import json
from typing import Any

from hafailover.runtime.chronicle import Told, tell

SECOND = 1_000_000_000


def line(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def step(now: int, event: dict[str, Any], *actions: dict[str, Any]) -> bytes:
    return line(line="step", group="web", now=now, event=event, actions=list(actions))


LINES = [
    line(line="journal", version=1, node="A"),
    line(line="clock", offset=100 * SECOND),
    step(1 * SECOND, {"is": "Started"}),
    step(2 * SECOND, {"is": "DeadlineReached"}, {"is": "Note", "text": "standby -> promoting: x"}),
    step(
        3 * SECOND,
        {"is": "OperatorAsked", "kind": "switchover", "reason": "kernel update"},
        {"is": "RaiseAlert", "kind": "peer_lost", "severity": "critical", "text": "gone"},
        {"is": "ResolveAlert", "kind": "unprotected", "text": "both"},
    ),
    step(4 * SECOND, {"is": "OperatorAsked", "kind": "mark", "reason": "sites 1"}),
    b'{"line":"step","group":"web","now":5,"event":{"is":"Note',
    line(line="journal", version=1, node="A"),
    step(6 * SECOND, {"is": "ShutdownAsked"}),
]


def test_notes_alerts_and_orders_are_told_in_order_with_their_time() -> None:
    assert list(tell(LINES)) == [
        Told(at_ns=101 * SECOND, group="web", kind="start", text="the agent starts"),
        Told(at_ns=102 * SECOND, group="web", kind="note", text="standby -> promoting: x"),
        Told(at_ns=103 * SECOND, group="web", kind="order", text="switchover: kernel update"),
        Told(
            at_ns=103 * SECOND,
            group="web",
            kind="alert",
            text="gone",
            name="peer-lost",
            severity="critical",
        ),
        Told(at_ns=103 * SECOND, group="web", kind="resolved", text="both", name="unprotected"),
        Told(at_ns=None, group="web", kind="stop", text="the agent is told to stop"),
    ]
