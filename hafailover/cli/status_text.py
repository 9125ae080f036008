"""How does the status look to a human at a terminal of 80 columns?"""

from typing import Any, Final

import click

WIDTH: Final = 78
_LABEL: Final = 11
_COLOURS: Final = {
    "healthy": "green",
    "degraded": "yellow",
    "not served": "red",
    "unknown": "red",
}
_BAR: Final = 24


def render_status(document: dict[str, Any], *, colour: bool) -> str:
    """Return the status as text, without a newline at its end."""
    lines: list[str] = []
    for group in document["groups"]:
        if lines:
            lines.append("")
        lines += _group(group, colour=colour)
    lines += _agent(document)
    return "\n".join(lines)


def age_text(age_ms: int | None) -> str:
    """Return an age in words: ``now``, ``3 s``, ``5 min``, ``2 h``, ``4 d``."""
    if age_ms is None:
        return "never"
    for limit, size, unit in (
        (1_000, 0, "now"),
        (120_000, 1_000, "s"),
        (7_200_000, 60_000, "min"),
        (172_800_000, 3_600_000, "h"),
    ):
        if age_ms < limit:
            return unit if size == 0 else f"{age_ms // size} {unit}"
    return f"{age_ms // 86_400_000} d"


def span_text(span_ms: int | None) -> str:
    """Return how long something has lasted, in the same words."""
    text = age_text(span_ms)
    return "a moment" if text == "now" else text


def _group(group: dict[str, Any], *, colour: bool) -> list[str]:
    health = str(group["health"])
    head = f"{group['group']}: {health.upper()}"
    if colour:
        head = click.style(head, fg=_COLOURS.get(health, "red"), bold=True)
    since = span_text(group["role_age_ms"])
    lines = [head, *_wrapped("", f"{group['headline']}")]
    lines += _wrapped("this node", f"{group['node']}: {group['role']} for {since}; {group['why']}")
    lines += _peer(group["peer"]) if group["peer"]["name"] else []
    lines += _wrapped("address", _addresses(group))
    for volume in group["volumes"]:
        lines += _volume(volume, group)
    for service in group["services"]:
        running = "running" if service["running"] else "not running"
        problem = f"; {service['problem']}" if service["problem"] else ""
        lines += _wrapped("service", f"{service['name']}: {running}{problem}")
    lines += _standing(group)
    for alert in group["alerts"]:
        lines += _wrapped(
            "alert", f"{alert['kind']} ({age_text(alert['age_ms'])} ago): {alert['text']}"
        )
    return lines


def _peer(peer: dict[str, Any]) -> list[str]:
    if not peer["heard"]:
        return _wrapped("peer", f"{peer['name']}: not heard ({age_text(peer['heard_age_ms'])})")
    age = age_text(peer["heard_age_ms"])
    networks = ", ".join(peer["networks"]) or "no network"
    text = f"{peer['name']}: {peer['role']}, heard {_ago(age)} on {networks}"
    if peer["refusal"]:
        text += f"; {peer['refusal']}"
    lines = _wrapped("peer", text)
    deaf = [name for name in peer["networks"] if name not in peer["hears_us_on"]]
    if deaf:
        lines += _wrapped("", f"it does not hear this node on {', '.join(deaf)}")
    if peer["same_configuration"] is False:
        lines += _wrapped("", "its configuration differs from this node's")
    return lines


def _addresses(group: dict[str, Any]) -> str:
    states = ", ".join(
        f"IPv{each['family']} {each['state']} (VRID {each['vrid']}, priority {each['priority']})"
        for each in group["vrrp"]
    )
    return f"{', '.join(group['addresses'])} {group['addresses_are']}; VRRP {states}"


