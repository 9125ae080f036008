"""How does a primary take the peer's copy back, online, and when is it called in sync?

The secondary records in_sync first, then the primary, then the arbiter: between them nobody claims more than is true.
"""

from dataclasses import replace

from hafailover.group import parting
from hafailover.group.actions import AlertKind, RaiseAlert, ResolveAlert, Severity
from hafailover.group.contact import REPLICATION, group_verdict, heard_networks
from hafailover.group.exports import every_unit, peer_export, sessions_behind, sessions_open
from hafailover.group.parting import are_counters_recorded, record_counters
from hafailover.group.report import CopyReport, GroupReport, PeerWish, Role
from hafailover.group.settings import ArbiterKind, Automatism
from hafailover.group.state import RebuildStart
from hafailover.group.turn import Turn
from hafailover.group.work import Progress, pursue, settle
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE, Verdict
from hafailover.lineage.record import CopyState
from hafailover.storage.pairing import plan_paired
from hafailover.storage.view import VolumeView

_REBUILDABLE = (Verdict.MINE, Verdict.EITHER, Verdict.IDENTICAL)


def is_given_up(turn: Turn) -> bool:
    """Whether so many rebuilds failed in a row that an operator is asked."""
    pairing = turn.state.pairing
    return pairing.failures >= turn.settings.rebuild.attempts and not pairing.is_ordered


def awaits_word(turn: Turn) -> bool:
    """Whether the peer's copy could be rebuilt, and an operator has to say so first (``rejoin: manual``)."""
    report = turn.peer_report
    if turn.settings.rejoin is not Automatism.MANUAL or turn.state.pairing.is_ordered:
        return False
    return (
        report is not None
        and report.role is Role.STANDBY
        and not turn.state.pairing.units
        and _is_rebuildable(turn, report)
    )


