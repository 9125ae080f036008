"""What two records say together when a crash came between writing the one and the other."""

from dataclasses import replace

import pytest

from hafailover.lineage.changes import levelled, touched, went_on_alone
from hafailover.lineage.compare import Side, Verdict, compare
from hafailover.lineage.record import CopyState, LineageRecord

BASE = LineageRecord(copy=CopyState.IN_SYNC, lineage="L1", boot="b")
SOLE = went_on_alone(BASE, lineage="L2", doubt="the kernel dropped it")


@pytest.mark.parametrize("copy", [CopyState.IN_SYNC, CopyState.TOUCHED])
def test_a_group_that_went_on_alone_did_so_with_all_its_volumes(copy: CopyState) -> None:
    """The second volume's copy, not cleanly closed, would lose to the peer's, and the first one would win."""
    records = levelled((("one", SOLE), ("two", replace(BASE, copy=copy, clean=False))))
    theirs = Side(record=replace(BASE, clean=True))

    assert {record.lineage for _, record in records} == {"L2"}
    verdicts = {compare(Side(record=record), theirs) for _, record in records}
    assert verdicts == {Verdict.MINE}


def test_a_rebuild_of_one_volume_is_not_over_before_that_of_the_other_one() -> None:
    records = levelled((("one", SOLE), ("two", replace(SOLE, copy=CopyState.IN_SYNC))))

    assert [record.copy for _, record in records] == [CopyState.SOLE, CopyState.SOLE]


def test_records_that_do_not_hang_together_are_left_alone() -> None:
    stranger = replace(BASE, lineage="X")
    stale = touched(replace(BASE, copy=CopyState.STALE), session="s", boot="b", epoch=1)

    assert dict(levelled((("one", SOLE), ("two", stranger), ("three", stale)))) == {
        "one": SOLE,
        "two": stranger,
        "three": stale,
    }
