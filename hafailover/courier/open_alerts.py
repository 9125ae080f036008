"""Which alerts are open, which are said again, and which need not be said?

Pure: time comes in as milliseconds since 1970.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from hafailover.group.actions import Severity
from hafailover.runtime.alerting import DERIVED, LASTING, Alert

GRACE_MS: Final = 120_000
"""After a start of the agent: what it has not raised again until then is over."""
_LASTING: Final = frozenset(kind.value for kind in LASTING)
_DERIVED: Final = frozenset(kind.value for kind in DERIVED)
_RANKS: Final = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert whose cause lasts."""

    alert: Alert
    told_ms: int
    """When it was said last."""
    is_confirmed: bool = True
    """Whether this life of the agent has raised it."""


class OpenAlerts:
    """What is open, by group and kind."""

    def __init__(self, repeat_ms: int, known: Iterable[OpenAlert] = (), now_ms: int = 0) -> None:
        """Begin with what an earlier life left open."""
        self._repeat_ms = repeat_ms
        self._started_ms = now_ms
        self._open = {each.alert.key: replace(each, is_confirmed=False) for each in known}

    @property
    def all(self) -> tuple[OpenAlert, ...]:
        """Everything that is open."""
        return tuple(self._open.values())

    @property
    def has_critical(self) -> bool:
        """Whether a critical one is open."""
        return any(each.alert.severity is Severity.CRITICAL for each in self._open.values())

    def take(self, alert: Alert) -> Alert | None:
        """Take an alert in; returns what is to be said, or None if it has been said."""
        if alert.state == "resolved":
            known = self._open.pop(alert.key, None)
            if known is not None:
                return replace(alert, severity=known.alert.severity)
            # Nobody was told of it; but what tells of one moment is not kept open here.
            return None if alert.kind in _LASTING else alert
        if alert.kind not in _LASTING:
            return alert
        known = self._open.get(alert.key)
        said = known is not None and not _is_news(known, alert)
        told = known.told_ms if known is not None and said else alert.time_ms
        self._open[alert.key] = OpenAlert(alert=alert, told_ms=told)
        return None if said else alert

    def due(self, now_ms: int) -> Iterator[Alert]:
        """Yield what has to be said now: repetitions, and ends that nobody reported."""
        for key, each in tuple(self._open.items()):
            is_stale = not each.is_confirmed and now_ms - self._started_ms >= GRACE_MS
            if is_stale and each.alert.kind in _DERIVED:
                del self._open[key]
                text = f"not reported since the agent was restarted: {each.alert.text}"
                yield replace(each.alert, state="resolved", text=text, time_ms=now_ms)
            elif now_ms - each.told_ms >= self._repeat_ms:
                self._open[key] = replace(each, told_ms=now_ms)
                yield replace(each.alert, state="repeated", time_ms=now_ms)

    def next_ms(self) -> int | None:
        """Return when ``due`` may have something next; None: never, as things stand."""
        times = [each.told_ms + self._repeat_ms for each in self._open.values()]
        if any(not each.is_confirmed for each in self._open.values()):
            times.append(self._started_ms + GRACE_MS)
        return min(times, default=None)


def _is_news(known: OpenAlert, alert: Alert) -> bool:
    """Whether it is worse than before, or says something else."""
    louder = _RANKS.index(alert.severity) > _RANKS.index(known.alert.severity)
    return louder or _gist(alert) != _gist(known.alert)


def _gist(alert: Alert) -> str:
    """Return the text without its numbers: a clock that ticks in it makes no news."""
    return "".join(char for char in alert.text if not char.isdigit())
