"""What has become of the configuration file since the agent began? Looked at when somebody asks, in a child.

The agent never takes a changed file over: it is restarted for that. But a file that cannot be used is told while the
agent still runs, and not when it is to start again at night.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.settings import NodeSettings
from hafailover.system.child import Ended
from hafailover.system.python_child import python_environment
from hafailover.system.runner import Runner
from hafailover.units import seconds

_DEADLINE: Final = seconds(60)
_KEEP: Final = 1 << 20
_SAID_BYTES: Final = 300
_STAYS: Final = "the agent goes on with what it has, and would not start again"
_RESTART: Final = "'service hafailover restart' applies it, and leaves everything up"

Tell = Callable[[str, AlertKind, Severity, str], None]
"""Called with the group, the kind of alert, its severity and its text."""


class ConfigurationFile:
    """Compares the file with what the agent runs with."""

    def __init__(
        self,
        path: Path,
        settings: NodeSettings,
        runner: Runner,
        environment: Mapping[str, str],
        *,
        tell: Tell,
        say: Callable[[str], None],
    ) -> None:
        """Look at nothing yet.

        Args:
            path: Of the file.
            settings: What the agent runs with.
            runner: Starts the child.
            environment: The agent's own: where Python finds its packages.
            tell: Raises an alert.
            say: Writes into the log.
        """
        self._path = path
        self._settings = settings
        self._runner = runner
        self._environment = python_environment(environment)
        self._tell = tell
        self._say = say

    def look(self) -> None:
        """Look, and tell what comes of it; returns at once."""
        words = [f"{name}={value}" for name, value in self._environment.items()]
        check = ("-m", "hafailover", "check", "--offline", "--json", "--config", str(self._path))
        node = ("--node", self._settings.node)
        argv = ("/usr/bin/env", *words, sys.executable, *check, *node)
        self._runner.start(argv, deadline=_DEADLINE, done=self._looked, keep=_KEEP)

    def _looked(self, ended: Ended) -> None:
        try:
            document: dict[str, Any] = json.loads(ended.stdout)
            is_usable = bool(document["usable"])
            digest = str(document.get("digest", ""))
        except (ValueError, KeyError, TypeError):
            said = ended.problem or ended.stderr[-_SAID_BYTES:].decode(errors="replace").strip()
            self._say(f"{self._path} could not be looked at: {said}")
            return
        if not is_usable:
            self._alert(
                Severity.WARNING, f"{self._path} cannot be used, {_first(document)}: {_STAYS}"
            )
        elif digest != self._settings.digest:
            self._alert(
                Severity.NOTE,
                f"{self._path} is no longer what the agent runs with (digest {digest[:16]}, and "
                f"{self._settings.digest[:16]}): {_RESTART}",
            )
        else:
            self._say(f"{self._path} has what both nodes share unchanged: {_RESTART}")

    def _alert(self, severity: Severity, text: str) -> None:
        for group in self._settings.groups:
            self._tell(group.name, AlertKind.CONFIGURATION_CHANGED, severity, text)


def _first(document: dict[str, Any]) -> str:
    """Say where the first problem is, and what it is."""
    problems = document.get("problems") or [{"line": 0, "text": "for a reason that was not told"}]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"line {problems[0]['line']}: {problems[0]['text']}{more}"
