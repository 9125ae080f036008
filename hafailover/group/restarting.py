"""How does an agent end and leave everything up for its next life?

Mount, address, mirror, export and services stay as they are; the peer is told, and waits for a bounded time. What is
half done is brought to its end first, so that the next life finds a state that it can take over.
"""

from hafailover.group import fencing
from hafailover.group.actions import Stop
from hafailover.group.report import Role
from hafailover.group.turn import Turn

_SETTLED = (Role.STARTING, Role.STANDBY, Role.PRIMARY, Role.STOPPED)


def leave(turn: Turn) -> None:
    """End this life of the agent once nothing is under way and the peer has been told.

    The process ends with the last of its groups: until then this one goes on, or nobody would renew its grant.
    """
    state = turn.state
    since = state.restarting_since
    if since is None or state.is_stopping or state.has_left:
        return
    timers = turn.settings.timers
    is_told = state.sent is not None and state.sent.restart_hold_ns > 0
    # One heartbeat later than said, so that what was said is on its way on every network.
    is_time = is_told and turn.now - since >= timers.heartbeat
    # What does not come to an end is left half done: the next life undoes it.
    is_overdue = turn.now - since > timers.demote_deadline
    if is_overdue or (is_time and _is_settled(turn)):
        turn.set(has_left=True)
        turn.do(Stop())


def _is_settled(turn: Turn) -> bool:
    state = turn.state
    under_way = (state.work, state.urgent, state.writing, state.addressing, state.service_call)
    # What was handed over is held against the successor's wishes until it serves, or has let that be.
    is_idle = all(each is None for each in (*under_way, state.dropping, state.token_given))
    return state.role in _SETTLED and is_idle and state.is_durable and not fencing.is_busy(turn)
