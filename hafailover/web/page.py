"""The status page: roles, copies, progress, alerts and the last events. Without scripts; it loads itself anew."""

import time
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from hafailover.web.snapshot import Heard
from hafailover.web.style import STYLE

REFRESH_S: Final = 5
_TONES: Final = {"healthy": "good", "degraded": "warn"}
_COPY_TONES: Final = {"in_sync": "good", "sole": "warn", "touched": "warn", "syncing": "warn"}
_STYLE: Final = """
.bar { background: var(--line); border-radius: 4px; height: .8rem; margin: .2rem 0; overflow: hidden; }
.bar div { background: var(--phase); height: 100%; }
.two { display: grid; gap: .75rem; grid-template-columns: 1fr 1fr; }
@media (max-width: 560px) { .two { grid-template-columns: 1fr; } }
.two h3 { font-size: 1rem; margin: 0 0 .25rem; } .alert { border-left: 4px solid var(--bad); padding: .1rem .6rem; }
td.when { white-space: nowrap; }
"""


def render(heard: Heard) -> str:
    """Return the whole page."""
    document = heard.document
    if document is None or not heard.is_fresh:
        since = "" if document is None else f" for {heard.age_s:.0f} s"
        body = [
            f"<h1>hafailover <span class='verdict bad'>the agent says nothing{since}</span></h1>"
        ]
        title = "no agent"
    else:
        title = ", ".join(f"{each['group']} {each['health']}" for each in document["groups"])
        body = [each for group in document["groups"] for each in _group(group)]
        body += _agent(document)
    body += _timeline(heard)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def span_text(milliseconds: int | None) -> str:
    """Return an age for a person: ``12 s``, ``5 min``, ``2 h``, ``4 d``."""
    if milliseconds is None:
        return "never"
    for limit, size, unit in (
        (120_000, 1_000, "s"),
        (7_200_000, 60_000, "min"),
        (172_800_000, 3_600_000, "h"),
    ):
        if milliseconds < limit:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds // 86_400_000} d"


def _group(group: dict[str, Any]) -> Iterator[str]:
    health = str(group["health"])
    tone = _TONES.get(health, "bad")
    name = escape(group["group"])
    yield f"<section><h1>{name} <span class='verdict {tone}'>{escape(health)}</span></h1>"
    yield f"<p>{escape(group['headline'])}</p>"
    for alert in group["alerts"]:
        text = f"{alert['kind']}: {alert['text']} ({span_text(alert['age_ms'])})"
        yield f"<p class='alert'>{escape(text)}</p>"
    yield "<div class='two'>"
    yield from _this_node(group)
    if group["peer"]["name"]:
        yield from _peer(group)
    yield "</div>"
    for volume in group["volumes"]:
        yield from _progress(volume)
    yield "<table>"
    for label, text in _rows(group):
        yield f"<tr><th>{escape(label)}</th><td>{escape(text)}</td></tr>"
    yield "</table></section>"


def _this_node(group: dict[str, Any]) -> Iterator[str]:
    yield f"<div class='card'><h3>{escape(group['node'])} (this node)</h3>"
    yield f"<b>{escape(group['role'])}</b><p class='quiet'>for {span_text(group['role_age_ms'])}; "
    yield f"{escape(group['why'])}</p>"
    for volume in group["volumes"]:
        mounted = {True: "mounted", False: "not mounted", None: "mount unknown"}[volume["mounted"]]
        yield _copy(volume["name"], volume["copy"], mounted)
    yield "</div>"


def _peer(group: dict[str, Any]) -> Iterator[str]:
    peer = group["peer"]
    yield f"<div class='card'><h3>{escape(peer['name'])}</h3>"
    if not peer["heard"]:
        yield f"<b class='bad'>not heard</b><p class='quiet'>{span_text(peer['heard_age_ms'])}</p></div>"
        return
    networks = ", ".join(peer["networks"]) or "no network"
    refusal = f"; {peer['refusal']}" if peer["refusal"] else ""
    yield f"<b>{escape(peer['role'])}</b><p class='quiet'>heard on {escape(networks + refusal)}</p>"
    for volume in group["volumes"]:
        exported = "exported" if volume["peer_exporting"] else ""
        yield _copy(volume["name"], volume["peer_copy"] or "unknown", exported)
    yield "</div>"


def _copy(name: str, state: str, what: str) -> str:
    tone = _COPY_TONES.get(state, "bad")
    return f"<p>{escape(name)}: <span class='{tone}'>{escape(state)}</span> {escape(what)}</p>"


def _progress(volume: dict[str, Any]) -> Iterator[str]:
    percent = volume["rebuild_percent"]
    if percent is None:
        return
    text = f"rebuild of {volume['name']}: {percent} %"
    rebuild = volume["rebuild"]
    if rebuild is not None and rebuild["bytes_per_s"] is not None:
        rate = rebuild["bytes_per_s"] / 1024 / 1024
        text += f", {rate:.1f} MB/s, {span_text(rebuild['left_ms'])} left"
    yield f"<p>{escape(text)}</p><div class='bar'><div style='width: {percent}%'></div></div>"


def _rows(group: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "addresses", f"{', '.join(group['addresses'])} {group['addresses_are']}"
    for vrrp in group["vrrp"]:
        text = f"{vrrp['state']}, priority {vrrp['priority']}, every {vrrp['interval_ms']} ms"
        yield f"VRRP IPv{vrrp['family']}, VRID {vrrp['vrid']}", text
    for service in group["services"]:
        running = "running" if service["running"] else "not running here"
        yield f"service {service['name']}", f"{running} {service['problem']}".strip()
    if group["unprotected_ms"] is not None:
        yield "second copy", f"none in sync for {span_text(group['unprotected_ms'])}"
    if group["volumes"]:
        yield f"arbiter {group['arbiter']['kind']}", group["arbiter"]["safety"]
    if group["paused"] is not None:
        yield "paused", group["paused"]["reason"] or "until resumed"
    for label, text in (
        ("would not take over", group["not_candidate_because"]),
        ("waits for", group["refusal"]),
        ("under way", ", ".join(group["doing"])),
        ("cannot be seen", group["storage_problem"]),
    ):
        if text:
            yield label, text


def _agent(document: dict[str, Any]) -> Iterator[str]:
    agent = document["agent"]
    yield "<section><h2>Agent</h2><table>"
    text = (
        f"version {document['version']} on {document['node']}, up {span_text(agent['uptime_ms'])}"
    )
    yield f"<tr><th>agent</th><td>{escape(text)}</td></tr>"
    for network in document["networks"]:
        ways = "both ways" if network["sends"] and network["receives"] else "NOT both ways"
        text = f"{ways}, last report {span_text(network['report_age_ms'])} ago"
        yield f"<tr><th>network {escape(network['name'])}</th><td>{text}</td></tr>"
    for interface in agent.get("missing_interfaces", ()):
        text = f"interface {interface}: destroyed or renamed"
        yield f"<tr><th class='bad'>gone</th><td>{escape(text)}</td></tr>"
    for child in agent["stuck_children"]:
        text = f"{child['what']} (pid {child['pid']}) for {span_text(child['age_ms'])}"
        yield f"<tr><th class='bad'>hangs</th><td>{escape(text)}</td></tr>"
    yield "</table></section>"


def _timeline(heard: Heard) -> Iterator[str]:
    if not heard.notes:
        return
    yield "<section><h2>Last events</h2><table class=events>"
    for note in reversed(heard.notes):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note.at))
        yield f"<tr><td class='when quiet'>{when}</td><td>{escape(note.group)}</td><td>{escape(note.text)}</td></tr>"
    yield "</table></section>"
