"""Deduplication, repetition and ends of alerts."""

import re
from pathlib import Path

import hafailover
from hafailover.courier.open_alerts import GRACE_MS, OpenAlerts
from hafailover.group.actions import AlertKind, Severity
from hafailover.runtime.alerting import DERIVED, Alert

HOUR = 3_600_000


def alert(kind: AlertKind = AlertKind.UNPROTECTED, at: int = 0, **changes: object) -> Alert:
    fields: dict[str, object] = {
        "time_ms": at,
        "node": "A",
        "group": "web",
        "kind": kind.value,
        "severity": Severity.WARNING,
        "state": "raised",
        "text": "only A has the data",
    }
    return Alert(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_kinds_that_last_are_those_that_the_core_derives() -> None:
    """What ``group/alarms.py`` yields is derived from the state; nothing else is."""
    source = (Path(hafailover.__file__).parent / "group" / "alarms.py").read_text()
    named = {AlertKind[word] for word in re.findall(r"AlertKind\.([A-Z_]+)", source)}

    # The loss of the local copy is also raised on its own, when it is seen.
    assert named - {AlertKind.LOCAL_COPY_LOST} == DERIVED


def test_what_was_said_is_not_said_again_until_it_is_due() -> None:
    opened = OpenAlerts(HOUR)
    assert opened.take(alert()) is not None
    assert opened.take(alert(at=1000)) is None
    assert list(opened.due(HOUR - 1)) == []
    assert [each.state for each in opened.due(HOUR)] == ["repeated"]
    assert list(opened.due(HOUR + 1)) == []
    assert opened.next_ms() == 2 * HOUR


def test_other_words_are_news_and_other_numbers_are_not() -> None:
    opened = OpenAlerts(HOUR)
    opened.take(alert(text="no write for 11 s"))
    assert opened.take(alert(text="no write for 12 s")) is None
    assert opened.take(alert(text="something else")) is not None
    assert opened.take(alert(text="something else", severity=Severity.CRITICAL)) is not None


def test_an_end_is_said_once_and_as_loud_as_the_beginning() -> None:
    opened = OpenAlerts(HOUR)
    opened.take(alert(severity=Severity.CRITICAL))
    end = opened.take(alert(state="resolved", text="over"))
    assert end is not None
    assert end.severity is Severity.CRITICAL
    assert opened.take(alert(state="resolved", text="over")) is None
    assert opened.next_ms() is None


def test_what_happens_once_is_said_each_time_and_never_repeated() -> None:
    opened = OpenAlerts(HOUR)
    for _ in range(3):
        assert opened.take(alert(AlertKind.FAILOVER)) is not None
    assert opened.next_ms() is None
    assert not opened.has_critical


def test_an_end_that_came_while_no_agent_ran_is_told() -> None:
    before = OpenAlerts(HOUR)
    for kind in (AlertKind.UNPROTECTED, AlertKind.DIVERGED, AlertKind.PEER_LOST):
        before.take(alert(kind))
    after = OpenAlerts(HOUR, before.all, 1000)
    after.take(alert(AlertKind.DIVERGED, at=2000))

    assert after.next_ms() == 1000 + GRACE_MS
    ended = list(after.due(1000 + GRACE_MS))

    assert [(each.kind, each.state) for each in ended] == [("unprotected", "resolved")]
    # The loss of the peer is not derived from the state: its end is told with the rebuild's.
    assert {each.alert.kind for each in after.all} == {"diverged", "peer-lost"}
    # And it is waited for without being asked for all the time.
    assert after.next_ms() == HOUR


def test_a_clock_that_is_set_back_silences_nothing() -> None:
    opened = OpenAlerts(HOUR)
    opened.take(alert(at=100 * HOUR))

    assert [each.state for each in opened.due(HOUR)] == ["repeated"]
    assert list(opened.due(HOUR + 1)) == []
    assert [each.state for each in opened.due(2 * HOUR)] == ["repeated"]


def test_a_clock_that_is_set_back_lets_the_grace_begin_anew() -> None:
    before = OpenAlerts(100 * HOUR)
    before.take(alert())
    after = OpenAlerts(100 * HOUR, before.all, 10 * HOUR)

    assert list(after.due(HOUR)) == []
    assert after.next_ms() == HOUR + GRACE_MS
    assert [each.state for each in after.due(HOUR + GRACE_MS)] == ["resolved"]
