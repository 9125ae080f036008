"""How does a successor bring its mirror up: with the releaser's copy, by a token, or with its own alone?

Until it serves, it sees what happens to either copy. The releaser may be lost at any moment; before the commit nobody
was told that a write counts, so nothing waits for it.
"""

from dataclasses import replace

from hafailover.group import loss, own_copy, parting
from hafailover.group.contact import REPLICATION, heard_networks
from hafailover.group.exports import every_unit, peer_export
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Attempt, Pairing
from hafailover.group.work import Progress, pursue, settle
from hafailover.lineage.record import CopyState
from hafailover.storage.activation import plan_active
from hafailover.storage.pairing import plan_dropped
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND

_PEER_PATIENCE = 4 * SECOND
"""How long a successor waits for the releaser's export before it commits alone."""


def activate(turn: Turn, view: VolumeView) -> Progress:
    """Do the next thing towards "the mirror runs on this node's image", with the releaser's or without it."""
    attempt = _attempt(turn)
    if attempt.is_committed:
        return pursue(turn, plan_active(view, turn.state.tries, with_peer=None))
    if attempt.token is None:
        if view.mirror is not None and view.gates:
            return _parted(turn, view)
        return pursue(turn, plan_active(view, turn.state.tries, with_peer=None))
    export = peer_export(turn, view)
    if _cannot_have_peer(turn, view):
        return go_alone(turn, "the releaser's copy cannot be had in time")
    if export is None:
        return _without_export(turn, view)
    progress = pursue(turn, plan_active(view, turn.state.tries, with_peer=export))
    if progress is Progress.FAILED:
        return go_alone(turn, turn.state.refusal)
    return progress


def _cannot_have_peer(turn: Turn, view: VolumeView) -> bool:
    """Whether the releaser is gone, or takes too long to offer its image; then nothing of it is waited for."""
    report = turn.peer_report
    if report is None or report.is_leaving or REPLICATION not in heard_networks(turn):
        return True
    return view.mirror is None and turn.now - _attempt(turn).since > _PEER_PATIENCE


def _parted(turn: Turn, view: VolumeView) -> Progress:
    """Both were labelled, and the releaser was lost before the commit: nobody was told that any write counts.

    So its copy is let go as it stands; the commit takes it out of the set.
    """
    return pursue(turn, plan_dropped(view, turn.state.tries))


def _without_export(turn: Turn, view: VolumeView) -> Progress:
    """While the export is awaited the image is attached already; only the label waits.

    One that has ended since the label is not awaited: the releaser's copy is in the mirror still, or it is lost.
    """
    if view.mirror is not None:
        if view.has_two_active and _is_still_equal(turn):
            return Progress.REACHED
        return go_alone(turn, "the releaser offers its copy no more")
    if view.disks:
        return Progress.BUSY
    return pursue(turn, plan_active(view, turn.state.tries, with_peer=None))


def _is_still_equal(turn: Turn) -> bool:
    """Whether the releaser still calls its copies in sync."""
    report = turn.peer_report
    if report is None or not report.copies:
        return False
    return all(copy.record.copy is CopyState.IN_SYNC for _, copy in report.copies)


def go_alone(turn: Turn, reason: str) -> Progress:
    """Go on without the token: the commit takes the releaser's copy out of the set."""
    turn.note(f"the handover goes on without the peer's copy: {reason}")
    turn.set(attempt=replace(_attempt(turn), token=None))
    settle(turn)
    return Progress.BUSY


def loses_a_copy(turn: Turn) -> bool:
    """After the commit both copies count: what happens to one of them is noticed as a primary notices it.

    Services may take long to start, and what the first of them writes is acknowledged already. Before the commit
    nothing counts yet, and a step that waits for a releaser that is gone is only set free.
    """
    attempt = _attempt(turn)
    if turn.state.canaries and own_copy.is_lost(turn):
        return True
    if turn.state.dropping is None and _waits_for_peer(turn):
        reason = f"{turn.settings.peer} fell silent, and its copy is waited for"
        if attempt.is_committed:
            parting.begin(turn, reason)
            if turn.state.dropping is None:
                return True  # Whether this node is the isolated one is being found out.
        else:
            if attempt.token is not None:
                go_alone(turn, reason)
            turn.set(pairing=Pairing(units=every_unit(turn)))
            parting.leave_behind(turn, reason)
    if not attempt.is_committed and turn.state.dropping is None:
        return False
    return loss.advance(turn)


def _waits_for_peer(turn: Turn) -> bool:
    """Whether a step, or a look at the storage, hangs while the peer's copy is in use and cannot be reached."""
    state, attempt = turn.state, _attempt(turn)
    if not (state.pairing.units if attempt.is_committed else attempt.is_handover):
        return False
    if REPLICATION in heard_networks(turn):
        return False
    since = max(attempt.since, state.seen_at) if turn.views() is None else turn.now
    if state.work is not None:
        since = state.work.since
    return turn.now - since > turn.settings.timers.canary_patience


def _attempt(turn: Turn) -> Attempt:
    assert turn.state.attempt is not None  # noqa: S101
    return turn.state.attempt
