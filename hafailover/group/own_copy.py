"""Can the own copy still be counted on, while the volume is mounted? A primary watches it first, and then the peer's.

If the kernel goes on with the peer's copy alone, that one is the newest: it is never let go then, and this node stops.
"""

from dataclasses import replace

from hafailover.group import claims, demotion, loss, parting, rejoin
from hafailover.group.actions import AlertKind, RaiseAlert, Severity
from hafailover.group.turn import Turn
from hafailover.lineage import changes
from hafailover.storage.facts import ComponentState
from hafailover.storage.view import VolumeView


def is_lost(turn: Turn) -> bool:
    """The local copy can be the one that is lost: then the peer's is the newest, and is never dropped."""
    stalled = loss.local_stall(turn)
    if stalled:
        _give_up(turn, turn.last_seen() or (), stalled, is_forced=True)
        return True
    views = turn.views()
    if views is None or turn.state.work is not None:
        return _is_unseen(turn)
    for view in views:
        reason = problem(view)
        if reason:
            _give_up(turn, views, reason)
            return True
    return _is_unseen(turn)


def _is_unseen(turn: Turn) -> bool:
    """Give the own copy up that may be lost, when nobody can look and no write is completed.

    The own disk has answered with an error, or every write fails. If the mirror has dropped this node's copy for it,
    the peer's is the newer one, and to let it go would call the older one the data. If writes fail, it may have dropped
    both, or there is no mount any more.
    """
    state = turn.state
    failed_at = state.image_failed_at
    is_seen = turn.views() is not None
    if failed_at is not None and is_seen and state.looked_at >= failed_at:
        turn.set(image_failed_at=None)
        return False
    has_failed = failed_at is not None and state.dropping is None and loss.noticed(turn) != ""
    if not has_failed and (is_seen or not loss.is_refused(turn)):
        return False
    if failed_at is not None and turn.now - failed_at <= turn.settings.timers.canary_deadline:
        return True  # A look was asked for with the error, and is given a moment.
    what, views = "this node's own disk answers with errors", turn.last_seen() or ()
    if failed_at is None:
        # Nothing says that it is this node's copy that was lost: neither is called the newest.
        what, views = f"writes fail ({state.canary_problem})", ()
    reason = f"{what}, and what the mirror made of it cannot be seen"
    _give_up(turn, views, reason, is_forced=True)
    return True


def problem(view: VolumeView) -> str:
    """Say what is wrong with this node's own copy of a volume that it serves; empty if nothing is."""
    name = view.settings.name
    if not view.is_mounted:
        return f"{view.settings.mount_point} is not mounted any more"
    if view.mirror is None:
        return f"the mirror of {name} is gone"
    if view.local is None or view.local.state is not ComponentState.ACTIVE:
        return (
            f"the local component of {name} is {view.local.state.value if view.local else 'gone'}"
        )
    return ""


def _give_up(
    turn: Turn, views: tuple[VolumeView, ...], reason: str, *, is_forced: bool = False
) -> None:
    peer_has_all = bool(views) and all(
        view.remote is not None and view.remote.state is ComponentState.ACTIVE for view in views
    )
    turn.do(RaiseAlert(kind=AlertKind.LOCAL_COPY_LOST, severity=Severity.CRITICAL, text=reason))
    if peer_has_all and rejoin.is_in_sync(turn):
        # Of a volume whose mirror still has both copies nothing is said; if none is seen to be lost, all may be.
        seen = {view.settings.name: problem(view) for view in views}
        lost = {name for name, what in seen.items() if what} or set(seen)
        turn.change_records(lambda name, record: changes.outrun(record) if name in lost else record)
        demotion.begin(
            turn,
            f"{reason}; the copy of {turn.settings.peer} is now the newest",
            successor=turn.settings.peer,
            is_forced=is_forced,
        )
        if turn.state.demotion is not None:
            turn.set(demotion=replace(turn.state.demotion, is_local_lost=True))
        return
    if not claims.withdraw_claim(turn, views):
        parting.doubt_claim(turn, views)
    demotion.begin(turn, reason, is_forced=is_forced)
    if is_forced and turn.state.demotion is not None:
        turn.set(demotion=replace(turn.state.demotion, is_own_doubted=True))
