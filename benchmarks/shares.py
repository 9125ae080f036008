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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The parts of one promotion, in milliseconds; they follow each other."""

    detection_ms: float
    """From the death to the decision to promote: the silence that the arbiter demands."""
    commands_ms: float
    """What commands, file tasks and services took by themselves."""
    looks_ms: float
    """Looks at the storage between them; each runs several commands that only read."""
    asked_ms: float
    """Records being made durable, the arbiter, the watchdog."""
    own_ms: float
    """The rest, up to the announcement of the addresses: decisions, wake-ups, starting commands, reading answers."""


def of_promotion(state: Path, died_ns: int) -> Shares | None:
    """Read the first promotion after ``died_ns`` (the host's monotonic clock) from a journal; None if none ended."""
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
    """Adds up what a promotion waits for; it asks for one thing after the other."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._spent_ns = {"commands": 0, "Observe": 0, "asked": 0}
        self._open: dict[tuple[str, int], tuple[str, int]] = {}

    def take(self, step: dict[str, Any]) -> None:
        """Take what a step of the core was told, and what it asked for."""
        now, event = step["now"], step["event"]
        if event["is"] in ("StepFinished", "ServiceFinished"):
            self._spent_ns["commands"] += event["outcome"]["took_ns"]
        kind, since = self._open.pop((event["is"], event.get("id", 0)), ("", now))
        if kind:
            self._spent_ns["Observe" if kind == "Observe" else "asked"] += now - since
        for action in step["actions"]:
            if action["is"] in _WAITS and not action.get("is_routine", False):
                self._open[_WAITS[action["is"]], action["id"]] = (action["is"], now)

    def shares(self, died_ns: int, now: int) -> Shares:
        """Return the parts of what ends now."""
        return Shares(
            detection_ms=(self._begun_ns - died_ns) / 1e6,
            commands_ms=self._spent_ns["commands"] / 1e6,
            looks_ms=self._spent_ns["Observe"] / 1e6,
            asked_ms=self._spent_ns["asked"] / 1e6,
            own_ms=(now - self._begun_ns - sum(self._spent_ns.values())) / 1e6,
        )


def _steps(state: Path) -> Iterator[dict[str, Any]]:
    for line in (state / "journal.jsonl").read_text().splitlines():
        step = json.loads(line)
        if step.get("line") == "step":
            yield step


def _has_note(step: dict[str, Any], words: str) -> bool:
    return any(words in each.get("text", "") for each in step["actions"] if each["is"] == "Note")
