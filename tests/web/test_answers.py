"""What is answered over HTTP, from what was heard of the agent."""

import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hafailover.web.answers import PATHS, answer
from hafailover.web.snapshot import FRESH_S, Heard, Listener, Moment
from tests.cli.test_status_text import DOCUMENT, GROUP

STATUS: dict[str, Any] = {**DOCUMENT, "agent": {**DOCUMENT["agent"], "alerts_dropped": 0}}


def heard(age_s: float = 0.5, **changes: Any) -> Heard:
    document = {**STATUS, "groups": [{**GROUP, **changes}]}
    return Heard(document=document, age_s=age_s, notes=(Moment(at=0, group="web", text="<note>"),))


SILENT = heard(age_s=FRESH_S + 1)
NOTHING = Heard(document=None, age_s=1e9, notes=())
SECONDARY: dict[str, Any] = {"role": "standby", "health": "healthy", "addresses_wanted": False}


@pytest.mark.parametrize(
    ("target", "what", "status"),
    [
        ("/health", heard(health="healthy"), 200),
        ("/health", heard(health="degraded"), 200),
        ("/health", heard(health="not served"), 503),
        ("/health", SILENT, 503),
        ("/health", NOTHING, 503),
        ("/primary", heard(), 200),
        ("/primary", heard(addresses_wanted=False), 503),
        ("/primary", heard(health="not served"), 503),
        ("/primary", heard(**SECONDARY), 503),
        ("/primary", SILENT, 503),
        ("/primary?group=web", heard(), 200),
        ("/primary?group=mail", heard(), 404),
        ("/secondary", heard(**SECONDARY), 200),
        ("/secondary", heard(**{**SECONDARY, "health": "degraded"}), 503),
        ("/secondary", heard(), 503),
        ("/status", heard(), 200),
        ("/status", SILENT, 503),
        ("/metrics", NOTHING, 200),
        ("/", NOTHING, 200),
        ("/etc/passwd", heard(), 404),
    ],
)
def test_each_path_has_its_answer(target: str, what: Heard, status: int) -> None:
    assert answer(target, what).status == status


def test_a_judgement_says_why() -> None:
    document = json.loads(answer("/primary", heard()).body)
    assert document == {
        "schema": 1,
        "ok": True,
        "why": "web: primary, A serves; the peer's copy is being rebuilt, 42 %",
    }


def samples(what: Heard) -> dict[tuple[str, ...], float]:
    text = answer("/metrics", what).body.decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_who_cannot_put_its_address_up_serves_nobody() -> None:
    serves = ("hafailover_group_serves", "web")

    assert samples(heard())[serves] == 1
    assert samples(heard(health="not served"))[serves] == 0


def test_the_metrics_say_what_the_status_says() -> None:
    found = samples(heard())
    assert found["hafailover_up",] == 1
    assert found["hafailover_group_role", "primary", "web"] == 1
    assert found["hafailover_group_role", "standby", "web"] == 0
    assert found["hafailover_group_health", "degraded", "web"] == 1
    assert found["hafailover_group_unprotected_seconds", "web"] == 61
    assert found["hafailover_volume_copy", "sites", "sole", "web"] == 1
    assert found["hafailover_volume_rebuild_percent", "sites", "web"] == 42
    assert found["hafailover_group_alert", "unprotected", "web"] == 1
    assert found["hafailover_agent_stuck_children",] == 1
    assert found["hafailover_vrrp_priority", "ipv4", "web"] == 254
    assert found["hafailover_journal_lines_dropped_total",] == 0
    assert found["hafailover_vrrp_ignored_advertisements_total", "checksum", "web"] == 2
    assert found["hafailover_vrrp_ignored_advertisements_total", "", "other_vrid"] == 7


def test_of_a_silent_agent_nothing_old_is_told() -> None:
    assert samples(SILENT) == {("hafailover_up",): 0}
    assert samples(NOTHING) == {("hafailover_up",): 0}


def test_the_page_is_without_scripts_and_loads_itself_anew() -> None:
    text = answer("/", heard()).body.decode()
    assert 'http-equiv="refresh"' in text
    assert "<script" not in text
    assert "A (this node)" in text
    assert "width: 42%" in text
    assert "&lt;note&gt;" in text
    assert not re.search(r"(src|href)=", text)


def test_the_page_says_that_the_agent_is_silent() -> None:
    assert "the agent says nothing for 6 s" in answer("/", SILENT).body.decode()
    assert "the agent says nothing" in answer("/", NOTHING).body.decode()


def test_what_is_heard_grows_old() -> None:
    now = [100.0]
    listener = Listener([], clock=lambda: now[0], wall=lambda: 7.0)
    listener.take({"status": STATUS})
    listener.take({"note": {"group": "web", "text": "x"}})
    assert listener.heard().is_fresh
    assert listener.heard().notes == (Moment(at=7.0, group="web", text="x"),)
    now[0] += FRESH_S + 0.1
    assert not listener.heard().is_fresh


def test_a_path_that_is_none_is_told_the_others() -> None:
    assert all(path in answer("/nothing", heard()).body.decode() for path in PATHS)
