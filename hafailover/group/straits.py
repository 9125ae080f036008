"""What if a demotion does not get on: the peer vanished, this node is cut off, a step hangs, time runs out?"""

from dataclasses import replace

from hafailover.group import contact, guard, isolation, parting, stalling
from hafailover.group.actions import CutStepShort
from hafailover.group.report import Role
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Demotion
from hafailover.group.work import run_urgent
from hafailover.lineage import changes
from hafailover.storage.closing import kill_users
from hafailover.storage.facts import ComponentState
from hafailover.storage.settings import KERNEL_GUARD
from hafailover.storage.steps import CommandStep
from hafailover.storage.view import VolumeView


def notice_isolation(turn: Turn) -> None:
    """A node can be cut off while it demotes for another reason: the other one does not wait longer for that."""
    demotion = turn.state.demotion
    if demotion is None or demotion.is_isolated:
        return
    since = isolation.since(turn) if turn.state.pairing.units else None
    limit = demotion.limit
    abort_at = guard.abort_at(turn)
    if not guard.is_open(turn):
        since = turn.now
    elif abort_at is not None and turn.now >= abort_at:
        since, limit = turn.now, turn.settings.timers.kill
    elif demotion.is_local_lost and _waits_for_newest(turn):
        # The peer's copies are the newest: what waits for them may not be acknowledged by the kernel alone.
        since, limit = turn.now, turn.settings.timers.kill
    if since is None:
        return
    views = turn.views()
    if views is not None and not any(view.mount or view.device_mounts for view in views):
        return
    turn.set(demotion=replace(demotion, since=since, is_isolated=True, is_forced=True, limit=limit))


def _waits_for_newest(turn: Turn) -> bool:
    """Whether writes have waited for the peer's copy until the kernel is about to go on without it, where it can."""
    canaries, timers = turn.state.canaries, turn.settings.timers
    views = turn.last_seen()
    # A mirror without this node's own component has nothing to acknowledge with, once the peer's is gone as well.
    bare = {
        view.settings.name
        for view in views or ()
        if view.local is None or view.local.state is not ComponentState.ACTIVE
    }
    waiting = [at for name, at in canaries if name not in bare]
    if not waiting:
        return False
    span = turn.now - min(waiting)
    is_heard = contact.REPLICATION in contact.heard_networks(turn)
    limit = KERNEL_GUARD - timers.kill - timers.lateness if is_heard else timers.canary_patience
    return span > limit


def notice_successor(turn: Turn) -> None:
    """A peer can begin to serve while this node demotes for another reason: then this copy is behind, and gives way."""
    demotion, report = turn.state.demotion, turn.peer_report
    if demotion is None or demotion.is_forced or report is None or report.role is not Role.PRIMARY:
        return
    is_up = any(changes.is_active(record) for _, record in turn.state.records)
    if report.epoch <= turn.state.epoch or not is_up:
        return  # What is closed, or was never up, was written by nobody here since.
    parting.give_way(turn, report)
    turn.set(demotion=replace(demotion, is_forced=True))


def is_overdue(turn: Turn) -> bool:
    """Whether the limit has passed while something may still be mounted, or is not seen closed.

    Without a mount nobody can be served stale data, so a node that is cut off is given the time of any other; but what
    was served here has to be closed at last, or nobody else could ever serve it.
    """
    demotion = turn.state.demotion
    assert demotion is not None  # noqa: S101
    timers = turn.settings.timers
    if demotion.is_isolated:
        limit = demotion.limit if demotion.limit is not None else timers.forced_demotion
        is_late = turn.now - demotion.since > limit
    elif demotion.storage_since is not None or demotion.is_forced:
        begun = demotion.storage_since if demotion.storage_since is not None else demotion.since
        is_late = turn.now - begun > timers.demote_deadline
    else:
        # A look that never comes keeps even the services from being stopped.
        seen_at = max(demotion.since, turn.state.seen_at)
        is_late = turn.views() is None and turn.now - seen_at > timers.demote_deadline
    if not is_late:
        return False
    views = turn.last_seen()
    if views is None or any(view.mount or view.device_mounts for view in views):
        return True
    begun = demotion.storage_since if demotion.storage_since is not None else demotion.since
    was_served = any(changes.is_active(record) for _, record in turn.state.records)
    return was_served and turn.now - begun > timers.demote_deadline


