"""The status, as a human reads it."""

from typing import Any

import click
import pytest

from hafailover.cli.status import exit_status
from hafailover.cli.status_text import age_text, render_status

VOLUME: dict[str, Any] = {
    "name": "sites",
    "mount_point": "/home/sites",
    "mounted": True,
    "copy": "sole",
    "doubt": "",
    "lineage": "aa",
    "open": True,
    "clean": False,
    "peer_copy": "syncing",
    "mirror": {
        "name": "remotemirror",
        "state": "DEGRADED",
        "genid": 0,
        "syncid": 1,
        "components": [
            {"provider": "md10", "state": "ACTIVE"},
            {"provider": "ggate10", "state": "SYNCHRONIZING"},
        ],
    },
    "size_bytes": 500 * 1024 * 1024,
    "peer_exporting": True,
    "rebuild_percent": 42,
    "rebuild": {"percent": 42, "bytes_per_s": 12_600_000, "left_ms": 180_000},
    "exporting": False,
}
GROUP: dict[str, Any] = {
    "group": "web",
    "node": "A",
    "role": "primary",
    "role_age_ms": 7_000,
    "why": "won the election",
    "health": "degraded",
    "headline": "A serves; the peer's copy is being rebuilt, 42 %",
    "serving_node": "A",
    "epoch": 3,
    "arbiter": {"kind": "ping", "safety": "an isolated node stops"},
    "vrrp": [
        {
            "family": 4,
            "version": 2,
            "vrid": 51,
            "state": "Master",
            "priority": 254,
            "interval_ms": 1000,
        }
    ],
    "addresses": ["192.168.1.102/32"],
    "addresses_wanted": True,
    "addresses_are": "up here",
    "candidate": True,
    "not_candidate_because": "",
    "refusal": "",
    "paused": None,
    "volumes": [VOLUME],
    "services": [{"name": "apache", "running": True, "problem": ""}],
    "in_sync": False,
    "unprotected_ms": 61_000,
    "switchover_possible": False,
    "peer": {
        "name": "B",
        "heard": True,
        "heard_age_ms": 120,
        "networks": ["lan", "replication"],
        "hears_us_on": ["replication"],
        "role": "standby",
        "epoch": 3,
        "vrrp_master": False,
        "link_up": True,
        "sees_gateway": True,
        "paused": False,
        "refusal": "its copy is being rebuilt",
        "same_configuration": False,
        "verdict": "theirs is stale",
        "own_refusal": "",
    },
    "doing": ["gmirror insert"],
    "storage_seen_age_ms": 400,
    "storage_problem": "",
    "timers": {
        "heartbeat_ms": 250,
        "misses": 4,
        "canary_ms": 1000,
        "takeover_silence_ms": 5250,
        "lateness_ms": 250,
    },
    "alerts": [{"kind": "unprotected", "text": "only A has the data", "age_ms": 61_000}],
}
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "version": "0.1.0",
    "node": "A",
    "peer": "B",
    "digest": "d",
    "groups": [GROUP],
    "agent": {
        "pid": 12,
        "uptime_ms": 90_000,
        "journal_lines_dropped": 0,
        "children": 1,
        "stuck_children": [
            {
                "pid": 99,
                "what": "sysctl -n kern.geom.confxml",
                "age_ms": 75_000,
                "waits_in": "mi_switch+0xc2 g_waitidle+0xa3",
            }
        ],
    },
    "networks": [
        {
            "name": "lan",
            "own_address": "192.168.1.100",
            "peer_address": "192.168.1.101",
            "sends": True,
            "receives": True,
            "report_age_ms": 120,
            "refused": {},
        }
    ],
    "ignored_advertisements": [
        {"group": "", "reason": "other_vrid", "what": "another", "count": 7},
        {"group": "web", "reason": "checksum", "what": "the checksum is wrong", "count": 2},
    ],
}


def test_the_page_is_as_reviewed() -> None:
    assert render_status(DOCUMENT, colour=False).splitlines() == [
        "web: DEGRADED",
        "             A serves; the peer's copy is being rebuilt, 42 %",
        "  this node  A: primary for 7 s; won the election",
        "  peer       B: standby, heard now on lan, replication; its copy is being",
        "             rebuilt",
        "             it does not hear this node on lan",
        "             its configuration differs from this node's",
        "  address    192.168.1.102/32 up here; VRRP IPv4 Master (VRID 51, priority",
        "             254)",
        "  volume     sites: copy sole, mounted on /home/sites (seen now)",
        "             the peer's copy: syncing",
        "             mirror remotemirror DEGRADED: md10 ACTIVE, ggate10 SYNCHRONIZING",
        "             rebuild [##########..............] 42 %, 12 MB/s, 3 min left",
        "  service    apache: running",
        "  warning    unprotected for 61 s",
        "  doing      gmirror insert",
        "  arbiter    ping; an isolated node stops",
        "  alert      unprotected (61 s ago): only A has the data",
        "",
        "  network    lan: sends; last report now",
        "  ignored    2 advertisements for web: the checksum is wrong",
        "  agent      version 0.1.0 on A, pid 12, up 90 s",
        "  stuck      sysctl -n kern.geom.confxml (pid 99) hangs for 75 s, waiting in",
        "             mi_switch+0xc2 g_waitidle+0xa3",
    ]


def test_no_line_is_wider_than_the_terminal() -> None:
    long = {**GROUP, "why": "because " * 40, "headline": "x " * 100}
    page = render_status({**DOCUMENT, "groups": [long, long]}, colour=False)
    assert max(map(len, page.splitlines())) <= 80


def test_colour_changes_nothing_but_the_colour() -> None:
    plain = render_status(DOCUMENT, colour=False)
    coloured = render_status(DOCUMENT, colour=True)
    assert coloured != plain
    assert click.unstyle(coloured) == plain


@pytest.mark.parametrize(
    ("age_ms", "text"),
    [
        (None, "never"),
        (999, "now"),
        (1_000, "1 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2 d"),
    ],
)
def test_ages_are_said_in_words(age_ms: int | None, text: str) -> None:
    assert age_text(age_ms) == text


@pytest.mark.parametrize(
    ("healths", "status"),
    [
        (["healthy"], 0),
        (["healthy", "degraded"], 1),
        (["degraded", "not served"], 2),
        (["unknown", "healthy"], 3),
        (["something later"], 3),
        ([], 3),
    ],
)
def test_the_worst_group_makes_the_exit_status(healths: list[str], status: int) -> None:
    assert exit_status({"groups": [{"health": health} for health in healths]}) == status
