"""How do alerts reach people: the log, who watches live, and commands of theirs?"""

import time
from collections.abc import Callable
from typing import Final

from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.settings import AlertSettings
from hafailover.system.alert_hook import AlertHook
from hafailover.system.log import CRITICAL, NOTICE, WARNING, Log
from hafailover.system.runner import Runner

_LEVELS: Final = {
    Severity.NOTE: NOTICE,
    Severity.WARNING: WARNING,
    Severity.CRITICAL: CRITICAL,
}
_RANKS: Final = tuple(Severity)
"""The quietest first."""
_MILLION: Final = 1_000_000


class AlertPort:
    """Tells people, never in anybody's way."""

    def __init__(
        self,
        log: Log,
        runner: Runner,
        *,
        node: str,
        settings: AlertSettings,
        listener: Callable[[str, str], None] = lambda _group, _text: None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Make the port.

        Args:
            log: Where everything is written.
            runner: Starts the commands.
            node: Who speaks.
            settings: Which commands there are.
            listener: Told (group, text) of everything that is said, for who watches live.
            wall_ns: The time of day, in nanoseconds since 1970.
        """
        self._log = log
        self._node = node
        self._listener = listener
        self._wall_ns = wall_ns
        self._hooks = tuple(
            AlertHook(hook, queue_max=settings.queue, runner=runner, log=log)
            for hook in settings.hooks
        )
        self._raised: dict[tuple[str, AlertKind], Severity] = {}

    @property
    def dropped(self) -> int:
        """How many deliveries were given up because too many waited."""
        return sum(hook.dropped for hook in self._hooks)

    def raise_alert(self, group: str, kind: AlertKind, severity: Severity, text: str) -> None:
        """Say that something is wrong."""
        self._say(group, f"alert {kind.value} ({severity.value}): {text}", _LEVELS[severity])
        self._raised[group, kind] = severity
        self._deliver(group, kind, severity, "raised", text)

    def resolve_alert(self, group: str, kind: AlertKind, text: str) -> None:
        """Say that it is over, as loud as it was raised."""
        self._say(group, f"alert {kind.value} resolved: {text}", NOTICE)
        severity = self._raised.pop((group, kind), Severity.WARNING)
        self._deliver(group, kind, severity, "resolved", text)

    def note(self, group: str, text: str) -> None:
        """Put a line into the history."""
        self._say(group, text, NOTICE)

    def _say(self, group: str, text: str, level: int) -> None:
        self._log.say(f"{group}: {text}", level)
        self._listener(group, text)

    def _deliver(
        self, group: str, kind: AlertKind, severity: Severity, state: str, text: str
    ) -> None:
        for hook in self._hooks:
            if _RANKS.index(severity) >= _RANKS.index(hook.settings.severity):
                hook.give(
                    {
                        "time": self._wall_ns() // _MILLION,
                        "node": self._node,
                        "group": group,
                        "kind": kind.value,
                        "severity": severity.value,
                        "state": state,
                        "text": text,
                    }
                )
