"""How do alerts reach people: the log, who watches live, and the courier, who brings them to the rest?"""

import time
from collections.abc import Callable
from typing import Any, Final

from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.alerting import Alert
from hafailover.system.courier_link import CourierLink
from hafailover.system.log import CRITICAL, NOTICE, WARNING, Log

_LEVELS: Final = {
    Severity.NOTE: NOTICE,
    Severity.WARNING: WARNING,
    Severity.CRITICAL: CRITICAL,
}
_MILLION: Final = 1_000_000


class AlertPort:
    """Tells people, never in anybody's way."""

    def __init__(
        self,
        log: Log,
        courier: CourierLink,
        *,
        node: str,
        listener: Callable[[str, str], None] = lambda _group, _text: None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Make the port.

        Args:
            log: Where everything is written.
            courier: Brings alerts to hooks, web addresses and mail.
            node: Who speaks.
            listener: Told (group, text) of everything that is said, for who watches live.
            wall_ns: The time of day, in nanoseconds since 1970.
        """
        self._log = log
        self._courier = courier
        self._node = node
        self._listener = listener
        self._wall_ns = wall_ns
        self._raised: dict[tuple[str, AlertKind], Severity] = {}

    @property
    def dropped(self) -> int:
        """How many deliveries were given up because too many waited."""
        return self._courier.dropped

    def status(self) -> dict[str, Any]:
        """Return how the delivery goes."""
        return self._courier.status()

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

    def tell_reset(self, group: str, reason: str) -> None:
        """Say that this host is being reset."""
        self.raise_alert(group, AlertKind.HOST_RESET, Severity.CRITICAL, reason)

    def note(self, group: str, text: str) -> None:
        """Put a line into the history."""
        self._say(group, text, NOTICE)

    def _say(self, group: str, text: str, level: int) -> None:
        self._log.say(f"{group}: {text}", level)
        self._listener(group, text)

    def _deliver(
        self, group: str, kind: AlertKind, severity: Severity, state: str, text: str
    ) -> None:
        self._courier.give(
            Alert(
                time_ms=self._wall_ns() // _MILLION,
                node=self._node,
                group=group,
                kind=kind.value,
                severity=severity,
                state=state,
                text=text,
            )
        )
