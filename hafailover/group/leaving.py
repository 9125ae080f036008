"""How does a node that serves nothing end its agent? In order if it can, and in time if it cannot."""

from hafailover.group import demotion
from hafailover.group.report import GroupReport, PeerWish, Role
from hafailover.group.turn import Turn, first
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE

_HOLDING = (Role.PRIMARY, Role.DEMOTING)
"""A peer in these roles may have this node's image in its mirror."""


def advance(turn: Turn, report: GroupReport | None) -> bool:
    """End as a standby, if the agent was told to stop; return whether that is what this node is busy with."""
    if not turn.state.is_stopping:
        return False
    if turn.views() is None or not turn.state.is_durable:
        return gives_up(turn)
    if _is_held(turn, report):
        return False
    if report is not None and report.role in _HOLDING:
        # What it still writes will be on its own copy alone.
        turn.change_records(
            lambda _, record: (
                changes.outrun(record)
                if changes.is_exported(record) and record.copy in USABLE
                else record
            )
        )
    if turn.state.is_durable:
        demotion.begin(turn, "the agent is stopping", is_final=True)
    return True


def gives_up(turn: Turn) -> bool:
    """Leave an export as it is, as an agent that is killed would: nothing can be seen, or recorded, for too long."""
    since, state = turn.state.stopping_since, turn.state
    if since is None or turn.now - since <= turn.settings.timers.demote_deadline:
        return False
    problem = state.write_problem or (state.facts.problem if state.facts else "")
    why = problem or "the storage cannot be seen"
    turn.note(f"the agent stops and leaves what it finds as it is: {why}")
    turn.become(Role.STOPPED, "the agent is stopping")
    return True


def _is_held(turn: Turn, report: GroupReport | None) -> bool:
    """Whether the peer still has this node's image in its mirror: it may let go, or end, in order."""
    since = turn.state.stopping_since
    is_open = any(record.is_open for _, record in turn.state.records)
    if report is None or report.role not in _HOLDING or not is_open or since is None:
        return False
    told = first(report.wishes, turn.settings.volumes[0].name) is PeerWish.RECORD_STALE
    return not told and turn.now - since < turn.settings.timers.demote_deadline
