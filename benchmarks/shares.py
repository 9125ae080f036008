"""Whose time was it? The parts of an outage after the primary died, from the journal of the node that took over."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_WAITS: Final = {
    "Observe": "StorageObserved",
    "WriteRecords": "RecordsWritten",
    "AskArbiter": "ArbiterAnswered",
    "ArmWatchdog": "WatchdogArmed",
}
"""What a promotion waits for that does not say how long it took, and the event that answers it."""


Span = tuple[int, int]
"""From when to when, on the host's monotonic clock in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The parts of one promotion, in milliseconds; none counts twice."""

    detection_ms: float
    """From the death to the decision to promote: the silence that the arbiter demands."""
    commands_ms: float
    """What commands, file tasks and services took by themselves."""
    looks_ms: float
    """Looks at the storage while no command ran; each runs several commands that only read."""
    asked_ms: float
    """Besides: records being made durable, the arbiter, the watchdog."""
    own_ms: float
    """The rest, up to the announcement of the addresses: decisions, wake-ups, starting commands, reading answers."""


def of_promotion(state: Path, died_ns: int) -> Shares | None:
    """Read the first promotion after ``died_ns`` from a journal; None if none ended.

    ``died_ns`` is the last sign of the dead node, on the host's monotonic clock.
    """
    watch = None
    for step in _steps(state):
        if watch is None and step["now"] > died_ns and _has_note(step, "standby -> promoting"):
            watch = _Watch(step["now"])
        if watch is None:
            continue
        watch.take(step)
        if any(each["is"] == "AnnounceAddresses" for each in step["actions"]):
            return watch.shares(died_ns, step["now"])
    return None


class _Watch:
    """Notes the spans in which a promotion waits for something."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._commands: list[Span] = []
        self._looks: list[Span] = []
        self._asked: list[Span] = []
        self._open: dict[tuple[str, int], int] = {}

    def take(self, step: dict[str, Any]) -> None:
        """Take what a step of the core was told, and what it asked for."""
        now, event = step["now"], step["event"]
        if event["is"] in ("StepFinished", "ServiceFinished"):
            begun = max(self._begun_ns, now - event["outcome"]["took_ns"])
            self._commands.append((begun, now))
        since = self._open.pop((event["is"], event.get("id", 0)), None)
        if since is not None:
            spans = self._looks if event["is"] == "StorageObserved" else self._asked
            spans.append((since, now))
        for action in step["actions"]:
            if action["is"] in _WAITS and not action.get("is_routine", False):
                self._open[_WAITS[action["is"]], action["id"]] = now

    def shares(self, died_ns: int, now: int) -> Shares:
        """Return the parts of what ends now."""
        commands = _covered(self._commands)
        seen = _covered(self._commands + self._looks)
        busy = _covered(self._commands + self._looks + self._asked)
        return Shares(
            detection_ms=(self._begun_ns - died_ns) / 1e6,
            commands_ms=commands / 1e6,
            looks_ms=(seen - commands) / 1e6,
            asked_ms=(busy - seen) / 1e6,
            own_ms=(now - self._begun_ns - busy) / 1e6,
        )


def _covered(spans: list[Span]) -> int:
    """Return how long at least one of the spans holds, in nanoseconds."""
    total, end = 0, 0
    for begin, until in sorted(spans):
        total += max(0, until - max(begin, end))
        end = max(end, until)
    return total


def _steps(state: Path) -> Iterator[dict[str, Any]]:
    for line in (state / "journal.jsonl").read_text().splitlines():
        step = json.loads(line)
        if step.get("line") == "step":
            yield step


def _has_note(step: dict[str, Any], words: str) -> bool:
    return any(words in each.get("text", "") for each in step["actions"] if each["is"] == "Note")
