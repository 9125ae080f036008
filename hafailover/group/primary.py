"""What does a primary do while it serves? It keeps the address up, watches its own copy first and then the peer's."""

from hafailover.group import (
    addresses,
    alarms,
    demotion,
    handover,
    isolation,
    loss,
    own_copy,
    parting,
    rejoin,
    routers,
    services,
    stopping,
)
from hafailover.group.contact import goes_first, is_acting
from hafailover.group.report import Role
from hafailover.group.turn import Turn


def advance(turn: Turn) -> None:
    """Do the next thing that serving needs."""
    if (
        stopping.has_to(turn)
        or _outranked(turn)
        or _listens(turn)
        or loss.isolated(turn)
        or own_copy.is_lost(turn)
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


def _outranked(turn: Turn) -> bool:
    """Yield to a peer that serves under a newer epoch: one of the two must stop, and the greater epoch is the newer."""
    report = turn.peer_report
    if report is None or report.role is not Role.PRIMARY:
        return False
    # Two takeovers in silence can carry the same number: then the preferred node stays.
    is_newer = report.epoch > turn.state.epoch
    if not is_newer and (report.epoch < turn.state.epoch or goes_first(turn, report)):
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


def claims_apart(turn: Turn) -> bool:
    """Whether both nodes say that they serve."""
    report = turn.peer_report
    return report is not None and is_acting(report) and routers.is_any_master(turn)