def _volume(volume: dict[str, Any], group: dict[str, Any]) -> list[str]:
    seen = age_text(group["storage_seen_age_ms"])
    mounted = {True: "mounted", False: "not mounted", None: "mount unknown"}[volume["mounted"]]
    text = f"{volume['name']}: copy {volume['copy']}, {mounted} on {volume['mount_point']}"
    text += f" (seen {_ago(seen)})"
    lines = _wrapped("volume", text)
    if volume["peer_copy"]:
        lines += _wrapped("", f"the peer's copy: {volume['peer_copy']}")
    mirror = volume["mirror"]
    if mirror is not None:
        parts = ", ".join(f"{part['provider']} {part['state']}" for part in mirror["components"])
        lines += _wrapped("", f"mirror {mirror['name']} {mirror['state']}: {parts}")
    if volume["rebuild_percent"] is not None:
        lines += _wrapped("", f"rebuild {bar(volume['rebuild_percent'])}{pace_text(volume)}")
    if volume["doubt"]:
        lines += _wrapped("", f"doubt: {volume['doubt']}")
    return lines


def _standing(group: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    if group["unprotected_ms"] is not None:
        lines += _wrapped("warning", f"unprotected for {span_text(group['unprotected_ms'])}")
    if group["not_candidate_because"]:
        lines += _wrapped("standby", f"would not take over: {group['not_candidate_because']}")
    if group["refusal"]:
        lines += _wrapped("waits", group["refusal"])
    if group["doing"]:
        lines += _wrapped("doing", ", ".join(group["doing"]))
    if group["paused"] is not None:
        reason = group["paused"]["reason"]
        lines += _wrapped("paused", reason or "until resumed")
    if group["storage_problem"]:
        lines += _wrapped("unknown", group["storage_problem"])
    if group["volumes"]:
        lines += _wrapped("arbiter", f"{group['arbiter']['kind']}; {group['arbiter']['safety']}")
    return lines


def _agent(document: dict[str, Any]) -> list[str]:
    agent = document["agent"]
    lines = [""]
    for network in document["networks"]:
        sends = "sends" if network["sends"] else "cannot send"
        heard = age_text(network["report_age_ms"])
        text = f"{network['name']}: {sends}; last report {_ago(heard)}"
        lines += _wrapped("network", text)
    for each in document.get("ignored_advertisements", ()):
        # Other virtual routers on the LAN are nobody's trouble; a program can count them.
        if each["group"]:
            count = f"{each['count']} advertisement{'s' if each['count'] != 1 else ''}"
            lines += _wrapped("ignored", f"{count} for {each['group']}: {each['what']}")
    uptime = age_text(agent["uptime_ms"])
    text = f"version {document['version']} on {document['node']}, pid {agent['pid']}, up {uptime}"
    lines += _wrapped("agent", text)
    for interface in agent.get("missing_interfaces", ()):
        text = f"{interface} is gone, destroyed or renamed: nothing is sent or heard on it"
        lines += _wrapped("interface", text)
    for child in agent["stuck_children"]:
        text = f"{child['what']} (pid {child['pid']}) hangs for {span_text(child['age_ms'])}"
        where = child.get("waits_in", "")
        lines += _wrapped("stuck", f"{text}, waiting in {where}" if where else text)
    return lines


def _ago(age: str) -> str:
    return age if age in ("now", "never") else f"{age} ago"


def bar(percent: int) -> str:
    """Return a bar with its percentage."""
    full = percent * _BAR // 100
    return f"[{'#' * full}{'.' * (_BAR - full)}] {percent} %"


def pace_text(volume: dict[str, Any]) -> str:
    """Return how fast a rebuild is, and how long it will take; empty if that is not known yet."""
    rebuild = volume["rebuild"]
    if rebuild is None or rebuild["bytes_per_s"] is None:
        return ""
    rate, left = size_text(rebuild["bytes_per_s"]), age_text(rebuild["left_ms"])
    return f", {rate}/s, {'done soon' if left == 'now' else f'{left} left'}"


def size_text(count: int) -> str:
    """Return a number of bytes in words: ``512 B``, ``12 MB`` (of 1024 each)."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def folded(text: str, width: int) -> list[str]:
    """Return the text in lines of at most ``width``, if its words allow it."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _wrapped(label: str, text: str) -> list[str]:
    """Return the text behind its label, folded at the width of the page."""
    lines = folded(text, WIDTH - _LABEL - 2)
    labels = [label, *[""] * (len(lines) - 1)]
    return [f"  {name:<{_LABEL}}{part}".rstrip() for name, part in zip(labels, lines, strict=True)]
