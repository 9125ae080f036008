"""What does a copy that a primary's mirror uses have to show? The counters of that mirror, in its last sector.

If the primary's kernel loses the primary's own component, it goes on with this copy alone, and counts that in the
sector here. Should both hosts go down before any record says so, these counters are the only trace of it.
"""

from hafailover.group.report import GroupReport, Role
from hafailover.group.turn import Turn
from hafailover.lineage import changes
from hafailover.lineage.record import CopyState, LineageRecord


def note(turn: Turn, report: GroupReport) -> None:
    """Keep the counters of the primary's mirror, as its own record has them, while both copies are in sync."""
    if report.role is not Role.PRIMARY:
        return
    copies = dict(report.copies)
    turn.change_records(
        lambda name, record: (
            changes.followed(record, copies[name].record)
            if name in copies and _is_followed(record, copies[name].record)
            else record
        )
    )


def _is_followed(record: LineageRecord, theirs: LineageRecord) -> bool:
    return (
        changes.is_exported(record)
        and record.copy is theirs.copy is CopyState.IN_SYNC
        and record.lineage == theirs.lineage
        and theirs.activation is not None
    )
