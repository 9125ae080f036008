"""Records on a real disk: durable before they are acknowledged, kept when not understood."""

import errno
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hafailover.group.events import Event, RecordsWritten
from hafailover.lineage.record import CopyState, LineageRecord, OperatorChoice
from hafailover.runtime.record_slots import SLOT_BYTES, encode_slot, read_slots
from hafailover.system import records as records_module
from hafailover.system.pauses import PauseStore
from hafailover.system.records import RecordStore
from hafailover.system.worker import Worker
from hafailover.units import milliseconds
from tests.system.conftest import Bench

FIRST = LineageRecord(sequence=1, lineage="aa", copy=CopyState.IN_SYNC)
SECOND = replace(FIRST, sequence=2, copy=CopyState.STALE)

LATER = 4_000_000_000
"""A moment in the year 2096: a pause until then has not ended by itself."""


class Rig:
    """A store in a directory, and what it said."""

    def __init__(self, bench: Bench, directory: Path) -> None:
        self.bench = bench
        self.directory = directory
        self.worker = Worker(bench.loop, "records")
        self.events: list[tuple[str, Event]] = []
        self.troubles: list[tuple[str, str]] = []
        self.store = self.fresh()

    def fresh(self) -> RecordStore:
        return RecordStore(
            self.bench.loop,
            self.worker,
            directory=self.directory / "lineage",
            volumes={"g": ("v", "w"), "h": ()},
            feed=lambda group, event: self.events.append((group, event)),
            trouble=lambda group, text: self.troubles.append((group, text)),
        )

    @property
    def file(self) -> Path:
        return self.directory / "lineage/g.v.record"

    def write(self, *records: tuple[str, LineageRecord], write_id: int = 1) -> str:
        self.events.clear()
        self.store.write("g", write_id, records)
        self.bench.until(lambda: self.events, "the answer")
        [(group, event)] = self.events
        assert isinstance(event, RecordsWritten)
        assert (group, event.id) == ("g", write_id)
        return event.problem

    def test(self) -> None:
        self.bench.loop.run_until_complete(self.store.test())

    def on_disk(self) -> LineageRecord:
        return read_slots(self.file.read_bytes(), group="g", volume="v").record

    def slots(self) -> list[bytes]:
        content = self.file.read_bytes()
        return [content[:SLOT_BYTES], content[SLOT_BYTES:]]


@pytest.fixture
def rig(bench: Bench, tmp_path: Path) -> Iterator[Rig]:
    subject = Rig(bench, tmp_path)
    yield subject
    subject.store.close()
    bench.turn()
    subject.worker.close()


def test_what_was_never_written_is_unknown(rig: Rig) -> None:
    loaded = rig.store.load()
    assert [(volume, record.copy, record.doubt) for volume, record in loaded["g"]] == [
        ("v", CopyState.UNKNOWN, "there is no record"),
        ("w", CopyState.UNKNOWN, "there is no record"),
    ]


def test_a_record_is_there_when_it_is_acknowledged_and_after_a_restart(rig: Rig) -> None:
    rig.store.load()
    assert rig.write(("v", FIRST), ("w", SECOND)) == ""
    assert rig.on_disk() == FIRST
    assert rig.write(("v", SECOND)) == ""
    assert rig.on_disk() == SECOND
    assert dict(rig.fresh().load()["g"]) == {"v": SECOND, "w": SECOND}


