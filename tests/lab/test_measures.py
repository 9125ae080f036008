"""What the lab computes from what it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.lab import timeline
from hafailover.lab.client import Answered, decode_answers, longest_outage
from hafailover.lab.growing_log import GrowingLog
from hafailover.lab.observer import Sight, Verdict, judge
from hafailover.lab.outcome import Evidence, broken
from hafailover.lab.scenario import Promise
from hafailover.lab.workload.records import (
    Acknowledgement,
    Record,
    decode,
    decode_acknowledgements,
    last_number,
    lost,
)

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def _record(number: int, writer: str = "A-1") -> Record:
    return Record(number=number, writer=writer, written_ns=123456789 + number)


def _promise(number: int, writer: str = "A-1") -> Acknowledgement:
    return Acknowledgement(
        number=number, writer=writer, begun_ns=number * MS, acknowledged_ns=(number + 3) * MS
    )


def _sight(at_ms: int, mounted: str, addressed: str) -> Sight:
    powered = frozenset("AB")
    return Sight(
        at_ns=at_ms * MS,
        powered=powered,
        mounted=frozenset(mounted),
        addressed=frozenset(addressed),
    )


def _answer(at_ms: int, node: str = "A", mac: str = "m1") -> Answered:
    return Answered(at_ns=at_ms * MS, asked_ns=(at_ms - 1) * MS, node=node, mac=mac)


def test_a_record_survives_its_own_form_and_no_damage_passes() -> None:
    raw = _record(7).encode()
    assert len(raw) == 64
    assert decode(raw) == _record(7)
    for position in range(20):
        assert decode(raw[:position] + b"#" + raw[position + 1 :]) is None


def test_the_last_whole_record_counts() -> None:
    content = b"".join(_record(n).encode() for n in range(3))
    assert last_number(content) == 2
    assert last_number(content[:-1]) == 1
    assert last_number(content[:128] + bytes(64)) == 1
    assert last_number(b"") == -1


def test_lost_is_what_was_promised_and_is_missing_or_somebody_elses() -> None:
    content = _record(0).encode() + bytes(64) + _record(2, "B-9").encode()
    assert [p.number for p in lost([_promise(n) for n in range(4)], content)] == [1, 2, 3]
    assert lost([_promise(0), _promise(2, "B-9")], content) == []


def test_a_torn_last_line_of_the_log_is_no_promise() -> None:
    log = (_promise(0).encode() + _promise(1).encode()).decode()
    assert decode_acknowledgements(log) == [_promise(0), _promise(1)]
    assert decode_acknowledgements(log[:-1]) == [_promise(0)]


def test_the_longest_outage_includes_the_ends() -> None:
    answers = [_answer(at) for at in (10, 30, 90, 100)]
    assert longest_outage(answers, 0, 110 * MS).milliseconds == 60
    assert longest_outage(answers, 0, 500 * MS).milliseconds == 400
    assert longest_outage([], 0, 50 * MS).milliseconds == 50


def test_answers_are_read_back_in_order_of_time() -> None:
    assert [a.at_ns for a in decode_answers("30 1 A m\n20 2 B m\n10 3 A")] == [20, 30]


def test_broken_invariants_add_up() -> None:
    sights = [
        _sight(0, "", ""),
        _sight(10, "A", "A"),
        _sight(20, "AB", "A"),
        _sight(25, "B", "AB"),
        _sight(40, "B", "B"),
    ]
    assert judge(sights, 100 * MS) == Verdict(
        both_mounted_ms=5, both_addressed_ms=15, address_without_mount_ms=15
    )


def test_the_timeline_names_each_change() -> None:
    sights = [_sight(0, "A", "A"), _sight(5, "A", ""), _sight(9, "B", "B")]
    assert [what for _, what in timeline.sighted(sights)] == [
        "A has the volume mounted",
        "A has the floating address",
        "A no longer has the floating address",
        "A no longer has the volume mounted",
        "B has the volume mounted",
        "B has the floating address",
    ]
    answers = [_answer(0), _answer(20), _answer(400), _answer(420, "B", "m2")]
    assert [what for _, what in timeline.answered(answers)] == [
        "the client is answered by A (m1)",
        "the client is answered again, after 380 ms",
        "the client is answered by B (m2)",
    ]


def test_promises_are_held_against_the_evidence() -> None:
    evidence = Evidence(
        begin_ns=0,
        end_ns=100 * MS,
        answers=[_answer(at) for at in range(0, 100, 20)],
        acknowledged=[_promise(0)],
        lost_on={"A": 0, "B": 1},
        survivor="B",
        sights=[_sight(0, "A", ""), _sight(90, "AB", ""), _sight(97, "B", "B")],
    )
    assert broken(Promise(both_mounted_ms=10, writes_lost=1), evidence) == []
    assert broken(Promise(outage_ms=10), evidence) == [
        "1 acknowledged writes lost, at most 0 were promised",
        "20 ms without an answer to the client, at most 10 were promised",
        "7 ms with both nodes mounted, at most 0 were promised",
    ]


def test_a_growing_log_gives_each_whole_line_once(tmp_path: Path) -> None:
    log = GrowingLog(tmp_path / "log")
    assert log.fresh() == ""
    with (tmp_path / "log").open("w") as file:
        file.write("one\ntw")
        file.flush()
        assert log.fresh() == "one\n"
        assert log.fresh() == ""
        file.write("o\nthree\n")
        file.flush()
        assert log.fresh() == "two\nthree\n"
