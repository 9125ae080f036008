"""What monitoring systems get: one line, figures, and an exit status they know."""

import re
from typing import Any

from hafailover.cli import nagios

LINE = re.compile(r"HAFAILOVER (OK|WARNING|CRITICAL|UNKNOWN) - [^|]+(\|\S+=\S+( \S+=\S+)*)?")


def group(health: str, name: str = "web", **changes: Any) -> dict[str, Any]:
    return {
        "group": name,
        "health": health,
        "headline": f"it is {health}",
        "role": "primary",
        "alerts": [],
        "volumes": [{"name": "sites", "rebuild_percent": None}],
        **changes,
    }


def rendered(*groups: dict[str, Any]) -> tuple[list[str], int]:
    text, status = nagios.render({"groups": list(groups)})
    lines = text.splitlines()
    assert LINE.fullmatch(lines[0]), lines[0]
    return lines, status


def test_each_health_is_a_state_of_the_plugin() -> None:
    for health, status, word in (
        ("healthy", 0, "OK"),
        ("degraded", 1, "WARNING"),
        ("not served", 2, "CRITICAL"),
        ("something new", 3, "UNKNOWN"),
    ):
        lines, found = rendered(group(health))
        assert (found, lines[0].split()[1]) == (status, word)


def test_the_worst_group_counts_and_is_named() -> None:
    lines, status = rendered(group("healthy"), group("not served", "mail"), group("odd", "x"))
    assert status == 2
    assert lines[0].startswith("HAFAILOVER CRITICAL - mail: it is not served|")


def test_figures_and_alerts() -> None:
    busy = group(
        "degraded",
        headline="a | b\nc",
        alerts=[{"kind": "unprotected", "text": "only A | has\nthe data"}],
        volumes=[{"name": "sites", "rebuild_percent": 42}],
    )
    lines, _ = rendered(busy)
    assert lines[0] == (
        "HAFAILOVER WARNING - web: a / b c|web_primary=1;;;0;1 web_alerts=1;;;0 "
        "web_sites_rebuild=42%;;;0;100"
    )
    assert lines[1] == "web: unprotected: only A / has the data"


def test_no_agent_is_unknown() -> None:
    assert nagios.unknown("no agent answers") == ("HAFAILOVER UNKNOWN - no agent answers", 3)
