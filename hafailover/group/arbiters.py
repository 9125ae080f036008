"""What does the configured arbiter say to what this node is about to do? One place for all kinds.

Etcd grants, a fence device proves; with ``ping`` and ``none`` nobody is asked, and other rules stand in their place.
"""

from dataclasses import replace

from hafailover.arbiter.record import Phase
from hafailover.arbiter.requests import ChangeStanding
from hafailover.group import etcd, fencing, guard, promises
from hafailover.group.contact import group_verdict
from hafailover.group.events import ArbiterAnswered
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Attempt
from hafailover.group.work import Progress
from hafailover.lineage import changes
from hafailover.lineage.compare import Verdict
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND, Instant

_STRICT = (ArbiterKind.ETCD, ArbiterKind.FENCE)
_EQUAL = (CopyState.IN_SYNC, CopyState.TOUCHED)
_UNANSWERED_MAX = 3
"""So many of a request's deadlines a promotion waits for etcd before it gives up asking."""


def is_strict(turn: Turn) -> bool:
    """Whether this arbiter has the last word."""
    return turn.settings.arbiter in _STRICT


def advance(turn: Turn) -> None:
    """Ask what has to be asked, and say until when the watchdog may be patted."""
    match turn.settings.arbiter:
        case ArbiterKind.ETCD:
            etcd.advance(turn)
            guard.update(turn)
        case ArbiterKind.FENCE:
            fencing.advance(turn)
        case ArbiterKind.PING | ArbiterKind.NONE:
            pass


def answered(turn: Turn, event: ArbiterAnswered) -> None:
    """Take in an answer."""
    if turn.settings.arbiter is ArbiterKind.FENCE:
        fencing.finish(turn, event.id, event.answer)
    else:
        etcd.finish(turn, event.id, event.answer)


