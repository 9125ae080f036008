"""How often may the group move by itself before a human looks at it?

A pair that moves again and again serves nobody, and each move costs an outage and a rebuild. So each automatic failover
makes the next one wait longer, and after some of them within a window the next one waits for an operator.
"""

from hafailover.group.turn import Turn
from hafailover.units import SECOND, Instant, later

_KEPT = 32


def recent(turn: Turn) -> tuple[Instant, ...]:
    """Return when the group moved by itself within the window, as far as this life of the agent knows."""
    if not turn.state.failovers:
        return ()
    window = turn.settings.timers.failover_window
    return tuple(at for at in turn.state.failovers if turn.now - at < window)


def note(turn: Turn) -> None:
    """Remember that the group has just moved by itself."""
    turn.set(failovers=(*recent(turn), turn.now)[-_KEPT:])


def is_exhausted(turn: Turn) -> bool:
    """Whether the group has moved so often that the next move is for a human to decide."""
    return len(recent(turn)) >= turn.settings.timers.failovers


def sentence(turn: Turn) -> str:
    """Say that a human is asked."""
    count, span = len(recent(turn)), turn.settings.timers.failover_window // SECOND
    return (
        f"{count} automatic failovers within {span} s: find the cause, then 'hafailover clear-hold "
        f"{turn.settings.name}'"
    )


def refusal(turn: Turn) -> str:
    """Say why this node does not take the group over again just now; empty if it may."""
    if not turn.state.failovers:
        return ""
    if is_exhausted(turn):
        return sentence(turn)
    times = recent(turn)
    if len(times) < 2:
        return ""
    timers = turn.settings.timers
    wait = min(timers.hold_down << (len(times) - 2), timers.hold_down_limit)
    left = later(times[-1], wait) - turn.now
    if left <= 0:
        return ""
    return f"{len(times)} automatic failovers of late: the next one waits {(left + SECOND - 1) // SECOND} s more"


def failback_hold(turn: Turn) -> int:
    """Return how long both copies have to be in sync before a failback: twice as long with each failover of late.

    And with each failback that did not last, however long ago: the hold may be longer than the window.
    """
    timers, hold = turn.settings.timers, turn.settings.failback.hold
    doublings = max(0, len(recent(turn)) - 1, turn.state.failbacks_lost)
    return min(hold << doublings, max(hold, timers.hold_down_limit))


def note_failback(turn: Turn) -> None:
    """Remember that this node has just handed the group back by itself."""
    turn.set(failed_back_at=turn.now)


def note_return(turn: Turn) -> None:
    """The group is served here: did the failback that went before last?"""
    at = turn.state.failed_back_at
    if at is None:
        return
    has_lasted = turn.now - at >= turn.settings.timers.failover_window
    report = turn.peer_report
    # A peer that could serve, and does not, was told to hand the group over.
    was_ordered = report is not None and not report.refusal and not report.is_leaving
    lost = turn.state.failbacks_lost if was_ordered else turn.state.failbacks_lost + 1
    turn.set(failed_back_at=None, failbacks_lost=0 if has_lasted else lost)


def is_failback_given_up(turn: Turn) -> bool:
    """Whether so many failbacks in a row did not last that the next one is for a human to order."""
    return turn.state.failbacks_lost >= turn.settings.timers.failovers


def failback_sentence(turn: Turn) -> str:
    """Say that a human is asked for the failback; the group is served meanwhile."""
    count, peer = turn.state.failbacks_lost, turn.settings.peer
    return (
        f"{count} failbacks to {peer} in a row did not last: find the cause there, then 'hafailover clear-hold "
        f"{turn.settings.name}' on {turn.settings.node}, or a switchover"
    )
