"""Which change of etcd's two texts does this node want now? Derived from what it is about, and from the texts."""

from dataclasses import replace

from hafailover.arbiter.record import (
    ArbiterRecord,
    Change,
    Holder,
    Phase,
    encode_holder,
    encode_record,
)
from hafailover.arbiter.requests import ChangeStanding, Purpose
from hafailover.group import promises
from hafailover.group.report import Role
from hafailover.group.turn import Turn
from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND


def wanted(turn: Turn) -> ChangeStanding | None:
    """Return the change that the holder of the grant wants next, apart from renewing it."""
    state = turn.state
    match state.role:
        case Role.PROMOTING:
            return _dropping(turn) or _committing(turn)
        case Role.PRIMARY:
            return _dropping(turn) or _adding(turn) or _reminding(turn)
        case Role.DEMOTING:
            demotion = state.demotion
            is_closed = demotion is not None and demotion.is_closed
            return _releasing(turn) if is_closed else _dropping(turn) or _leaving(turn)
        case Role.STANDBY:
            return _releasing(turn)  # A grant that came after this node had given up asking for it.
        case _:
            return None


def taking(turn: Turn) -> ChangeStanding | None:
    """Return the change by which this node takes the grant that nobody holds; None if it must not."""
    state = turn.state
    record = _record(turn)
    if promises.binds(turn):
        return None
    attempt = state.attempt
    if state.role is Role.PROMOTING and attempt is not None and not attempt.is_committed:
        if attempt.epoch <= record.epoch or state.grant.is_void:
            return None
        taken = replace(record, epoch=attempt.epoch, phase=Phase.ACTIVATING, successor="")
        return _change(turn, Purpose.TAKE, taken, is_held=True)
    if state.role not in (Role.PRIMARY, Role.PROMOTING):
        return None
    if state.grant.is_void:
        epoch = max(record.epoch + 1, state.epoch)
        own = _alone(turn, replace(record, epoch=epoch, phase=Phase.SERVING))
        return _change(turn, Purpose.TAKE, own, is_held=True)
    is_own = record.epoch == state.epoch and record.phase is Phase.SERVING
    if not is_own or turn.settings.node not in record.in_sync:
        return None
    return _change(turn, Purpose.RETAKE, record, is_held=True)


def renewal(turn: Turn) -> ChangeStanding:
    """Return the change that puts the grant on a fresh lease."""
    return _change(turn, Purpose.RENEW, _record(turn), is_held=True)


def _committing(turn: Turn) -> ChangeStanding | None:
    """Say that what this node writes from now on counts; with a token the peer's copy stays in the set."""
    record = _record(turn)
    serving = committed(turn, record)
    return None if serving == record else _change(turn, Purpose.COMMIT, serving)


def committed(turn: Turn, record: ArbiterRecord) -> ArbiterRecord:
    """Return what the commit of this promotion makes of ``record``: the same if it is made, or not asked for."""
    attempt = turn.state.attempt
    if attempt is None or not attempt.commit_lineage or attempt.is_committed:
        return record
    serving = replace(record, phase=Phase.SERVING)
    if attempt.keeps_peer:
        return serving
    lineages = tuple((name, attempt.commit_lineage) for name, _ in turn.state.records)
    return replace(serving, in_sync=(turn.settings.node,), lineages=tuple(sorted(lineages)))


def _dropping(turn: Turn) -> ChangeStanding | None:
    """Take the peer out of the set, with the lineage that this node goes on under.

    Not once this node may be reset at any moment: the peer's copy has to go on counting, unless it lacks something.
    """
    dropping, demotion = turn.state.dropping, turn.state.demotion
    record = _record(turn)
    if dropping is None or dropping.is_granted or record.phase is not Phase.SERVING:
        return None
    if demotion is not None and demotion.is_isolated and not dropping.is_claimed:
        return None
    lineages = tuple((name, dropping.lineage) for name, _ in turn.state.records)
    alone = replace(record, in_sync=(turn.settings.node,), lineages=tuple(sorted(lineages)))
    return None if alone == record else _change(turn, Purpose.DROP, alone)


