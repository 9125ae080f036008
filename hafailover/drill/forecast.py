"""How long would clients miss the service? From how long each step took last time, as the journal has it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from hafailover.group.settings import ArbiterKind, GroupSettings
from hafailover.units import MILLISECOND

_ENDS: Final = (b'"is":"StepFinished"', b'"is":"ServiceFinished"')
_STARTS: Final = (b'"is":"RunStep"', b'"is":"RunService"')
_DOWN: Final = ("umount", "gmirror destroy", "ggatec destroy", "mdconfig -d", "write marker")
_UP: Final = ("mdconfig -a", "gmirror label", "ggatec create", "fsck_ffs -p", "mount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected of one kind of outage: the parts that make it up, and on how many runs that rests.

    ``unknown`` names steps of which the journal has no run: they come on top.
    """

    what: str
    total_ms: int
    parts: tuple[tuple[str, int], ...]
    unknown: tuple[str, ...]


def read_spans(lines: Iterable[bytes], group: str) -> dict[str, list[int]]:
    """Return how long each kind of step of a group took, in milliseconds, in order of time."""
    begun: dict[int, tuple[str, int]] = {}
    spans: dict[str, list[int]] = {}
    for line in lines:
        if not any(word in line for word in (*_STARTS, *_ENDS)):
            continue
        try:
            document = json.loads(line)
            if document.get("line") == "step" and document["group"] == group:
                _read_step(document, begun, spans)
        except (ValueError, KeyError, TypeError):
            continue
    return spans


def _read_step(
    document: dict[str, Any], begun: dict[int, tuple[str, int]], spans: dict[str, list[int]]
) -> None:
    event, now = document["event"], int(document["now"])
    if event["is"] in ("StepFinished", "ServiceFinished") and event["outcome"]["status"] == 0:
        name, since = begun.pop(event["id"], ("", 0))
        if name:
            spans.setdefault(name, []).append((now - since) // MILLISECOND)
    for action in document["actions"]:
        name = _name(action)
        if name:
            begun[action["id"]] = (name, now)


def _name(action: dict[str, Any]) -> str:
    if action["is"] == "RunService":
        return f"{action['verb']} {action['service']}"
    if action["is"] != "RunStep":
        return ""
    step = action["step"]
    if step["is"] == "CommandStep":
        return str(step["verb"])
    return "write marker" if step.get("task") == "write_marker" else ""


def forecast(settings: GroupSettings, spans: dict[str, list[int]]) -> Iterator[Expected]:
    """Yield what is expected of a planned move, and of a loss of the primary's power."""
    names = [service.name for service in settings.services]
    stops = [f"stop {name}" for name in reversed(names)]
    starts = [f"start {name}" for name in names]
    yield _sum("a planned move", [], [*stops, *_DOWN, *_UP, *starts], spans)
    silence = settings.takeover_silence // MILLISECOND
    waits = [("silence of the lost node", silence)]
    if settings.arbiter is ArbiterKind.FENCE:
        waits = [("silence of the lost node", settings.silence // MILLISECOND)]
    up = [each for each in _UP if each != "ggatec create"]
    yield _sum("a loss of the primary's power", waits, [*up, *starts], spans)


def _sum(
    what: str, waits: list[tuple[str, int]], names: list[str], spans: dict[str, list[int]]
) -> Expected:
    parts = [*waits, *((name, round(median(spans[name]))) for name in names if name in spans)]
    return Expected(
        what=what,
        total_ms=sum(span for _, span in parts),
        parts=tuple(parts),
        unknown=tuple(name for name in names if name not in spans),
    )
