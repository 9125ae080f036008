"""What waits for delivery survives everything but a lack of room, and then the loud ones stay."""

from pathlib import Path

import pytest

from hafailover.courier.open_alerts import OpenAlert
from hafailover.courier.spool import Spool
from hafailover.group.actions import Severity
from tests.courier.test_open_alerts import alert


def texts(spool: Spool) -> list[str]:
    return [letter.alert.text for letter in spool]


def spool(directory: Path, limit: int = 100) -> tuple[Spool, list[str]]:
    said: list[str] = []
    return Spool(directory / "s", limit, said.append), said


def test_what_was_put_is_there_in_the_next_life(tmp_path: Path) -> None:
    first, _ = spool(tmp_path)
    for text in ("one", "two", "three"):
        first.put(alert(text=text), ["mail", "exec 1"])
    letters = list(first)
    first.delivered(letters[0], "mail")
    first.delivered(letters[0], "exec 1")
    first.delivered(letters[1], "mail")

    second, said = spool(tmp_path)

    assert texts(second) == ["two", "three"]
    assert [letter.waiting for letter in second] == [["exec 1"], ["mail", "exec 1"]]
    assert said == []
    assert second.put(alert(text="four"), ["mail"]) is not None
    assert texts(spool(tmp_path)[0]) == ["two", "three", "four"]


def test_a_full_spool_drops_notes_then_warnings_and_nothing_critical(tmp_path: Path) -> None:
    subject, _ = spool(tmp_path, limit=3)
    for text, severity in (
        ("c1", Severity.CRITICAL),
        ("n1", Severity.NOTE),
        ("w1", Severity.WARNING),
        ("n2", Severity.NOTE),
        ("c2", Severity.CRITICAL),
        ("w2", Severity.WARNING),
        ("c3", Severity.CRITICAL),
        ("c4", Severity.CRITICAL),
        ("c5", Severity.CRITICAL),
    ):
        subject.put(alert(text=text, severity=severity), ["mail"])

    assert texts(subject) == ["c1", "c2", "c3", "c4", "c5"]
    assert subject.dropped == 4
    # A note is not worth a place that something critical has.
    assert subject.put(alert(text="n3", severity=Severity.NOTE), ["mail"]) is None
    assert texts(spool(tmp_path, limit=3)[0]) == texts(subject)


def test_one_that_nobody_reaches_costs_the_others_nothing(tmp_path: Path) -> None:
    subject, _ = spool(tmp_path, limit=3)
    for number in range(5):
        subject.put(alert(text=f"w{number}", severity=Severity.WARNING), ["down"])
    assert texts(subject) == ["w2", "w3", "w4"]

    fresh = subject.put(alert(text="n1", severity=Severity.NOTE), ["down", "mail"])

    assert fresh is not None
    assert fresh.waiting == ["mail"]
    assert texts(spool(tmp_path, limit=3)[0]) == ["w2", "w3", "w4", "n1"]


def test_a_full_disk_is_said_once_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, said = spool(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("hafailover.courier.spool.replace_file", full)
        for text in ("one", "two"):
            subject.put(alert(text=text), ["mail"])
        assert texts(subject) == ["one", "two"]
        assert subject.only_in_memory == 2
    subject.save_all()

    assert subject.only_in_memory == 0
    assert [line.partition(":")[0] for line in said] == [
        "alerts are kept in memory only",
        "alerts are kept on the disk again",
    ]
    assert texts(spool(tmp_path)[0]) == ["one", "two"]


def test_a_damaged_letter_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    first, _ = spool(tmp_path)
    for text in ("one", "two"):
        first.put(alert(text=text), ["mail"])
    min((tmp_path / "s").glob("*.alert")).write_text("{")

    second, said = spool(tmp_path)

    assert texts(second) == ["two"]
    assert "not read" in said[0]


def test_destinations_that_are_gone_hold_nothing_up(tmp_path: Path) -> None:
    subject, _ = spool(tmp_path)
    subject.put(alert(text="one"), ["old"])
    subject.put(alert(text="two"), ["old", "mail"])

    subject.keep_only({"mail"})

    assert [(letter.alert.text, letter.waiting) for letter in subject] == [("two", ["mail"])]


def test_open_alerts_are_kept(tmp_path: Path) -> None:
    subject, _ = spool(tmp_path)
    assert subject.read_open() == ()
    opened = (OpenAlert(alert=alert(), told_ms=7),)
    subject.save_open(opened)
    assert spool(tmp_path)[0].read_open() == opened
