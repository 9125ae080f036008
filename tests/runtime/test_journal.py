"""What is news is written with what led to it, and does again what it did."""

import json
from typing import Any

import pytest

from hafailover.group.actions import Note
from hafailover.group.events import (
    LinkChanged,
    OperatorAsked,
    OrderKind,
    RecordsWritten,
    ReportReceived,
    Started,
    StorageObserved,
    WallClockTold,
)
from hafailover.group.report import GroupReport, Role
from hafailover.group.work import TEST_WRITE
from hafailover.runtime.driver import Driver
from hafailover.runtime.journal import ANEW_PERIOD, RING_STEPS, Journal
from hafailover.runtime.replay import JournalError, replay
from hafailover.storage.facts import GateProcess, StorageFacts
from tests.runtime.toy import ListSink, ToyState, World, toy_core

STARTED = Started(boot="b", incarnation="i", entropy="00")
ASKED = OperatorAsked(id=1, kind=OrderKind.REJOIN)


class Bench:
    """A driver with its world and its journal."""

    def __init__(self, *, groups: tuple[str, ...] = ("g",), bytes_max: int = 10**7) -> None:
        self.world = World()
        self.sink = ListSink()
        self.journal = Journal(
            self.sink, dict.fromkeys(groups, ToyState), header={"node": "A"}, bytes_max=bytes_max
        )
        self.cores = {group: toy_core() for group in groups}
        self.driver = Driver(self.cores, self.world.ports(), self.journal)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.world.alarm is not None
            self.world.time = self.world.alarm
            self.driver.wake()

    def pump(self) -> None:
        while self.journal.pump():
            pass

    def lines(self, file: int = -1) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.sink.files[file]]


def kinds(bench: Bench) -> list[str]:
    return [line["line"] for line in bench.lines()]


def test_a_group_at_rest_writes_nothing() -> None:
    bench = Bench()
    bench.driver.feed("g", STARTED)
    bench.pump()
    before = len(bench.lines())
    bench.tick(1000)
    bench.pump()
    assert len(bench.lines()) == before


def test_news_brings_what_led_to_it() -> None:
    bench = Bench()
    bench.driver.feed("g", STARTED)
    bench.tick(5)
    bench.driver.feed("g", LinkChanged(is_up=False))
    bench.pump()
    assert kinds(bench) == ["journal", "snapshot", *["step"] * 7]


def test_what_the_ring_lost_is_bridged_by_a_snapshot() -> None:
    bench = Bench()
    bench.driver.feed("g", STARTED)
    bench.tick(RING_STEPS + 40)
    bench.driver.feed("g", ASKED)
    bench.pump()
    expected = ["journal", "snapshot", "step", "snapshot", *["step"] * RING_STEPS]
    assert kinds(bench) == expected
    assert bench.lines()[3]["state"]["count"] == 41


def test_a_journal_replays_bit_for_bit() -> None:
    bench = Bench(groups=("g", "h"))
    bench.driver.feed_all(STARTED)
    for turn in range(30):
        bench.tick(turn * 7)
        bench.driver.feed("gh"[turn % 2], ASKED if turn % 3 else LinkChanged(is_up=True))
    bench.pump()
    steps = list(replay(bench.sink.files[0], bench.cores))
    assert len(steps) > 1000
    assert all(step.is_same for step in steps)


def test_a_core_that_decides_otherwise_is_found_out() -> None:
    bench = Bench()
    bench.driver.feed("g", STARTED)
    bench.driver.feed("g", LinkChanged(is_up=True))
    bench.pump()
    text = b"".join(bench.sink.files[0]).replace(b"link at 0", b"link at 9")
    steps = list(replay(text.splitlines(keepends=True), bench.cores))
    assert [step.is_same for step in steps] == [True, False]
    assert steps[1].actions == (Note(text="link at 0"),)


def test_each_file_of_a_rotated_journal_replays_alone() -> None:
    bench = Bench(bytes_max=20_000)
    bench.driver.feed("g", STARTED)
    for _ in range(50):
        bench.tick(10)
        bench.driver.feed("g", ASKED)
    bench.pump()
    assert len(bench.sink.files) > 2
    for file in bench.sink.files:
        assert sum(map(len, file)) < 11_000
        steps = list(replay(file, bench.cores))
        assert steps
        assert all(step.is_same for step in steps)


