"""What is asked of etcd next, and what does an answer change?

Nothing is remembered of what was tried: the next change is derived from the two texts as a majority last had them, and
from what this node is about. So a lost answer costs one more question; the texts, not the answer, say what was done.
"""

from dataclasses import replace

from hafailover.arbiter.answers import Answer, Applied, Refused, Standing, Unknown
from hafailover.arbiter.lease import shortened
from hafailover.arbiter.record import (
    ArbiterRecord,
    Holder,
    Phase,
    Unreadable,
    decode_holder,
    decode_record,
)
from hafailover.arbiter.requests import ChangeStanding, Purpose, ReadStanding, Request
from hafailover.group import transactions
from hafailover.group.actions import AskArbiter
from hafailover.group.grant import Grant
from hafailover.group.report import Role
from hafailover.group.turn import Turn
from hafailover.units import MILLISECOND, Instant, later

_LOOK_OFTEN = 500 * MILLISECOND
_PACE = 100 * MILLISECOND
_IDLE = (Role.STOPPED, Role.FENCED)


def advance(turn: Turn) -> None:
    """Ask what has to be asked next, if no question is under way."""
    grant = turn.state.grant
    if grant.asking or turn.state.role in _IDLE:
        return
    if grant.retry_at is not None and turn.now < grant.retry_at:
        return
    request = _next(turn)
    if request is None:
        return
    number = turn.new_id()
    turn.set(grant=replace(grant, asking=number, asked_at=turn.now, request=request))
    turn.do(AskArbiter(id=number, request=request))


def _next(turn: Turn) -> Request | None:
    grant = turn.state.grant
    if grant.record is not None:
        if holds(turn):
            change = transactions.wanted(turn)
            if change is not None:
                return change
            return transactions.renewal(turn) if turn.now >= _renew_at(turn) else None
        if grant.holder is None:
            take = transactions.taking(turn)
            if take is not None:
                return take
    attempt = turn.state.attempt
    is_old = attempt is not None and not is_asked_since(turn, attempt.since)
    is_due = grant.seen_at is None or turn.now >= later(grant.seen_at, _period(turn))
    return ReadStanding() if is_due or is_old else None


def is_asked_since(turn: Turn, since: Instant) -> bool:
    """Whether what is known of etcd was asked for at ``since`` or later.

    Who hands the group over gives the grant back first: an older view still shows it as the holder.
    """
    seen_at = turn.state.grant.seen_at
    return seen_at is not None and seen_at >= since


def next_question(turn: Turn) -> Instant | None:
    """Return when the next question is due at the latest; None while one is under way."""
    grant = turn.state.grant
    if grant.asking or turn.state.role in _IDLE:
        return None
    look_at = turn.now if grant.seen_at is None else later(grant.seen_at, _period(turn))
    due = _renew_at(turn) if holds(turn) else look_at
    return due if grant.retry_at is None else max(due, grant.retry_at)


def _renew_at(turn: Turn) -> Instant:
    renewed_at = turn.state.grant.renewed_at
    return turn.now if renewed_at is None else later(renewed_at, turn.settings.lease.renew)


def _period(turn: Turn) -> int:
    """How often this node looks who holds the grant: often when it may have to act on it."""
    is_calm = turn.state.role is Role.STANDBY and turn.peer_report is not None
    return turn.settings.lease.renew if is_calm else _LOOK_OFTEN


def holds(turn: Turn) -> bool:
    """Whether the grant now in force is of this very boot of this node, whichever life of its agent took it."""
    grant = turn.state.grant
    return (
        grant.record is not None
        and grant.holder is not None
        and grant.holder.is_of(turn.settings.node, turn.state.boot, grant.record.epoch)
    )


def has_committed(turn: Turn) -> bool:
    """Whether etcd knows that what this node writes under the present epoch counts."""
    record = turn.state.grant.record
    return (
        holds(turn)
        and record is not None
        and record.phase is Phase.SERVING
        and record.epoch == turn.state.epoch
        and transactions.committed(turn, record) == record
    )


def is_alone(turn: Turn) -> bool:
    """Whether this node's copy is the only one that counts, and no change of its own can still alter that.

    One that was lost could, and so could one that is under way: that takes the peer into the set, perhaps.
    """
    grant = turn.state.grant
    is_changing = isinstance(grant.request, ChangeStanding) and grant.request.purpose is Purpose.ADD
    return (
        grant.record is not None
        and grant.record.in_sync == (turn.settings.node,)
        and not is_changing
        and not grant.is_in_doubt
    )