def deadline(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when the arbiter is due next: a question, the end of a grant, the abort clock."""
    if settings.arbiter not in _STRICT:
        return None
    turn = Turn(state, state.moved_at, settings)
    due: list[Instant | None] = []
    match settings.arbiter:
        case ArbiterKind.ETCD:
            due = [etcd.next_question(turn), guard.stop_at(turn), guard.abort_at(turn)]
        case ArbiterKind.FENCE:
            due = [fencing.next_question(turn), guard.abort_at(turn)]
        case ArbiterKind.PING | ArbiterKind.NONE:
            return None
    # What was due and is still not settled is looked at with the next heartbeat, not without end.
    return min([each for each in due if each is not None and each > state.moved_at], default=None)


def own_refusal(turn: Turn) -> str:
    """Return why the arbiter would not have this node's copy promoted, whatever the peer does; empty if it would."""
    if turn.settings.arbiter is not ArbiterKind.ETCD:
        return ""
    grant = turn.state.grant
    if grant.seen_at is None:
        return "etcd has not answered yet"
    if grant.silent_since is not None:
        return "etcd does not answer"
    record = grant.record
    if record is None:
        return grant.problem
    known = _known_epoch(turn)
    if record.epoch < known:
        return (
            f"etcd's record is of epoch {record.epoch}, but this node has seen {known}: was etcd restored from a "
            "backup? An operator decides"
        )
    if record.in_sync == (turn.settings.node,) or _was_chosen(turn):
        return ""
    if turn.settings.node not in record.in_sync:
        return f"etcd counts the copy of {' and '.join(record.in_sync)} only, not this node's"
    lineages = dict(record.lineages)
    for volume, own in turn.state.durable:
        if lineages.get(volume) not in (own.lineage, *own.ancestors):
            return f"the copy of {volume} is of another lineage than etcd counts"
    return ""


def judge_own_copy(turn: Turn) -> None:
    """Record that etcd has counted this node's copy out under a newer lineage, though no peer may be there to tell.

    What etcd says can be lost with a restored backup; the record of this node keeps it. What was looked at before the
    peer told of a newer epoch says nothing about the copy that was made equal under it.
    """
    grant = turn.state.grant
    if turn.settings.arbiter is not ArbiterKind.ETCD or grant.silent_since is not None:
        return
    if grant.record is None or turn.settings.node in grant.record.in_sync or _was_chosen(turn):
        return
    if grant.record.epoch < _known_epoch(turn):
        return
    counted = dict(grant.record.lineages)
    if all(counted.get(name) in (own.lineage, *own.ancestors) for name, own in turn.state.durable):
        return
    turn.change_records(
        lambda _, record: changes.outrun(record) if record.copy in _EQUAL else record
    )


def _known_epoch(turn: Turn) -> int:
    return max((each.epoch for _, each in turn.state.durable), default=0)


def _was_chosen(turn: Turn) -> bool:
    """Whether an operator chose this node's copy, and the other one was given up for it, by its own durable record."""
    report = turn.state.peer.report
    choices = [copy.record.choice for _, copy in report.copies] if report is not None else []
    return bool(choices) and all(
        choice is not None and choice.kept == turn.settings.node for choice in choices
    )


def is_silent(turn: Turn) -> bool:
    """Whether an arbiter that grants cannot be asked, or has nothing to say on this group."""
    grant = turn.state.grant
    is_known = grant.seen_at is not None and grant.silent_since is None and grant.record is not None
    return turn.settings.arbiter is ArbiterKind.ETCD and not is_known


def pending(turn: Turn) -> str:
    """Return who still holds the grant; empty if nobody does, or no arbiter grants."""
    if turn.settings.arbiter is not ArbiterKind.ETCD:
        return ""
    holder = turn.state.grant.holder
    if holder is not None:
        return f"grant pending: {holder.node} holds etcd's grant of epoch {holder.epoch}; its lease has to run out"
    if promises.binds(turn):
        until = turn.state.grant.promised_until or turn.now
        left = (until - turn.now + SECOND - 1) // SECOND
        return f"this node may have promised {turn.settings.peer} not to take the grant for {left} s more"
    return ""


def beside_silence(turn: Turn) -> str:
    """Return why a strict arbiter does not let this node take over from a silent peer; empty if it would."""
    if turn.settings.arbiter is ArbiterKind.FENCE:
        return fencing.beside_silence(turn)
    record = turn.state.grant.record
    why = pending(turn)
    if why or record is None:
        return why
    is_released = record.phase is Phase.IDLE and record.successor not in ("", turn.settings.node)
    held_since = turn.state.grant.released_since
    hold = turn.settings.timers.release_hold
    if is_released and (held_since is None or turn.now - held_since < hold):
        return f"the group was released to {record.successor}, which has the first right to it"
    if not turn.settings.watchdog.span and turn.state.peer_host and not has_left(turn):
        where = " and ".join(turn.state.peer_host)
        return (
            f"{turn.settings.peer}'s host answers on {where}, and no watchdog would have stopped it"
        )
    return ""


def has_left(turn: Turn) -> bool:
    """Whether the peer's agent said at last that it stops, and has closed what this node's copy is as new as."""
    report = turn.state.peer.report
    return (
        report is not None
        and report.role is Role.STOPPED
        and not any(copy.record.is_open for _, copy in report.copies)
        and group_verdict(turn, report) in (Verdict.MINE, Verdict.EITHER, Verdict.IDENTICAL)
    )


def floor(state: GroupState) -> int:
    """Return the greatest epoch that the arbiter is known to have granted."""
    return state.grant.record.epoch if state.grant.record is not None else 0


def granted(turn: Turn) -> Progress:
    """Whether the promotion may begin to touch anything; FAILED means that nothing was touched and it is given up."""
    attempt = turn.state.attempt
    assert attempt is not None  # noqa: S101
    match turn.settings.arbiter:
        case ArbiterKind.ETCD:
            return _granted_by_etcd(turn, attempt.epoch, attempt.since)
        case ArbiterKind.FENCE:
            return _proved_once(turn, attempt)
        case ArbiterKind.PING | ArbiterKind.NONE:
            return Progress.REACHED


def _proved_once(turn: Turn, attempt: Attempt) -> Progress:
    """Whether the peer was off, if it had to be: one that has come back since is not shot for it again."""
    if not attempt.needs_off:
        return Progress.REACHED
    progress = fencing.proved(turn)
    if progress is Progress.REACHED:
        turn.set(attempt=replace(attempt, needs_off=False))
    return progress


def _granted_by_etcd(turn: Turn, epoch: int, since: Instant) -> Progress:
    grant = turn.state.grant
    if grant.is_void:
        return Progress.REACHED
    record = grant.record
    if etcd.holds(turn) and record is not None and record.epoch == epoch:
        if grant.lease_until is None:
            return Progress.BUSY
        return guard.arm(turn)
    waited = turn.now - since
    if (
        grant.silent_since is not None
        and waited > _UNANSWERED_MAX * turn.settings.lease.renew_deadline
    ):
        turn.set(refusal="etcd does not answer")
        return Progress.FAILED
    if isinstance(grant.request, ChangeStanding) or not etcd.is_asked_since(turn, since):
        return Progress.BUSY
    why = pending(turn)
    if not why and record is not None and record.epoch >= epoch:
        why = f"etcd has granted epoch {record.epoch} meanwhile"
    if why:
        turn.set(refusal=why)
        return Progress.FAILED
    return Progress.BUSY


def committed(turn: Turn) -> Progress:
    """Whether the arbiter agrees that what is written from now on counts, with the peer's copy or without it."""
    attempt = turn.state.attempt
    assert attempt is not None  # noqa: S101
    match turn.settings.arbiter:
        case ArbiterKind.ETCD:
            is_agreed = turn.state.grant.is_void or etcd.has_committed(turn)
            return Progress.REACHED if is_agreed else Progress.BUSY
        case ArbiterKind.FENCE:
            if attempt.keeps_peer or fencing.is_out(turn) or fencing.is_vouched_for(turn):
                return Progress.REACHED
            return fencing.proved(turn)
        case ArbiterKind.PING | ArbiterKind.NONE:
            return Progress.REACHED


def may_drop(turn: Turn) -> bool:
    """Whether the peer's copy may be let go now: from then on this node's is the only one that counts."""
    dropping = turn.state.dropping
    assert dropping is not None  # noqa: S101
    match turn.settings.arbiter:
        case ArbiterKind.ETCD:
            record = turn.state.grant.record
            if turn.state.grant.is_void or etcd.is_alone(turn):
                return True
            own = {lineage for _, lineage in record.lineages} if record is not None else set()
            is_done = record is not None and record.in_sync == (turn.settings.node,)
            return is_done and own == {dropping.lineage}
        case ArbiterKind.FENCE:
            return fencing.is_out(turn)
        case ArbiterKind.PING | ArbiterKind.NONE:
            return True


def counts_peer(turn: Turn) -> bool:
    """Whether the arbiter counts the peer's copy as one that may be promoted."""
    return turn.settings.arbiter is not ArbiterKind.ETCD or etcd.counts_peer(turn)


def counts_own(turn: Turn) -> bool:
    """Whether the arbiter counts this node's copy as one that may be promoted."""
    record = turn.state.grant.record
    is_asked = turn.settings.arbiter is ArbiterKind.ETCD
    return not is_asked or (record is not None and turn.settings.node in record.in_sync)


def released(turn: Turn) -> Progress:
    """Whether the grant is given back, or has run out by itself."""
    if turn.settings.arbiter is not ArbiterKind.ETCD:
        return Progress.REACHED
    grant = turn.state.grant
    end = grant.lease_until
    if not etcd.holds(turn) or grant.is_void or end is None or turn.now >= end:
        turn.set(grant=replace(turn.state.grant, is_void=False))
        return Progress.REACHED
    return Progress.BUSY