def _adding(turn: Turn) -> ChangeStanding | None:
    """Take the peer into the set, once both nodes have recorded that their copies are in sync."""
    record = _record(turn)
    own = _lineages(turn)
    both = tuple(sorted((turn.settings.node, turn.settings.peer)))
    if turn.state.dropping is not None or not turn.state.is_in_sync:
        return None
    if not turn.state.is_durable or (record.in_sync == both and record.lineages == own):
        return None
    return _change(turn, Purpose.ADD, replace(record, in_sync=both, lineages=own))


def _reminding(turn: Turn) -> ChangeStanding | None:
    """Say again that only this node's copy counts, to an etcd that was restored and has forgotten it."""
    record, state = _record(turn), turn.state
    is_sole = all(each.copy is CopyState.SOLE for _, each in state.records)
    if not is_sole or not state.is_durable or state.dropping is not None:
        return None
    if record.phase is not Phase.SERVING or record.epoch != state.epoch:
        return None
    alone = _alone(turn, record)
    is_known = (alone.in_sync, alone.lineages) == (record.in_sync, record.lineages)
    return None if is_known else _change(turn, Purpose.DROP, alone)


def _leaving(turn: Turn) -> ChangeStanding | None:
    """Take this node out of the set: its own copy failed, and the peer's was seen whole and recorded in sync."""
    demotion, record = turn.state.demotion, _record(turn)
    if demotion is None or not demotion.is_local_lost or not turn.state.is_durable:
        return None
    if record.phase is not Phase.SERVING or record.in_sync == (turn.settings.peer,):
        return None
    return _change(turn, Purpose.LEAVE, _of_peer(turn, record))


def _of_peer(turn: Turn, record: ArbiterRecord) -> ArbiterRecord:
    return replace(record, in_sync=(turn.settings.peer,), lineages=_lineages(turn))


def _releasing(turn: Turn) -> ChangeStanding:
    """Give the grant back, and say which copies hold what counts."""
    record = replace(_record(turn), phase=Phase.IDLE)
    demotion = turn.state.demotion
    copies = {each.copy for _, each in turn.state.records}
    others = tuple(each for each in record.in_sync if each != turn.settings.node)
    if copies == {CopyState.SOLE}:
        record = _alone(turn, record)
    elif demotion is not None and demotion.is_local_lost:
        record = _of_peer(turn, record)
    elif any(each not in USABLE for each in copies) and others:
        record = replace(record, in_sync=others)
    successor = demotion.successor if demotion is not None else ""
    return _change(turn, Purpose.RELEASE, replace(record, successor=successor), is_released=True)


def _alone(turn: Turn, record: ArbiterRecord) -> ArbiterRecord:
    return replace(record, in_sync=(turn.settings.node,), lineages=_lineages(turn))


def _lineages(turn: Turn) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, record.lineage) for name, record in turn.state.records))


def _record(turn: Turn) -> ArbiterRecord:
    record = turn.state.grant.record
    assert record is not None  # noqa: S101
    return record


def _change(
    turn: Turn,
    purpose: Purpose,
    record: ArbiterRecord,
    *,
    is_held: bool = False,
    is_released: bool = False,
) -> ChangeStanding:
    """Bind the change to both texts as they were read; every change and every renewal has a nonce of its own."""
    standing = turn.state.grant.standing
    before = standing.record
    assert before is not None  # noqa: S101
    node, boot = turn.settings.node, turn.state.boot
    after = before
    if record != turn.state.grant.record or purpose is not Purpose.RENEW:
        changed = Change(node=node, boot=boot, nonce=turn.mint())
        after = encode_record(replace(record, changed=changed))
    holder = standing.holder
    if is_held:
        holder = encode_holder(Holder(node=node, boot=boot, epoch=record.epoch, nonce=turn.mint()))
    elif is_released:
        holder = None
    return ChangeStanding(
        purpose=purpose,
        record_before=before,
        record_after=after,
        holder_before=standing.holder,
        holder_after=holder,
        lease_s=turn.settings.lease.lease // SECOND if is_held else 0,
    )
