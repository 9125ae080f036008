"""How does a node that serves nothing end its agent? In order if it can, and in time if it cannot."""

from hafailover.group import candidacy, demotion
from hafailover.group.contact import may_begin_up
from hafailover.group.report import GroupReport, PeerWish, Role
from hafailover.group.turn import Turn, first
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE

_HOLDING = (Role.PRIMARY, Role.DEMOTING)
"""A peer in these roles may have this node's image in its mirror."""
_MAY_HOLD = (Role.PROMOTING, *_HOLDING)
"""In these as well. But who promotes is not waited for: it would wait for this node in turn."""


def advance(turn: Turn, report: GroupReport | None) -> bool:
    """End as a standby, if the agent was told to stop; return whether that is what this node is busy with."""
    if not turn.state.is_stopping:
        return False
    if turn.views() is None or not turn.state.is_durable:
        return gives_up(turn, _why_blind(turn))
    if _is_held(turn, report):
        return False
    if _is_unanswered(turn, report):
        return gives_up(
            turn, f"{turn.settings.peer} may be writing to this node's copy, and cannot be asked"
        )
    if report is not None and report.role in _MAY_HOLD:
        # What it still writes will be on its own copy alone; but of a volume whose mirror goes on with this node's
        # copy alone, this is the newest.
        behind = {name for name, copy in report.copies if copy.record.copy not in USABLE}
        turn.change_records(
            lambda name, record: (
                changes.outrun(record)
                if changes.is_exported(record) and record.copy in USABLE and name not in behind
                else record
            )
        )
    if turn.state.is_durable:
        demotion.begin(turn, "the agent is stopping", is_final=True)
    return True


def gives_up(turn: Turn, why: str) -> bool:
    """Leave an export as it is, as an agent that is killed would, if it cannot be ended in order for too long."""
    since, limit = turn.state.stopping_since, turn.settings.timers.demote_deadline
    if since is None or turn.now - since <= limit:
        return False
    # The next life must not take over in silence what the peer may have gone on with.
    turn.change_records(
        lambda _, record: (
            changes.isolated(record)
            if changes.is_exported(record) and not record.was_isolated
            else record
        )
    )
    is_recorded = turn.state.is_durable or bool(turn.state.write_problem)
    if not is_recorded and turn.now - since <= 2 * limit:
        return True
    turn.note(f"the agent stops and leaves what it finds as it is: {why}")
    turn.become(Role.STOPPED, "the agent is stopping")
    return True


def end_unsettled(turn: Turn) -> bool:
    """End an agent that could not find out where it stands, and that had nothing up in this boot."""
    return gives_up(turn, _why_blind(turn))


def _why_blind(turn: Turn) -> str:
    facts = turn.state.facts
    problem = turn.state.write_problem or (facts.problem if facts is not None else "")
    return problem or "the storage cannot be seen"


def _is_held(turn: Turn, report: GroupReport | None) -> bool:
    """Whether the peer still has this node's image in its mirror: it may let go, or end, in order."""
    since = turn.state.stopping_since
    is_open = any(record.is_open for _, record in turn.state.records)
    if report is None or report.role not in _HOLDING or not is_open or since is None:
        return False
    told = first(report.wishes, turn.settings.volumes[0].name) is PeerWish.RECORD_STALE
    return not told and turn.now - since < turn.settings.timers.demote_deadline


def _is_unanswered(turn: Turn, report: GroupReport | None) -> bool:
    """Whether the peer's agent may have this copy in its mirror, and cannot let it go: it is silent, or just begins."""
    if not any(
        changes.is_exported(record) and record.copy in USABLE for _, record in turn.state.records
    ):
        return False
    last = turn.state.peer.report
    if report is None:
        is_off = candidacy.is_probed(turn) and not turn.state.peer_host
        is_apt = last is not None and (last.role in _MAY_HOLD or may_begin_up(last))
        return is_apt and not is_off
    return may_begin_up(report)
