"""How do alerts reach people: the log, and a command of theirs?

The command gets group, kind, severity and text as its last arguments, one alert at a time. Those
that wait are bounded; a command that hangs is killed at its deadline like any other.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from hafailover.group.actions import AlertKind, Severity
from hafailover.system.child import Ended
from hafailover.system.log import CRITICAL, NOTICE, WARNING, Log
from hafailover.system.runner import Runner
from hafailover.units import seconds

QUEUE_MAX: Final = 1000
_HOOK_DEADLINE: Final = seconds(30)
_LEVELS: Final = {
    Severity.NOTE: NOTICE,
    Severity.WARNING: WARNING,
    Severity.CRITICAL: CRITICAL,
}
_RESOLVED: Final = "resolved"


class AlertPort:
    """Tells people, never in anybody's way."""

    def __init__(
        self,
        log: Log,
        runner: Runner,
        *,
        hook: tuple[str, ...] = (),
        listener: Callable[[str, str], None] = lambda _group, _text: None,
    ) -> None:
        """Make the port.

        Args:
            log: Where everything is written.
            runner: Starts the hook.
            hook: The command; empty = none.
            listener: Told (group, text) of everything that is said, for who watches live.
        """
        self.dropped = 0
        self._log = log
        self._runner = runner
        self._hook = hook
        self._listener = listener
        self._waiting: deque[tuple[str, ...]] = deque()
        self._is_running = False

    def raise_alert(self, group: str, kind: AlertKind, severity: Severity, text: str) -> None:
        """Say that something is wrong."""
        self._say(group, f"alert {kind.value} ({severity.value}): {text}", _LEVELS[severity])
        self._call(group, kind.value, severity.value, text)

    def resolve_alert(self, group: str, kind: AlertKind, text: str) -> None:
        """Say that it is over."""
        self._say(group, f"alert {kind.value} resolved: {text}", NOTICE)
        self._call(group, kind.value, _RESOLVED, text)

    def note(self, group: str, text: str) -> None:
        """Put a line into the history."""
        self._say(group, text, NOTICE)

    def _say(self, group: str, text: str, level: int) -> None:
        self._log.say(f"{group}: {text}", level)
        self._listener(group, text)

    def _call(self, *words: str) -> None:
        if not self._hook:
            return
        if len(self._waiting) >= QUEUE_MAX:
            self.dropped += 1
            return
        self._waiting.append((*self._hook, *words))
        self._next()

    def _next(self) -> None:
        if self._waiting and not self._is_running:
            self._is_running = True
            argv = self._waiting.popleft()
            self._runner.start(argv, deadline=_HOOK_DEADLINE, done=self._ended)

    def _ended(self, ended: Ended) -> None:
        self._is_running = False
        if ended.status != 0:
            said = ended.problem or ended.stderr.decode(errors="replace").strip()
            self._log.say(f"the alert hook ended with {ended.status}: {said}", WARNING)
        self._next()
