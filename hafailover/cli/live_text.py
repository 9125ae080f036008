"""How does a pair look live, both nodes side by side, on a terminal of 80 columns or more?"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import click

from hafailover.cli.status_text import age_text, bar, folded, pace_text, span_text

_LABEL: Final = 11
_COLOURS: Final = {
    "HEALTHY": "green",
    "DEGRADED": "yellow",
    "NOT SERVED": "red",
    "UNKNOWN": "red",
    "UNPROTECTED": "red",
    "paused": "yellow",
    "primary": "green",
    "in_sync": "green",
    "sole": "yellow",
    "syncing": "yellow",
    "stale": "red",
    "diverged": "red",
    "critical": "red",
}
_WIDTH_MIN: Final = 60
_WIDTH_MAX: Final = 120
NOTES: Final = 6
"""So many of the last notes are shown."""


def render_live(
    document: dict[str, Any], notes: Iterable[str], *, width: int, clock: str, colour: bool
) -> str:
    """Return the page: one block for each group, then the last notes."""
    width = min(max(width, _WIDTH_MIN), _WIDTH_MAX) - 1
    lines: list[str] = []
    for group in document["groups"]:
        lines += _Block(group, width).lines(clock)
        lines.append("")
        clock = ""
    for network in document["networks"]:
        sends = "both ways" if network["sends"] and network["receives"] else "NOT both ways"
        age = age_text(network["report_age_ms"])
        lines += _row("network", f"{network['name']}: {sends}, last report {_ago(age)}", width)
    for interface in document["agent"].get("missing_interfaces", ()):
        lines += _row("gone", f"interface {interface}: destroyed or renamed", width)
    for child in document["agent"]["stuck_children"]:
        text = f"{child['what']} (pid {child['pid']}) for {span_text(child['age_ms'])}"
        lines += _row("hangs", text, width)
    last = list(notes)[-NOTES:]
    if last:
        lines.append("-" * width)
        lines += [each[:width] for each in last]
    text = "\n".join(lines)
    return _coloured(text) if colour else text


class _Block:
    """One group's lines."""

    def __init__(self, group: dict[str, Any], width: int) -> None:
        self._group = group
        self._width = width
        self._column = (width - _LABEL - 1) // 2

    def lines(self, clock: str) -> list[str]:
        """Return them all."""
        group, peer = self._group, self._group["peer"]
        head = f"{group['group']}  {str(group['health']).upper()}"
        lines = [
            f"{head}{clock:>{self._width - len(head)}}",
            *folded(group["headline"], self._width),
        ]
        lines.append("-" * self._width)
        if peer["name"]:
            lines += self._pair("", f"{group['node']} (this node)", str(peer["name"]))
        lines += self._roles()
        for volume in group["volumes"]:
            lines += self._volume(volume)
        lines += self._vrrp()
        for service in group["services"]:
            running = "running" if service["running"] else "not running here"
            problem = f"; {service['problem']}" if service["problem"] else ""
            lines += self._line("service", f"{service['name']}: {running}{problem}")
        return [*lines, *self._standing()]

    def _roles(self) -> Iterator[str]:
        group, peer = self._group, self._group["peer"]
        mine = f"{group['role']} for {span_text(group['role_age_ms'])}, epoch {group['epoch']}"
        if not peer["name"]:
            yield from self._line("role", mine)
        elif peer["heard"]:
            theirs = f"{peer['role']}, epoch {peer['epoch']}"
            yield from self._pair("role", mine, theirs)
            heard = f"heard {_ago(age_text(peer['heard_age_ms']))} on {', '.join(peer['networks'])}"
            yield from self._pair("", "", heard)
        else:
            silent = f"NOT HEARD ({age_text(peer['heard_age_ms'])})"
            yield from self._pair("role", mine, silent)
        yield from self._line("", f"because {group['why']}")
        if group["not_candidate_because"]:
            yield from self._line("", f"no takeover: {group['not_candidate_because']}")
        if peer["heard"] and peer["refusal"]:
            yield from self._line("", f"{peer['name']} would not: {peer['refusal']}")
        if peer["same_configuration"] is False:
            yield from self._line("", f"the configuration of {peer['name']} DIFFERS")

    def _volume(self, volume: dict[str, Any]) -> Iterator[str]:
        mounted = {True: "mounted", False: "not mounted", None: "mount unknown"}[volume["mounted"]]
        exported = ", exported" if volume["exporting"] else ""
        mine = f"{volume['copy']}, {mounted}{exported}"
        exports = ", exported" if volume["peer_exporting"] else ""
        theirs = f"{volume['peer_copy'] or 'not known'}{exports}"
        yield from self._pair(f"{volume['name']}"[: _LABEL - 1], mine, theirs)
        mirror = volume["mirror"]
        if mirror is not None:
            parts = ", ".join(
                f"{each['provider']} {each['state']}" for each in mirror["components"]
            )
            yield from self._line("", f"mirror {mirror['state']}: {parts}")
        rebuild = volume["rebuild"]
        if rebuild is not None:
            yield from self._line("", f"rebuild {bar(rebuild['percent'])}{pace_text(volume)}")
        if volume["doubt"]:
            yield from self._line("", f"doubt: {volume['doubt']}")

    def _vrrp(self) -> Iterator[str]:
        group, peer = self._group, self._group["peer"]
        states = ", ".join(
            f"IPv{each['family']} {each['state']} ({each['priority']})" for each in group["vrrp"]
        )
        theirs = {True: "Master", False: "Backup", None: "not known"}[peer["vrrp_master"]]
        if peer["name"]:
            yield from self._pair("vrrp", states, theirs)
        else:
            yield from self._line("vrrp", states)
        yield from self._line(
            "address", f"{', '.join(group['addresses'])} {group['addresses_are']}"
        )

    def _standing(self) -> Iterator[str]:
        group = self._group
        if group["unprotected_ms"] is not None:
            yield from self._line(
                "second copy", f"UNPROTECTED for {span_text(group['unprotected_ms'])}"
            )
        elif group["volumes"]:
            yield from self._line("second copy", "in sync" if group["in_sync"] else "not in sync")
        if group["volumes"]:
            yield from self._line(
                "arbiter", f"{group['arbiter']['kind']}; {group['arbiter']['safety']}"
            )
            yield from self._line("timers", _timers(group))
        if group["paused"] is not None:
            yield from self._line("paused", group["paused"]["reason"] or "until resumed")
        for label, text in (
            ("doing", ", ".join(group["doing"])),
            ("waits", group["refusal"]),
            ("unknown", group["storage_problem"]),
        ):
            if text:
                yield from self._line(label, text)
        for alert in group["alerts"]:
            text = f"{alert['kind']} ({_ago(age_text(alert['age_ms']))}): {alert['text']}"
            yield from self._line("alert", text)

    def _line(self, label: str, text: str) -> list[str]:
        return _row(label, text, self._width)

    def _pair(self, label: str, left: str, right: str) -> list[str]:
        lefts, rights = folded(left, self._column - 1), folded(right, self._column)
        rows = max(len(lefts), len(rights))
        lefts += [""] * (rows - len(lefts))
        rights += [""] * (rows - len(rights))
        labels = [label, *[""] * (rows - 1)]
        return [
            f"{name:<{_LABEL}} {mine:<{self._column}}{theirs}".rstrip()
            for name, mine, theirs in zip(labels, lefts, rights, strict=True)
        ]


def _timers(group: dict[str, Any]) -> str:
    timers = group["timers"]
    interval = group["vrrp"][0]["interval_ms"] if group["vrrp"] else 0
    return (
        f"advertisement {interval} ms, heartbeat {timers['heartbeat_ms']} ms x {timers['misses']}, "
        f"takeover after {timers['takeover_silence_ms'] / 1000:.2f} s of silence"
    )


def _row(label: str, text: str, width: int) -> list[str]:
    lines = folded(text, width - _LABEL - 1)
    labels = [label, *[""] * (len(lines) - 1)]
    return [f"{name:<{_LABEL}} {part}".rstrip() for name, part in zip(labels, lines, strict=True)]


def _ago(age: str) -> str:
    return age if age in ("now", "never") else f"{age} ago"


def _coloured(text: str) -> str:
    for word, colour in _COLOURS.items():
        text = text.replace(f" {word}", f" {click.style(word, fg=colour, bold=True)}")
    return text
