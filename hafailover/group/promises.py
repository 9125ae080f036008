"""What is the peer's word worth while etcd cannot be reached? For so long as it promised not to take the grant.

A primary that cannot renew asks for the promise with its reports; a standby gives it, and dates it by the number of the
report that asked, so that no delay on the way lengthens it. The promiser keeps it across its own reboot, by taking
nothing for that long after any start.
"""

from dataclasses import replace

from hafailover.arbiter.lease import lengthened, shortened
from hafailover.arbiter.requests import ChangeStanding
from hafailover.group.report import GroupReport, PeerPromise, Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.lineage.changes import is_active
from hafailover.units import MILLISECOND, Instant, later

_STAMPS_MAX = 128
_STAMP_GAP = 100 * MILLISECOND
_AT_REST = (Role.STANDBY, Role.STOPPED)


def asks(turn: Turn) -> bool:
    """Whether this node needs the peer's word now: it serves, and the last renewal is overdue."""
    state = turn.state
    if turn.settings.arbiter is not ArbiterKind.ETCD or state.grant.is_void:
        return False
    renewed_at = state.grant.renewed_at
    match state.role:
        case Role.PRIMARY | Role.DEMOTING:
            pass
        case Role.PROMOTING:
            if state.grant.lease_until is None:
                return False
        case Role.STARTING:
            if not any(is_active(each) and each.boot == state.boot for _, each in state.records):
                return False
        case _:
            return False
    lease = turn.settings.lease
    return renewed_at is None or turn.now > later(renewed_at, lease.renew + lease.renew_deadline)


def given(turn: Turn) -> PeerPromise | None:
    """Return the promise that this node's next report carries; None if it is not asked for one, or must not give it."""
    state = turn.state
    report = turn.peer_report
    if report is None or not report.asks_promise or state.role is not Role.STANDBY:
        return None
    # A change that was sent may still be made, whatever this node says now.
    is_taking = isinstance(state.grant.request, ChangeStanding) or state.grant.is_in_doubt
    holder = state.grant.holder
    if is_taking or (holder is not None and holder.node == turn.settings.node):
        return None
    return PeerPromise(
        span_ns=turn.settings.lease.peer_lease,
        incarnation=report.incarnation,
        sequence=report.sequence,
    )


def sent(turn: Turn, report: GroupReport) -> None:
    """Take note of what was just said: a promise binds from now on; a report that asks for one is a date."""
    grant = turn.state.grant
    if report.promise is not None:
        until = later(turn.now, lengthened(report.promise.span_ns))
        turn.set(grant=replace(grant, promised_until=until))
    if report.asks_promise:
        stamps = grant.stamps
        if not stamps or turn.now - stamps[-1][1] >= _STAMP_GAP:
            stamps = (*stamps, (report.sequence, turn.now))[-_STAMPS_MAX:]
            turn.set(grant=replace(turn.state.grant, stamps=stamps))


def heard(turn: Turn, report: GroupReport) -> None:
    """Count the peer's promise from when the report was sent that it answers."""
    promise = report.promise
    if promise is None or promise.incarnation != turn.state.incarnation:
        return
    grant = turn.state.grant
    asked = [at for sequence, at in grant.stamps if sequence <= promise.sequence]
    if not asked:
        return
    until = later(asked[-1], shortened(promise.span_ns))
    turn.set(grant=replace(grant, promise_until=max(until, grant.promise_until or until)))


def remembered(turn: Turn, now: Instant) -> Instant | None:
    """Return until when a life that begins now is bound by what an earlier one may have promised."""
    if turn.settings.arbiter is not ArbiterKind.ETCD:
        return None
    return later(now, lengthened(turn.settings.lease.peer_lease))


def binds(turn: Turn) -> bool:
    """Whether a promise of this node keeps it from taking the grant now: not if the peer says that it is at rest."""
    state = turn.state
    until = state.grant.promised_until
    if until is None or turn.now >= until:
        return False
    if state.attempt is not None and state.attempt.token is not None:
        return False
    report = turn.peer_report
    return report is None or report.role not in _AT_REST