def counts_peer(turn: Turn) -> bool:
    """Whether etcd counts the peer's copy among those that hold every acknowledged write."""
    record = turn.state.grant.record
    return record is not None and turn.settings.peer in record.in_sync


def finish(turn: Turn, number: int, answer: Answer) -> None:
    """Take in an answer; one to another question than the last is ignored."""
    grant = turn.state.grant
    if not grant.asking or grant.asking != number:
        return
    request = grant.request
    asked_at = grant.asked_at
    grant = replace(grant, asking=0, request=None, retry_at=None)
    match answer:
        case Applied(standing=standing, lease_ns=lease_ns):
            known = _seen(turn, grant, standing, asked_at)
            turn.set(grant=_applied(known, request, asked_at, lease_ns))
            _guard_again(turn, request)
        case Refused(standing=standing):
            turn.set(grant=_seen(turn, grant, standing, asked_at))
        case Unknown(reason=reason):
            if grant.silent_since is None:
                turn.note(f"etcd does not answer: {reason}")
            turn.set(grant=_unanswered(turn, grant, request, asked_at))
        case _:
            turn.set(grant=_unanswered(turn, grant, request, asked_at))
    if isinstance(request, ChangeStanding) and request.purpose is not Purpose.RENEW:
        turn.note(f"etcd: {request.purpose.value}: {type(answer).__name__.lower()}")


def _applied(grant: Grant, request: Request | None, asked_at: Instant, lease_ns: int) -> Grant:
    if not isinstance(request, ChangeStanding):
        return grant
    grant = replace(grant, is_in_doubt=False)
    if request.lease_s == 0:
        return grant
    return replace(grant, renewed_at=asked_at, lease_until=later(asked_at, shortened(lease_ns)))


def _guard_again(turn: Turn, request: Request | None) -> None:
    """What was served on an operator's word is granted now: from here on etcd has the last word again."""
    grant = turn.state.grant
    is_take = isinstance(request, ChangeStanding) and request.purpose is Purpose.TAKE
    if is_take and grant.is_void and grant.record is not None:
        turn.note("etcd has granted the group: an operator's word stands for it no longer")
        turn.set(grant=replace(grant, is_void=False), epoch=grant.record.epoch)


def _unanswered(turn: Turn, grant: Grant, request: Request | None, asked_at: Instant) -> Grant:
    return replace(
        grant,
        silent_since=grant.silent_since if grant.silent_since is not None else asked_at,
        is_in_doubt=grant.is_in_doubt or isinstance(request, ChangeStanding),
        retry_at=later(turn.now, _PACE),
    )


def _seen(turn: Turn, grant: Grant, standing: Standing, asked_at: Instant) -> Grant:
    """Take in what is in force. What cannot be read is left alone, and grants nothing."""
    record = decode_record(standing.record) if standing.record is not None else None
    holder = decode_holder(standing.holder) if standing.holder is not None else None
    problem = ""
    if record is None:
        problem = "etcd has no record of this group: 'hafailover init' founds it"
    elif isinstance(record, Unreadable):
        problem, record = f"etcd: {record.problem}", None
    elif isinstance(holder, Unreadable):
        problem, record = f"etcd: {holder.problem}", None
    if isinstance(holder, Unreadable):
        holder = None
    if grant.silent_since is not None:
        turn.note("etcd answers again")
    grant = replace(
        grant,
        standing=standing,
        # Every change in doubt is bound to the texts as they were known until now; no text ever comes back.
        is_in_doubt=grant.is_in_doubt and standing == grant.standing,
        seen_at=asked_at,
        record=record,
        holder=holder,
        problem=problem,
        silent_since=None,
        released_since=_released_since(turn, grant, record),
    )
    if not _is_own(turn, holder):
        grant = replace(grant, lease_until=None, renewed_at=None)
    return grant


def _released_since(
    turn: Turn, grant: Grant, record: ArbiterRecord | Unreadable | None
) -> Instant | None:
    if (
        not isinstance(record, ArbiterRecord)
        or record.phase is not Phase.IDLE
        or record.successor in ("", turn.settings.node)
    ):
        return None
    return grant.released_since if grant.released_since is not None else turn.now


def _is_own(turn: Turn, holder: Holder | None) -> bool:
    return (
        holder is not None and holder.node == turn.settings.node and holder.boot == turn.state.boot
    )
