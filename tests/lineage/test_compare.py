"""The table of docs "At contact": whose copy holds the data when two records meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.lineage.compare import BEHIND, USABLE, Side, Verdict, compare
from hafailover.lineage.record import CopyState, LineageRecord

IN_SYNC, SOLE, STALE = CopyState.IN_SYNC, CopyState.SOLE, CopyState.STALE
SYNCING, TOUCHED, UNKNOWN = CopyState.SYNCING, CopyState.TOUCHED, CopyState.UNKNOWN


def copy(
    state: CopyState,
    lineage: str = "L1",
    *ancestors: str,
    serving: bool = False,
    clean: bool = True,
    session: str = "",
    forced_from: tuple[str, ...] = (),
    doubt: str = "",
) -> Side:
    record = LineageRecord(
        copy=state,
        lineage=lineage,
        ancestors=ancestors,
        clean=clean,
        session=session,
        forced_from=forced_from,
        doubt=doubt,
    )
    return Side(record=record, is_serving=serving)


@pytest.mark.parametrize(
    ("mine", "theirs", "verdict"),
    [
        pytest.param(
            copy(IN_SYNC),
            copy(IN_SYNC),
            Verdict.EITHER,
            id="same lineage without a token is rebuilt",
        ),
        pytest.param(
            copy(SOLE),
            copy(IN_SYNC),
            Verdict.MINE,
            id="crash between the two records that end a rebuild",
        ),
        pytest.param(
            copy(IN_SYNC), copy(IN_SYNC, serving=True), Verdict.THEIRS, id="the serving one"
        ),
        pytest.param(
            copy(IN_SYNC), copy(IN_SYNC, clean=False), Verdict.MINE, id="the cleanly closed one"
        ),
        pytest.param(copy(IN_SYNC), copy(TOUCHED), Verdict.MINE, id="in sync over touched"),
        pytest.param(copy(TOUCHED), copy(TOUCHED), Verdict.EITHER, id="both touched"),
        pytest.param(copy(SOLE), copy(SOLE), Verdict.DIVERGED, id="both sole: a cloned machine"),
        pytest.param(
            copy(SOLE, serving=True),
            copy(IN_SYNC, serving=True),
            Verdict.DIVERGED,
            id="both serve the same lineage",
        ),
        pytest.param(
            copy(SOLE, "L2", "L1"), copy(IN_SYNC, "L1"), Verdict.MINE, id="theirs is an ancestor"
        ),
        pytest.param(
            copy(SOLE, "L2", "L1"), copy(SOLE, "L1"), Verdict.MINE, id="theirs is a sole ancestor"
        ),
        pytest.param(
            copy(IN_SYNC, "L1"),
            copy(SOLE, "L3", "L2", "L1"),
            Verdict.THEIRS,
            id="mine is an older ancestor",
        ),
        pytest.param(
            copy(SOLE, "L2", "L1"),
            copy(IN_SYNC, "L1", doubt="counters moved"),
            Verdict.DIVERGED,
            id="an ancestor that wrote alone",
        ),
        pytest.param(
            copy(SOLE, "L2", "L0"), copy(SOLE, "L3", "L0"), Verdict.DIVERGED, id="a split"
        ),
        pytest.param(
            copy(SOLE, "L2", forced_from=("L1", "L0")),
            copy(SOLE, "L1", "L0"),
            Verdict.DIVERGED,
            id="given up by force",
        ),
        pytest.param(
            copy(SOLE, "L2", forced_from=("L1",)),
            copy(STALE, "L1"),
            Verdict.DIVERGED,
            id="given up by force, called stale since",
        ),
        pytest.param(copy(SOLE, "L2"), copy(STALE, "L1"), Verdict.MINE, id="stale against usable"),
        pytest.param(
            copy(SYNCING, "L1"),
            copy(IN_SYNC, "L2"),
            Verdict.THEIRS,
            id="half a rebuild against usable",
        ),
        pytest.param(copy(STALE), copy(STALE), Verdict.NEITHER, id="both stale"),
        pytest.param(
            copy(SYNCING), copy(STALE), Verdict.NEITHER, id="half a rebuild against stale"
        ),
        pytest.param(copy(SOLE), copy(UNKNOWN), Verdict.UNKNOWN, id="no record"),
        pytest.param(
            copy(CopyState.DIVERGED), copy(SOLE, "L2", "L1"), Verdict.DIVERGED, id="once diverged"
        ),
    ],
)
def test_table(mine: Side, theirs: Side, verdict: Verdict) -> None:
    assert compare(mine, theirs) is verdict


def test_a_token_makes_two_closed_copies_identical() -> None:
    assert compare(copy(IN_SYNC), copy(IN_SYNC), has_token=True) is Verdict.IDENTICAL


@pytest.mark.parametrize("state", [TOUCHED, SOLE])
def test_a_token_does_not_help_a_copy_that_was_attached_since(state: CopyState) -> None:
    assert compare(copy(state), copy(IN_SYNC), has_token=True) is not Verdict.IDENTICAL


def test_a_token_does_not_help_an_open_copy() -> None:
    assert (
        compare(copy(IN_SYNC), copy(IN_SYNC, session="export:s"), has_token=True) is Verdict.EITHER
    )


_LINEAGES = st.sampled_from(["L0", "L1", "L2"])
_RECORDS = st.builds(
    LineageRecord,
    copy=st.sampled_from(CopyState),
    lineage=_LINEAGES,
    ancestors=st.lists(_LINEAGES, max_size=2).map(tuple),
    forced_from=st.lists(_LINEAGES, max_size=1).map(tuple),
    clean=st.booleans(),
    session=st.sampled_from(["", "export:s", "active:s"]),
    doubt=st.sampled_from(["", "counters moved"]),
)
_SIDES = st.builds(Side, record=_RECORDS, is_serving=st.booleans())
_MIRRORED = {Verdict.MINE: Verdict.THEIRS, Verdict.THEIRS: Verdict.MINE}


@given(mine=_SIDES, theirs=_SIDES, has_token=st.booleans())
def test_both_nodes_come_to_the_same_answer(mine: Side, theirs: Side, has_token: bool) -> None:
    here = compare(mine, theirs, has_token=has_token)
    there = compare(theirs, mine, has_token=has_token)
    crossed = (
        mine.record.lineage in theirs.record.ancestors
        and theirs.record.lineage in mine.record.ancestors
    )
    assert crossed or there is _MIRRORED.get(here, here)


@given(mine=_SIDES, theirs=_SIDES)
def test_no_copy_that_is_behind_is_ever_the_source(mine: Side, theirs: Side) -> None:
    verdict = compare(mine, theirs)
    if verdict is Verdict.MINE:
        assert mine.record.copy in USABLE
    if verdict is Verdict.THEIRS:
        assert theirs.record.copy in USABLE
    if mine.record.copy in BEHIND and theirs.record.copy in BEHIND:
        assert verdict in (Verdict.NEITHER, Verdict.DIVERGED)