def test_lines_the_sink_refused_leave_a_journal_that_still_replays() -> None:
    bench = Bench()
    bench.driver.feed("g", STARTED)
    bench.pump()
    bench.sink.refuses = True
    bench.tick(3)
    bench.driver.feed("g", ASKED)
    bench.pump()
    bench.sink.refuses = False
    bench.driver.feed("g", LinkChanged(is_up=True))
    bench.pump()
    assert bench.journal.dropped > 0
    assert all(step.is_same for step in replay(bench.sink.files[0], bench.cores))
    assert bench.lines()[-1]["actions"] == [{"is": "Note", "text": "link at 3"}]


def test_lines_the_disk_lost_leave_a_journal_that_still_replays() -> None:
    bench = Bench(groups=("g", "h"))
    bench.driver.feed_all(STARTED)
    bench.pump()
    bench.sink.loses = True
    bench.driver.feed_all(ASKED)
    bench.pump()
    bench.sink.loses = False
    bench.driver.feed("g", ASKED)
    bench.pump()
    before = bench.journal.dropped
    assert before > bench.sink.loss.lines > 0
    bench.world.time += ANEW_PERIOD
    bench.driver.feed("h", ASKED)
    bench.driver.feed("g", LinkChanged(is_up=True))
    bench.pump()
    assert bench.journal.dropped == before
    assert kinds(bench).count("journal") == 2
    steps = list(replay(bench.sink.files[0], bench.cores))
    assert all(step.is_same for step in steps)
    assert (steps[-1].group, steps[-1].event) == ("g", LinkChanged(is_up=True))


def test_a_disk_that_stays_full_costs_a_snapshot_a_second_and_no_room_in_the_file() -> None:
    bench = Bench(bytes_max=20_000)
    bench.driver.feed("g", STARTED)
    bench.pump()
    bench.sink.loses = True
    for _ in range(500):
        bench.driver.feed("g", ASKED)
        bench.pump()
    assert bench.sink.loss.lines < 10
    assert bench.journal.dropped >= 500
    for _ in range(50):
        bench.world.time += ANEW_PERIOD
        bench.driver.feed("g", ASKED)
        bench.pump()
    assert len(bench.sink.files) == 1


def test_a_last_line_that_was_cut_off_is_passed_over() -> None:
    bench = Bench()
    bench.driver.feed("g", STARTED)
    bench.driver.feed("g", ASKED)
    bench.pump()
    lines = bench.sink.files[0]
    assert len(list(replay([*lines[:-1], lines[-1][:-20]], bench.cores))) == 1


def test_a_damaged_line_is_named() -> None:
    bench = Bench()
    with pytest.raises(JournalError, match="line 2: "):
        list(replay(['{"line":"journal","version":1}\n', "nonsense\n", "\n"], bench.cores))


def test_another_format_is_refused() -> None:
    with pytest.raises(JournalError, match="format 2, expected 1"):
        list(replay(['{"line":"journal","version":2}\n', "\n"], {}))


def report(sequence: int, **changes: Any) -> GroupReport:
    fields = {"role": Role.STANDBY, "epoch": 1, "priority": 100, "candidate": True, **changes}
    return GroupReport(node="B", boot="b", incarnation="i", sequence=sequence, **fields)


def ggatec(pid: int, state: str) -> GateProcess:
    return GateProcess(
        program="ggatec", pid=pid, parent=1, process_group=pid, state=state, arguments=()
    )


@pytest.mark.parametrize(
    ("first", "same", "other"),
    [
        (
            ReportReceived(network="lan", report=report(1)),
            ReportReceived(network="lan", report=report(2)),
            ReportReceived(network="lan", report=report(3, epoch=2)),
        ),
        (
            StorageObserved(id=1, facts=StorageFacts()),
            StorageObserved(id=2, facts=StorageFacts()),
            StorageObserved(id=3, facts=StorageFacts(link_up=False)),
        ),
        (
            StorageObserved(id=1, facts=StorageFacts(processes=(ggatec(7, "S"),))),
            StorageObserved(id=2, facts=StorageFacts(processes=(ggatec(7, "R"),))),
            StorageObserved(id=3, facts=StorageFacts(processes=(ggatec(8, "R"),))),
        ),
        (
            RecordsWritten(id=7),
            RecordsWritten(id=TEST_WRITE),
            RecordsWritten(id=TEST_WRITE, problem="no space left"),
        ),
        (
            RecordsWritten(id=TEST_WRITE, problem="no space left"),
            WallClockTold(minute=1),
            RecordsWritten(id=TEST_WRITE),
        ),
    ],
)
def test_only_what_changed_is_news(first: Any, same: Any, other: Any) -> None:
    bench = Bench()
    sizes = []
    for event in (first, same, other):
        bench.driver.feed("g", event)
        bench.pump()
        sizes.append(len(bench.lines()))
    assert sizes[0] == sizes[1] < sizes[2]