def end_check(turn: Turn) -> None:
    """End a check of a file system that a promotion had begun: it can take hours, and nobody will mount what it mends.

    To be killed costs it nothing but its time: the file system stays marked dirty until a check has come to its end.
    """
    demotion, work = turn.state.demotion, turn.state.work
    if demotion is None or work is None or work.id == demotion.ended_check:
        return
    if isinstance(work.step, CommandStep) and work.step.is_check:
        turn.set(demotion=replace(demotion, ended_check=work.id))
        turn.do(CutStepShort(id=work.id))


def free_stuck(turn: Turn) -> None:
    """Let the peer's image go when a step waits for it: an unmount would wait for a dead ggate for ever.

    Not when this node may be the isolated one: then what waits must never be acknowledged, and the host is reset. If
    the peer serves already, this node's copy is behind: its users are ended before anything is acknowledged to them.
    Not when it is this node's own disk that hangs either: the peer's copy is the only whole one. And not before a node
    that was away itself has listened.
    """
    state, demotion = turn.state, turn.state.demotion
    if demotion is None or demotion.is_isolated or not state.pairing.units or _listens(turn):
        return
    if demotion.is_local_lost or (demotion.is_own_doubted and not _is_whole(turn.views())):
        return
    reason = _stuck_because(turn, demotion)
    if state.dropping is None and reason:
        report = turn.peer_report
        if report is not None and report.role is Role.PRIMARY:
            if not demotion.is_forced:
                parting.give_way(turn, report)
                turn.set(demotion=replace(demotion, is_forced=True))
            parting.drop(turn, reason)
        else:
            parting.begin(turn, reason)
    elif (
        state.dropping is not None
        and not (state.dropping.is_claimed or state.dropping.is_granted)
        and reason.startswith(parting.UNANNOUNCED)
    ):
        parting.note_dropped(turn, reason)
    if turn.state.dropping is not None and not ends_users(turn):
        parting.let_go(turn)


def _listens(turn: Turn) -> bool:
    """After own lateness: whether the peer has not had the time yet to be heard again."""
    until = turn.state.listen_until
    if until is None:
        return False
    if turn.now < until and turn.state.dropping is None:
        return True
    turn.set(listen_until=None)
    return False


def _is_whole(views: tuple[VolumeView, ...] | None) -> bool:
    """Whether this node's own copies are seen in service."""
    return views is not None and all(
        view.local is not None and view.local.state is ComponentState.ACTIVE for view in views
    )


def _stuck_because(turn: Turn, demotion: Demotion) -> str:
    """Say why the peer's image has to go; empty if nothing waits for it. A slow unmount alone is no sign.

    While the services end they still write, and what they write is watched as before. But an own copy that the mirror
    has lost is no reason to let the other one go.
    """
    state = turn.state
    if state.canaries:
        if not _is_whole(turn.last_seen()):
            return ""
        return stalling.dropped_by_kernel(turn) or stalling.overdue(turn)
    patience = turn.settings.timers.canary_patience
    if state.work is not None:
        waits = turn.now - state.work.since > patience
        has_timed_out = state.tries.count > 0
    else:
        waits = turn.views() is None and turn.now - max(demotion.since, state.facts_at) > patience
        has_timed_out = demotion.is_forced
    is_heard = contact.REPLICATION in contact.heard_networks(turn)
    report = turn.peer_report
    is_served = report is not None and report.role is Role.PRIMARY
    if waits and (has_timed_out or not is_heard or is_served):
        return f"{turn.settings.peer} does not answer during the demotion"
    return ""


def ends_users(turn: Turn) -> bool:
    """End the users of the volumes, once, before what they wait for is acknowledged; whether that is under way."""
    demotion = turn.state.demotion
    if demotion is None or not demotion.is_forced or turn.state.urgent is not None:
        return turn.state.urgent is not None
    left = [each for each in turn.settings.volumes if each.name not in demotion.ended_users]
    if not left:
        return False
    turn.set(demotion=replace(demotion, ended_users=(*demotion.ended_users, left[0].name)))
    run_urgent(turn, kill_users(left[0]), "nothing of theirs counts any more")
    return True
