"""What does it mean when two copies of one volume meet?

The answer depends on the two durable records alone, and is the same whichever node asks (with the sides swapped).
Whatever is not listed is divergence: then nothing is touched and an operator decides.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from hafailover.lineage.changes import is_exported
from hafailover.lineage.record import CopyState, LineageRecord

USABLE: Final = (CopyState.IN_SYNC, CopyState.SOLE, CopyState.TOUCHED)
"""Copies that may be promoted, if the rules of taking over hold."""
BEHIND: Final = (CopyState.STALE, CopyState.SYNCING)


class Verdict(Enum):
    """Whose copy holds the data; the value is the sentence that status shows."""

    IDENTICAL = "both copies are identical"
    EITHER = "both copies hold every acknowledged write; the one not promoted is rebuilt"
    MINE = "this node's copy holds the data; the peer's is rebuilt from it"
    THEIRS = "the peer's copy holds the data; this node's is rebuilt from it"
    DIVERGED = "each copy has writes that the other lacks: an operator chooses which one to keep"
    NEITHER = "neither copy is complete: an operator decides"
    UNKNOWN = (
        "one copy has no valid record: it is neither promoted nor overwritten without an order"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One copy at the meeting. ``is_serving``: its volume is mounted read-write now."""

    record: LineageRecord
    is_serving: bool = False


def compare(mine: Side, theirs: Side, *, has_token: bool = False) -> Verdict:
    """Decide between two copies of one volume.

    Args:
        mine: The asking node's copy.
        theirs: The peer's copy.
        has_token: Whether a handover token is valid between exactly these two.

    Spec: own rule (docs/how-it-decides.md, "At contact").
    """
    states = (mine.record.copy, theirs.record.copy)
    if CopyState.DIVERGED in states:
        return Verdict.DIVERGED
    if CopyState.UNKNOWN in states:
        return Verdict.UNKNOWN
    if _gave_up(mine.record, theirs.record) or _gave_up(theirs.record, mine.record):
        return Verdict.DIVERGED
    if states[0] in BEHIND or states[1] in BEHIND:
        return _with_one_behind(mine.record, theirs.record)
    if mine.record.lineage == theirs.record.lineage:
        return _of_one_lineage(mine, theirs, has_token=has_token)
    if theirs.record.lineage in mine.record.ancestors:
        return Verdict.DIVERGED if theirs.record.doubt else Verdict.MINE
    if mine.record.lineage in theirs.record.ancestors:
        return Verdict.DIVERGED if mine.record.doubt else Verdict.THEIRS
    return Verdict.DIVERGED


def is_safe_with(keeper: LineageRecord, record: LineageRecord) -> bool:
    """Whether ``keeper`` has every acknowledged write of ``record`` on its disk, so that the latter may be given up.

    What is exported may be in its host's memory only: with a power cut of both, nothing would be left.
    """
    equals = (CopyState.IN_SYNC, CopyState.TOUCHED)
    return (
        keeper.lineage == record.lineage
        and keeper.copy in equals
        and record.copy in equals
        and not is_exported(keeper)
    )


def _gave_up(one: LineageRecord, other: LineageRecord) -> bool:
    """Whether an operator forced ``one`` on at the cost of what ``other`` still holds."""
    # A copy without a lineage, whose record was lost or that was given up, is none that anybody could name.
    return bool(other.lineage) and other.lineage in one.forced_from


def _with_one_behind(mine: LineageRecord, theirs: LineageRecord) -> Verdict:
    if mine.copy in USABLE:
        return Verdict.DIVERGED if theirs.doubt else Verdict.MINE
    if theirs.copy in USABLE:
        return Verdict.DIVERGED if mine.doubt else Verdict.THEIRS
    return Verdict.NEITHER


def _of_one_lineage(mine: Side, theirs: Side, *, has_token: bool) -> Verdict:
    """Both usable, same newest link: the greater claim holds the data.

    A sole copy beside an in_sync one is a crash between the two records that end a rebuild.
    """
    if mine.record.copy is CopyState.SOLE and theirs.record.copy is CopyState.SOLE:
        return Verdict.DIVERGED
    if mine.is_serving and theirs.is_serving:
        return Verdict.DIVERGED
    mine_rank, theirs_rank = _claim(mine), _claim(theirs)
    if mine_rank != theirs_rank:
        return Verdict.MINE if mine_rank > theirs_rank else Verdict.THEIRS
    is_settled = not mine.record.is_open and not theirs.record.is_open
    both_in_sync = mine.record.copy is theirs.record.copy is CopyState.IN_SYNC
    if has_token and is_settled and both_in_sync:
        return Verdict.IDENTICAL
    return Verdict.EITHER


def _claim(side: Side) -> tuple[bool, bool, bool, bool]:
    record = side.record
    return (
        record.copy is CopyState.SOLE,
        side.is_serving,
        # A copy whose promotion failed gives the other one its chance, however well it was closed afterwards.
        record.copy is CopyState.IN_SYNC,
        record.clean,
    )
