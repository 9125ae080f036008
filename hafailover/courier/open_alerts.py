"""Which alerts are open, which are said again, and which need not be said?

Pure: time comes in as milliseconds since 1970. The clock may be set back: what then lies in the future says nothing
of how long ago it was.
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
    life_ms: int = 0
    """When the life of the agent began that raised it last."""


class OpenAlerts:
    """What is open, by group and kind."""

    def __init__(self, repeat_ms: int, known: Iterable[OpenAlert] = (), life_ms: int = 0) -> None:
        """Begin with what is open already.

        Args:
            repeat_ms: How often what lasts is said again.
            known: What an earlier courier left open, of this life of the agent or of one before.
            life_ms: When this life of the agent began.
        """
        self._repeat_ms = repeat_ms
        self._life_ms = life_ms
        self._grace_from_ms = life_ms
        self._open = {each.alert.key: each for each in known}

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
        self._open[alert.key] = OpenAlert(alert=alert, told_ms=told, life_ms=self._life_ms)
        return None if said else alert

    def due(self, now_ms: int) -> Iterator[Alert]:
        """Yield what has to be said now: repetitions, and ends that nobody reported."""
        # Not over at once: the agent may not have had the time to raise it again.
        self._grace_from_ms = min(self._grace_from_ms, now_ms)
        for key, each in tuple(self._open.items()):
            if self._is_doubtful(each) and now_ms - self._grace_from_ms >= GRACE_MS:
                del self._open[key]
                text = f"not reported since the agent was restarted: {each.alert.text}"
                yield replace(each.alert, state="resolved", text=text, time_ms=now_ms)
            elif not 0 <= now_ms - each.told_ms < self._repeat_ms:
                self._open[key] = replace(each, told_ms=now_ms)
                yield replace(each.alert, state="repeated", time_ms=now_ms)

    def next_ms(self) -> int | None:
        """Return when ``due`` may have something next; None: never, as things stand."""
        times = [each.told_ms + self._repeat_ms for each in self._open.values()]
        if any(self._is_doubtful(each) for each in self._open.values()):
            times.append(self._grace_from_ms + GRACE_MS)
        return min(times, default=None)

    def _is_doubtful(self, opened: OpenAlert) -> bool:
        """Whether this life of the agent would have raised it by itself, and has not yet."""
        return opened.life_ms != self._life_ms and opened.alert.kind in _DERIVED


def _is_news(known: OpenAlert, alert: Alert) -> bool:
    """Whether it is worse than before, or says something else."""
    louder = _RANKS.index(alert.severity) > _RANKS.index(known.alert.severity)
    return louder or _gist(alert) != _gist(known.alert)


def _gist(alert: Alert) -> str:
    """Return the text without its numbers: a clock that ticks in it makes no news."""
    return "".join(char for char in alert.text if not char.isdigit())
