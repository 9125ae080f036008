"""What does a primary do while it serves? It keeps the address up, watches its own copy first and then the peer's."""

from dataclasses import replace

from hafailover.group import (
    addresses,
    alarms,
    demotion,
    guard,
    handover,
    isolation,
    loss,
    parting,
    rejoin,
    routers,
    services,
)
from hafailover.group.actions import AlertKind, RaiseAlert, Severity
from hafailover.group.contact import is_acting
from hafailover.group.report import Role
from hafailover.group.turn import Turn
from hafailover.lineage import changes
from hafailover.storage.facts import ComponentState
from hafailover.storage.view import VolumeView
from hafailover.units import Nanoseconds


def advance(turn: Turn) -> None:
    """Do the next thing that serving needs."""
    if (
        _ungranted(turn)
        or _outranked(turn)
        or _listens(turn)
        or loss.isolated(turn)
        or _local_lost(turn)
    ):
        return
    busy = loss.advance(turn)
    if turn.state.role is not Role.PRIMARY or busy:
        return
    _serve_addresses(turn)
    services.check_due(turn)
    if turn.state.is_stopping:
        successor = "" if handover.obstacle(turn) else turn.settings.peer
        alarms.warn_of_stopping(turn)
        demotion.begin(turn, "the agent is stopping", successor=successor, is_final=True)
        return
    if handover.advance(turn):
        return
    rejoin.advance(turn)


def _serve_addresses(turn: Turn) -> None:
    """Keep the addresses up, but not while own lateness or isolation keeps them down."""
    if isolation.is_sole(turn) and isolation.since(turn) is not None:
        return
    if turn.state.addresses_wanted:
        addresses.keep_up(turn)
    elif turn.state.addressing is None:
        addresses.bring_up(turn)


def _ungranted(turn: Turn) -> bool:
    """Stop by force before anybody else can be granted, or when waiting writes could be acknowledged by the kernel."""
    limit: Nanoseconds | None = None
    reason = guard.closed_because(turn)
    abort_at = guard.abort_at(turn)
    if not reason and abort_at is not None and turn.now >= abort_at:
        reason, limit = _aborted_because(turn)
    if not reason:
        return False
    demotion.begin(turn, reason, is_forced=True, is_isolated=True)
    begun = turn.state.demotion
    assert begun is not None  # noqa: S101
    turn.set(demotion=replace(begun, limit=limit))
    return True


def _aborted_because(turn: Turn) -> tuple[str, Nanoseconds | None]:
    """Say why nothing may be acknowledged any more, and within what span that has to be so; None = the usual one."""
    dropping, peer = turn.state.dropping, turn.settings.peer
    if dropping is not None and dropping.unguarded_at is not None:
        return f"writes complete again before the copy of {peer} may be let go", None
    return (
        "the peer's copy may not be let go, and the kernel is about to",
        turn.settings.timers.kill,
    )


def _outranked(turn: Turn) -> bool:
    """Yield to a peer that serves under a newer epoch: one of the two must stop, and the greater epoch is the newer."""
    report = turn.peer_report
    if report is None or report.role is not Role.PRIMARY:
        return False
    # Two takeovers in silence can carry the same number: then the preferred node stays.
    theirs, own = (report.epoch, not turn.settings.is_preferred), (turn.state.epoch, True)
    if theirs < own or (theirs == own and turn.settings.is_preferred):
        return False
    demotion.begin(turn, parting.give_way(turn, report), is_forced=True)
    return True


def _listens(turn: Turn) -> bool:
    """After own lateness: whether it is still to be found out what has happened meanwhile."""
    until = turn.state.listen_until
    if until is None:
        return False
    if turn.now < until:
        return True
    turn.set(listen_until=None, canaries=tuple((name, turn.now) for name, _ in turn.state.canaries))
    return False


def _local_lost(turn: Turn) -> bool:
    """The local copy can be the one that is lost: then the peer's is the newest, and is never dropped."""
    stalled = loss.local_stall(turn)
    if stalled:
        _give_up_local(turn, turn.last_seen() or (), stalled, is_forced=True)
        return True
    views = turn.views()
    if views is None or turn.state.work is not None:
        return _is_unseen(turn)
    for view in views:
        problem = local_problem(view)
        if problem:
            _give_up_local(turn, views, problem)
            return True
    return _is_unseen(turn)


def _is_unseen(turn: Turn) -> bool:
    """Give the own copy up that may be lost, when nobody can look and no write is completed.

    The own disk has answered with an error. If the mirror has dropped this node's copy for it, the peer's is the newer
    one, and to let it go would call the older one the data. If writes fail, it may have dropped both.
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
    problem = (
        "this node's own disk answers with errors, and what the mirror made of it cannot be seen"
    )
    _give_up_local(turn, turn.last_seen() or (), problem, is_forced=True)
    return True


def local_problem(view: VolumeView) -> str:
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


def _give_up_local(
    turn: Turn, views: tuple[VolumeView, ...], problem: str, *, is_forced: bool = False
) -> None:
    peer_has_all = bool(views) and all(
        view.remote is not None and view.remote.state is ComponentState.ACTIVE for view in views
    )
    turn.do(RaiseAlert(kind=AlertKind.LOCAL_COPY_LOST, severity=Severity.CRITICAL, text=problem))
    if peer_has_all and rejoin.is_in_sync(turn):
        turn.change_records(lambda _, record: changes.outrun(record))
        demotion.begin(
            turn,
            f"{problem}; the copy of {turn.settings.peer} is now the newest",
            successor=turn.settings.peer,
            is_forced=is_forced,
        )
        if turn.state.demotion is not None:
            turn.set(demotion=replace(turn.state.demotion, is_local_lost=True))
        return
    demotion.begin(turn, problem, is_forced=is_forced)


def claims_apart(turn: Turn) -> bool:
    """Whether both nodes say that they serve."""
    report = turn.peer_report
    return report is not None and is_acting(report) and routers.is_any_master(turn)
