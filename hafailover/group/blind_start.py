"""What does an agent do that has just begun, and cannot see its storage since a ggate of its earlier life is stuck?"""

from hafailover.group import parting
from hafailover.group.contact import is_acting
from hafailover.group.exports import every_unit
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Pairing
from hafailover.lineage import changes
from hafailover.lineage.record import CopyState, LineageRecord


def free_stuck_kernel(turn: Turn) -> None:
    """A restarted agent that cannot see its storage, because a ggate is stuck, lets the peer go from its record alone.

    Readers of the GEOM tree hang while a ggate does; waiting for them would be for ever.
    """
    state = turn.state
    if turn.now - state.role_since < 2 * turn.settings.timers.canary_patience:
        return
    was_serving = all(
        changes.is_active(record)
        and record.boot == state.boot
        and record.copy in (CopyState.IN_SYNC, CopyState.SOLE)
        for _, record in state.records
    )
    if state.records and all(_is_attempted(turn, record) for _, record in state.records):
        _free_attempt(turn)
        return
    report = turn.peer_report
    if not was_serving or not state.records or (report is not None and is_acting(report)):
        return
    if state.dropping is None:
        turn.set(pairing=Pairing(units=every_unit(turn), is_told=True))
        parting.begin(turn, "the storage cannot be seen since the agent was restarted")
    parting.let_go(turn)


def _is_attempted(turn: Turn, record: LineageRecord) -> bool:
    """Whether an earlier life in this boot was about to promote the copy: nothing is mounted before the commit."""
    is_own = changes.is_active(record) and record.boot == turn.state.boot
    return is_own and record.copy is CopyState.TOUCHED


def _free_attempt(turn: Turn) -> None:
    """A ggate made for a promotion hangs as the kernel tastes it: nobody has written through it, so it may go."""
    if turn.state.dropping is None:
        turn.set(pairing=Pairing(units=every_unit(turn)))
        parting.leave_behind(turn, "the storage cannot be seen since the agent was restarted")
    parting.let_go(turn)
