"""Which path is answered with what? Pure: from what was heard of the agent to status, type and body."""

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from hafailover.web import metrics, page
from hafailover.web.snapshot import Heard

_PLAIN: Final = "text/plain; charset=utf-8"
_SERVED: Final = ("healthy", "degraded")
"""A group is served then, and where it is the primary, at its addresses."""
_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
PATHS: Final = ("/", "/health", "/primary", "/secondary", "/status", "/metrics")
OK: Final = 200
NOT_FOUND: Final = 404
UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer."""

    status: int
    kind: str
    body: bytes


def answer(target: str, heard: Heard) -> Reply:
    """Return the answer to a GET of ``target``, the path with its query."""
    split = urlsplit(target)
    group = parse_qs(split.query).get("group", [None])[0]
    match split.path:
        case "/":
            return Reply(
                status=OK, kind="text/html; charset=utf-8", body=page.render(heard).encode()
            )
        case "/metrics":
            return Reply(status=OK, kind=_METRICS, body=metrics.render(heard))
        case "/status":
            return _status(heard)
        case "/health" | "/primary" | "/secondary":
            return _judge(split.path, group, heard)
        case _:
            text = f"there are {', '.join(PATHS)}\n"
            return Reply(status=NOT_FOUND, kind=_PLAIN, body=text.encode())


def _status(heard: Heard) -> Reply:
    if not heard.is_fresh:
        return _json(UNAVAILABLE, {"schema": 1, "groups": [], "problem": "the agent says nothing"})
    return _json(OK, heard.document)


def _judge(path: str, group: str | None, heard: Heard) -> Reply:
    """Say yes (200) or no (503) for one group, or for all; the body says why."""
    if not heard.is_fresh or heard.document is None:
        return _json(UNAVAILABLE, {"schema": 1, "ok": False, "why": "the agent says nothing"})
    groups = [each for each in heard.document["groups"] if group in (None, each["group"])]
    if not groups:
        return _json(NOT_FOUND, {"schema": 1, "ok": False, "why": f"there is no group {group}"})
    is_ok = all(_holds(path, each) for each in groups)
    why = "; ".join(f"{each['group']}: {each['role']}, {each['headline']}" for each in groups)
    return _json(OK if is_ok else UNAVAILABLE, {"schema": 1, "ok": is_ok, "why": why})


def _holds(path: str, group: dict[str, Any]) -> bool:
    match path:
        case "/primary":
            is_up = group["addresses_wanted"] and group["health"] in _SERVED
            return bool(group["role"] == "primary" and is_up)
        case "/secondary":
            return bool(group["role"] == "standby" and group["health"] == "healthy")
        case _:
            return group["health"] in _SERVED


def _json(status: int, document: object) -> Reply:
    body = json.dumps(document, ensure_ascii=False).encode() + b"\n"
    return Reply(status=status, kind=_JSON, body=body)