def test_the_record_goes_into_both_slots_in_the_end(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", FIRST))
    rig.write(("v", SECOND))
    expected = encode_slot("g", "v", SECOND)
    rig.bench.until(lambda: rig.slots() == [expected, expected], "both slots")


def test_the_slot_of_the_last_acknowledged_record_is_not_touched(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", FIRST))
    before = rig.slots()
    rig.write(("v", SECOND))
    changed = [old != new for old, new in zip(before, rig.slots(), strict=True)]
    assert sorted(changed) == [False, True]


def test_a_file_that_is_not_understood_is_kept_aside(rig: Rig) -> None:
    rig.file.parent.mkdir(parents=True)
    rig.file.write_bytes(b"from a later version")
    assert dict(rig.store.load()["g"])["v"].copy is CopyState.UNKNOWN
    assert rig.file.read_bytes() == b"from a later version"
    assert rig.write(("v", FIRST)) == ""
    assert rig.on_disk() == FIRST
    [kept] = rig.file.parent.glob("g.v.record.kept-*")
    assert kept.read_bytes() == b"from a later version"


def test_a_file_that_could_not_be_read_is_kept_as_it_is(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.file.parent.mkdir(parents=True)
    rig.file.write_bytes(b"behind a bad sector")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda _: _fail_to_read())
        assert dict(rig.store.load()["g"])["v"].copy is CopyState.UNKNOWN
    assert rig.write(("v", FIRST)) == ""
    [kept] = rig.file.parent.glob("g.v.record.kept-*")
    assert kept.read_bytes() == b"behind a bad sector"
    assert rig.on_disk() == FIRST


def _fail_to_read() -> bytes:
    raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_refuses_is_a_problem_and_no_loss(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", FIRST))
    rig.file.rename(rig.file.with_suffix(".away"))
    problem = rig.write(("v", SECOND))
    assert problem.startswith(f"{rig.file}: ")
    assert "No such file" in problem
    # The next try makes a new file.
    assert rig.write(("v", SECOND)) == ""
    assert rig.on_disk() == SECOND


def test_a_write_that_hangs_is_abandoned_and_cannot_land_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_module, "DEADLINE", milliseconds(300))
    rig.store.load()
    rig.write(("v", FIRST))
    assert rig.worker.pid is not None
    os.kill(rig.worker.pid, signal.SIGSTOP)
    inode = rig.file.stat().st_ino
    problem = rig.write(("v", SECOND))
    assert "did not end in time" in problem
    monkeypatch.undo()
    assert rig.write(("v", replace(SECOND, sequence=3))) == ""
    assert rig.on_disk().sequence == 3
    assert rig.file.stat().st_ino != inode


def test_a_record_too_long_is_a_problem(rig: Rig) -> None:
    rig.store.load()
    assert "needs" in rig.write(("v", replace(FIRST, lineage="x" * 5000)))


def test_a_reason_in_any_letters_can_be_written(rig: Rig) -> None:
    rig.store.load()
    choice = OperatorChoice(kept="b", lineage="aa", reason="\U0001f4be" * 500)
    assert rig.write(("v", replace(FIRST, choice=choice))) == ""
    assert rig.on_disk().choice is not None


def test_the_test_write_tells_of_a_broken_disk_until_it_is_mended(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", FIRST), ("w", FIRST))
    rig.test()
    assert rig.troubles == [("g", "")]
    good = rig.file.parent
    good.rename(good.with_suffix(".away"))
    for _ in range(3):
        rig.test()
        group, problem = rig.troubles[-1]
        assert group == "g"
        assert problem.count("No such file") == 2
    good.with_suffix(".away").rename(good)
    rig.test()
    assert rig.troubles[-1] == ("g", "")
    assert rig.on_disk() == FIRST


def test_a_record_that_was_never_written_is_not_called_well(rig: Rig) -> None:
    rig.store.load()
    rig.file.parent.rename(rig.file.parent.with_suffix(".away"))
    assert rig.write(("v", FIRST))
    rig.test()
    assert rig.troubles == []


def test_the_test_write_puts_no_record_down_that_failed_before(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", FIRST), ("w", FIRST))
    rig.file.unlink()
    assert rig.write(("v", SECOND))
    rig.test()
    assert rig.troubles[-1] == ("g", "")
    assert rig.on_disk() == FIRST


def test_a_second_slot_that_cannot_be_written_is_told(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", FIRST))
    rig.file.unlink()
    rig.bench.until(lambda: rig.troubles, "the trouble")
    [(group, problem)] = rig.troubles
    assert group == "g"
    assert "No such file" in problem


def test_the_test_write_changes_no_record(rig: Rig) -> None:
    rig.store.load()
    rig.write(("v", SECOND))
    for _ in range(3):
        rig.test()
    assert rig.on_disk() == SECOND


@pytest.fixture
def pauses(rig: Rig) -> PauseStore:
    return PauseStore(rig.bench.loop, rig.worker, rig.directory)


def test_a_pause_survives_and_ends(rig: Rig, pauses: PauseStore) -> None:
    assert pauses.load("g") is None
    said: list[str] = []
    pauses.persist("g", LATER, "work on the switch")
    pauses.when_durable("g", said.append)
    assert said == []
    rig.bench.until(lambda: said)
    assert (said, pauses.load("g")) == ([""], LATER)
    pauses.persist("g", None, "")
    pauses.when_durable("g", said.append)
    rig.bench.until(lambda: len(said) == 2)
    assert pauses.load("g") is None


def test_a_pause_whose_time_is_over_is_none(rig: Rig, pauses: PauseStore) -> None:
    said: list[str] = []
    pauses.persist("g", 1234, "long ago")
    pauses.when_durable("g", said.append)
    rig.bench.until(lambda: said)
    assert pauses.load("g") is None


def test_the_last_of_two_pauses_counts(rig: Rig, pauses: PauseStore) -> None:
    said: list[str] = []
    pauses.persist("g", 1, "")
    pauses.persist("g", LATER, "")
    pauses.when_durable("g", said.append)
    rig.bench.until(lambda: said)
    assert pauses.load("g") == LATER


def test_without_a_write_under_way_nobody_waits(pauses: PauseStore) -> None:
    said: list[str] = []
    pauses.when_durable("g", said.append)
    assert said == [""]


def test_a_pause_that_is_not_durable_is_said(rig: Rig) -> None:
    pauses = PauseStore(rig.bench.loop, rig.worker, rig.directory / "missing")
    said: list[str] = []
    pauses.persist("g", 1, "")
    pauses.when_durable("g", said.append)
    rig.bench.until(lambda: said)
    assert said[0].startswith("the pause is not durable: ")


def test_a_pause_file_that_cannot_be_read_is_a_pause(rig: Rig, pauses: PauseStore) -> None:
    (rig.directory / "g.pause").write_text("{")
    assert pauses.load("g") == 0
