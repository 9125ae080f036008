"""The status as a plugin of Nagios, Icinga and their like prints it: one line, figures, an exit status.

Spec: Monitoring Plugins Development Guidelines, "Plugin Output for Nagios".
"""

from typing import Any, Final

WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_OF_HEALTH: Final = {"healthy": 0, "degraded": 1, "not served": 2}
_ORDER: Final = (0, 1, 3, 2)
"""From best to worst: what is down is worse than what is not known."""


def render(document: dict[str, Any]) -> tuple[str, int]:
    """Return the text and the exit status for a status document."""
    groups = document["groups"]
    if not groups:
        return unknown("the agent has no groups")
    states = [_OF_HEALTH.get(group["health"], 3) for group in groups]
    worst = max(states, key=_ORDER.index)
    heads = [
        f"{group['group']}: {group['headline']}"
        for group, state in zip(groups, states, strict=True)
        if state == worst
    ]
    figures = [figure for group in groups for figure in _figures(group)]
    lines = [f"HAFAILOVER {WORDS[worst]} - {'; '.join(map(_plain, heads))}|{' '.join(figures)}"]
    lines += [
        _plain(f"{group['group']}: {alert['kind']}: {alert['text']}")
        for group in groups
        for alert in group["alerts"]
    ]
    return "\n".join(lines), worst


def unknown(problem: str) -> tuple[str, int]:
    """Return what is printed when nothing can be known."""
    return f"HAFAILOVER UNKNOWN - {_plain(problem)}", 3


def _plain(text: str) -> str:
    """Return text without what separates the figures, and without line ends."""
    return " ".join(text.replace("|", "/").split())


def _figures(group: dict[str, Any]) -> list[str]:
    name = "".join(char if char.isalnum() or char in "_-" else "_" for char in group["group"])
    serving = int(group["role"] == "primary")
    found = [f"{name}_primary={serving};;;0;1", f"{name}_alerts={len(group['alerts'])};;;0"]
    for volume in group["volumes"]:
        percent = volume.get("rebuild_percent")
        if percent is not None:
            found.append(f"{name}_{volume['name']}_rebuild={percent}%;;;0;100")
    return found