def _is_rebuildable(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer's copy may be overwritten, and its images are large enough for that.

    One that is still to be enlarged can take in nothing, and would be called a mixture all the same: that is no copy to
    fall back on, and none that may be enlarged.
    """
    sizes = {name: copy.size_bytes for name, copy in report.copies}
    if any(0 < sizes.get(each.name, 0) < each.size_bytes for each in turn.settings.volumes):
        return False
    return group_verdict(turn, report) in _REBUILDABLE


def advance(turn: Turn) -> None:
    """Do the next thing towards two copies in sync."""
    report = turn.peer_report
    views = turn.views()
    if _hangs_unseen(turn):
        _give_up_unseen(turn)
        return
    if views is None or report is None or not turn.state.is_durable:
        return
    if not wants_peer(turn, report) and not turn.state.pairing.units:
        return
    if is_in_sync(turn):
        return
    if all(view.has_two_active for view in views):
        _finish(turn, views, report)
        return
    if not turn.state.pairing.units and not _is_offered(turn, report):
        return
    _pair(turn, views, report)


def _hangs_unseen(turn: Turn) -> bool:
    """Whether the looks hang since the peer's copy was to be attached, or is rebuilt: behind its ggate, it seems.

    A copy in sync is never let go this way, without a claim on record.
    """
    state = turn.state
    if (
        not state.pairing.peer_boot
        or is_in_sync(turn)
        or state.dropping is not None
        or state.work is not None
    ):
        return False
    return (
        turn.views() is None and turn.now - state.seen_at > 2 * turn.settings.timers.canary_patience
    )


def _give_up_unseen(turn: Turn) -> None:
    """Destroy before observe: the readers of the GEOM tree wait for that ggate, and nobody else would ever end it.

    What was open at the peer may be behind it, though the peer be silent now: none of that is used again.
    """
    known, last = turn.state.pairing.sessions, turn.state.peer.report
    behind = sessions_open(last) if last is not None else ()
    sessions = tuple(dict.fromkeys((*known, *behind)))
    pairing = replace(turn.state.pairing, units=every_unit(turn), sessions=sessions)
    turn.set(pairing=pairing)
    reason = "the storage cannot be seen since the peer's copy was to be attached"
    turn.note(reason)
    parting.leave_behind(turn, reason)


def is_in_sync(turn: Turn) -> bool:
    """Whether the records say that both copies are in service, and in sync."""
    return turn.state.is_in_sync


def wants_peer(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer's copy shall be rebuilt now."""
    state = turn.state
    if report.role is not Role.STANDBY or report.is_leaving or state.is_stopping:
        return False
    if REPLICATION not in heard_networks(turn) or REPLICATION not in report.hears:
        return (
            False  # Nothing could be copied now: a stale copy is better than one that says syncing.
        )
    if not _is_rebuildable(turn, report):
        return False
    pairing = state.pairing
    if turn.settings.rejoin is Automatism.MANUAL and not pairing.is_ordered:
        return False
    if is_given_up(turn):
        return False
    return pairing.retry_at is None or turn.now >= pairing.retry_at


def wish(turn: Turn) -> PeerWish:
    """Return what this node wants of the peer's copies now."""
    state = turn.state
    if _waits_for_its_word(turn):
        return PeerWish.RECORD_STALE
    if (
        state.role is Role.PROMOTING
        and state.attempt is not None
        and state.attempt.token is not None
    ):
        return PeerWish.CONNECT
    if (
        state.role is Role.PROMOTING
        and state.attempt is not None
        and turn.settings.arbiter is ArbiterKind.FENCE
        and state.attempt.commit_lineage
        and not state.attempt.keeps_peer
    ):
        return PeerWish.RECORD_STALE  # By its word the peer need not be powered off.
    report = turn.peer_report
    if state.role is not Role.PRIMARY or report is None or not state.is_durable:
        return PeerWish.NOTHING
    if state.dropping is not None:
        # Until etcd has agreed its copy counts, and is needed: who stops waits for this word.
        is_decided = state.dropping.is_granted or state.dropping.is_claimed
        is_awaited = turn.settings.arbiter is ArbiterKind.ETCD and not is_decided
        return PeerWish.NOTHING if is_awaited else PeerWish.RECORD_STALE
    if is_in_sync(turn):
        return PeerWish.NOTHING
    views = turn.views()
    if state.pairing.units and views is not None and _are_complete(turn, views):
        return PeerWish.RECORD_IN_SYNC
    if state.pairing.units:
        return PeerWish.REBUILD
    if _is_behind(turn, report):
        return PeerWish.RECORD_STALE
    return PeerWish.REBUILD if wants_peer(turn, report) else PeerWish.NOTHING


def _waits_for_its_word(turn: Turn) -> bool:
    """Whether a copy is being let go that a fence device's shot is needed for, unless the peer gives its word.

    Not if this node's own copy may be the one that is lost: then the peer's is the newest.
    """
    dropping, demotion = turn.state.dropping, turn.state.demotion
    if turn.settings.arbiter is not ArbiterKind.FENCE or dropping is None or dropping.is_granted:
        return False
    if not turn.state.is_durable:
        return False
    return demotion is None or not (demotion.is_local_lost or demotion.is_own_doubted)


def _are_complete(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Whether the peer may call its copies in sync: with that it takes over which counters the mirrors have."""
    return are_counters_recorded(turn, views) and all(view.has_two_active for view in views)


def _is_behind(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer must learn that this node went on without its copy."""
    if group_verdict(turn, report) is not Verdict.MINE:
        return False
    for _, copy in report.copies:
        record = copy.record
        if record.copy in USABLE or (record.copy is CopyState.STALE and record.is_open):
            return True
        if (
            record.is_open
            and record.session.removeprefix(changes.EXPORT) in turn.state.spent_sessions
        ):
            return True
    return False


def _is_offered(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer has recorded syncing and exports every volume in one session each."""
    copies = dict(report.copies)
    return all(
        volume.name in copies
        and copies[volume.name].export is not None
        and copies[volume.name].record.copy is CopyState.SYNCING
        and not _is_spent(turn, copies[volume.name])
        for volume in turn.settings.volumes
    )


def _is_spent(turn: Turn, copy: CopyReport) -> bool:
    return copy.export is not None and copy.export.session in turn.state.spent_sessions


def _pair(turn: Turn, views: tuple[VolumeView, ...], report: GroupReport) -> None:
    state = turn.state
    if not state.pairing.peer_boot:
        turn.set(pairing=replace(state.pairing, peer_boot=report.boot))
        turn.do(
            RaiseAlert(
                kind=AlertKind.REBUILD_STARTED,
                severity=Severity.NOTE,
                text=f"the copy of {turn.settings.peer} is being rebuilt",
            )
        )
    for view in views:
        _note_unit(turn, view)
        export = peer_export(turn, view)
        if export is None:
            return
        progress = pursue(turn, plan_paired(view, turn.state.tries, export))
        if progress is Progress.FAILED:
            reason = f"the peer's copy cannot be taken in: {turn.state.refusal}"
            turn.note(reason)
            settle(turn)
            if turn.state.pairing.inserted:
                parting.drop(turn, reason)
            else:
                parting.leave_behind(turn, reason)
        if progress is not Progress.REACHED:
            return


def note_progress(turn: Turn) -> None:
    """Remember when and where each rebuild was first seen, on either side; forget it when none is seen any more."""
    percents = _percents(turn)
    if not percents and not turn.state.rebuilds:
        return
    known = {each.volume: each for each in turn.state.rebuilds}
    kept = []
    for volume, percent in percents:
        old = known.get(volume)
        is_same = old is not None and old.percent <= percent
        fresh = RebuildStart(volume=volume, at=turn.now, percent=percent)
        kept.append(old if old is not None and is_same else fresh)
    if tuple(kept) != turn.state.rebuilds:
        turn.set(rebuilds=tuple(kept))


def _percents(turn: Turn) -> tuple[tuple[str, int], ...]:
    """Return how far each rebuild is: as this node sees it, or as the primary says."""
    if turn.state.role is Role.PRIMARY:
        if is_in_sync(turn):
            return ()
        found = [
            (view.settings.name, view.remote.synchronized_percent)
            for view in turn.views() or ()
            if view.remote is not None
        ]
    else:
        report = turn.peer_report
        found = [(name, copy.progress_percent) for name, copy in (report.copies if report else ())]
    return tuple((name, percent) for name, percent in found if percent is not None)


def _note_unit(turn: Turn, view: VolumeView) -> None:
    """Remember which ggate units are in use: what to destroy when nothing can be observed any more."""
    inserted = turn.state.pairing.inserted
    if view.remote is not None and view.settings.name not in inserted:
        turn.set(pairing=replace(turn.state.pairing, inserted=(*inserted, view.settings.name)))
    known = turn.state.pairing.units
    for gate in view.gates:
        if (view.settings.name, gate.unit) not in known:
            known = (*known, (view.settings.name, gate.unit))
            # Writes wait for the peer from now on: the canary counts from here.
            turn.set(
                canaries=tuple((name, turn.now) for name, _ in turn.state.canaries),
                progress=tuple((name, turn.now) for name, _ in turn.state.canaries),
            )
    if known != turn.state.pairing.units:
        turn.set(
            pairing=replace(turn.state.pairing, units=known, sessions=sessions_behind(view, turn))
        )


def told(turn: Turn, report: GroupReport) -> None:
    """Take note that the peer was asked to record that it is in sync: its record may say so before its next report."""
    is_asked = any(each is PeerWish.RECORD_IN_SYNC for _, each in report.wishes)
    if is_asked and not turn.state.pairing.is_told:
        turn.set(pairing=replace(turn.state.pairing, is_told=True))


def _finish(turn: Turn, views: tuple[VolumeView, ...], report: GroupReport) -> None:
    """Both copies are ACTIVE everywhere; once the peer has recorded it, this node does."""
    for view in views:
        _note_unit(turn, view)
    if not are_counters_recorded(turn, views):
        record_counters(turn, views)
        return
    copies = dict(report.copies)
    for name, record in turn.state.records:
        theirs = copies[name].record if name in copies else None
        if (
            theirs is None
            or theirs.copy is not CopyState.IN_SYNC
            or theirs.lineage != record.lineage
        ):
            return
    turn.change_records(lambda _, record: changes.peer_joined(record))
    record_counters(turn, views)
    turn.set(
        in_sync_since=turn.now,
        unprotected_since=None,
        refusal="",
        pairing=replace(turn.state.pairing, failures=0, retry_at=None, is_ordered=False),
    )
    turn.do(
        ResolveAlert(kind=AlertKind.PEER_LOST, text="both copies are in sync again"),
        RaiseAlert(
            kind=AlertKind.REBUILD_FINISHED, severity=Severity.NOTE, text="both copies are in sync"
        ),
    )
