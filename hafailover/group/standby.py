"""What does a node do that does not serve?

It closes what it finds, offers its image when the primary asks, and marks its own copy for what it is. It never touches
a copy against its own reading of the two records.
"""

from hafailover.group import (
    addresses,
    arbiters,
    candidacy,
    claims,
    demotion,
    drilling,
    following,
    leaving,
    promotion,
    resolving,
    routers,
)
from hafailover.group.actions import WatchImage
from hafailover.group.contact import group_verdict
from hafailover.group.exports import sessions_open
from hafailover.group.report import GroupReport, HandoverToken, PeerWish, Role
from hafailover.group.turn import Turn, first, put
from hafailover.group.undertakings import Demotion
from hafailover.group.work import Progress, pursue, settle, try_again_later
from hafailover.lineage import changes
from hafailover.lineage.compare import BEHIND, USABLE, Verdict, is_safe_with
from hafailover.lineage.record import CopyState
from hafailover.storage.closing import plan_closed, plan_marked
from hafailover.storage.exporting import plan_exported
from hafailover.storage.tries import Tries
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND, later

_OFFER_RETRY = 2 * SECOND
_OFFER_RETRY_LIMIT = 300 * SECOND
_ASKING = (Role.PRIMARY, Role.PROMOTING)
_YIELDED_TO = (Role.PROMOTING, Role.DEMOTING, Role.STARTING)
"""A peer in these roles that asks for this node's word is about to go on without its copy, as a primary may."""
_DONE = (Role.STANDBY, Role.STOPPED, Role.FENCED)
"""A peer in these roles uses no export any more. While it demotes, the mirror still needs this node's copy."""


def advance(turn: Turn) -> None:
    """Do the next thing that a standby needs."""
    addresses.keep_down(turn)
    report = turn.peer_report
    if report is not None:
        following.note(turn, report)
    drilling.advance_giving_up(turn, report)
    candidacy.update(turn)
    if _take_over(turn):
        return
    _judge_copies(turn, report)
    if leaving.advance(turn, report):
        return
    views = turn.views()
    if views is None or not turn.state.is_durable:
        return
    if _found_leftovers(turn, views):
        return
    if drilling.advance_withdrawal(turn, views):
        return
    wish = _wish(turn, report)
    if wish is PeerWish.REBUILD:
        _offer(turn, views, is_rebuild=True)
    elif wish is PeerWish.CONNECT:
        _offer(turn, views, is_rebuild=False)
    elif (report is not None and report.role in _DONE and _any_open(turn)) or (
        (wish is PeerWish.RECORD_STALE or turn.state.resolving is not None) and _any_open(turn)
    ):
        _withdraw(turn, views)


def _take_over(turn: Turn) -> bool:
    """Begin to promote with a token, or when the election is won."""
    report = turn.peer_report
    token = report.token if report else None
    if token is not None and _is_valid(turn, token) and not candidacy.refusal(turn, has_token=True):
        promotion.begin(
            turn, f"{turn.settings.peer} handed the group over", epoch=token.epoch, token=token
        )
        return True
    routers.set_candidacy(turn, is_candidate=not turn.state.candidacy_refusal)
    if turn.state.is_candidate and routers.is_any_master(turn):
        reason = (
            f"won the election; {turn.settings.peer} agreed"
            if report
            else f"{turn.settings.peer} is silent on every channel"
        )
        promotion.begin(
            turn,
            reason,
            epoch=candidacy.epoch_to_take(turn),
            is_failover=report is None or turn.state.peer.has_served,
        )
        return True
    return False


def _is_valid(turn: Turn, token: HandoverToken) -> bool:
    state = turn.state
    mine = tuple((name, record.lineage) for name, record in state.durable)
    return (
        token.successor == turn.settings.node
        and token.to_boot == state.boot
        and token.epoch > max(state.epoch, state.token_spent)
        and sorted(token.lineages) == sorted(mine)
        and all(record.copy is CopyState.IN_SYNC for _, record in state.durable)
    )


def _judge_copies(turn: Turn, report: GroupReport | None) -> None:
    """Record what the arbiter and the meeting say of this node's copy, one durable word after the other."""
    if turn.state.is_durable:
        arbiters.judge_own_copy(turn)
    if report is not None and turn.state.is_durable:
        resolving.advance(turn, report)
    if report is not None and turn.state.is_durable:
        _judge_own_copy(turn, report)


def _judge_own_copy(turn: Turn, report: GroupReport) -> None:
    """Record what the meeting shows about this node's copy: that the peer went on without it, or divergence."""
    verdict = group_verdict(turn, report)
    if turn.state.verdict != verdict.value:
        turn.set(verdict=verdict.value)
    if verdict is Verdict.DIVERGED:
        turn.change_records(
            lambda _, record: (
                changes.diverged(
                    record, f"each of the two nodes wrote alone (met {turn.settings.peer})"
                )
                if record.copy in USABLE
                else record
            )
        )
        return
    wishes = first(report.wishes, turn.settings.volumes[0].name)
    told = report.role is Role.PRIMARY and wishes is PeerWish.RECORD_STALE
    if report.role is not Role.PRIMARY and wishes is PeerWish.RECORD_STALE and yield_copy(turn):
        return
    copies = dict(report.copies)
    outrun = any(
        volume in copies and record.lineage in copies[volume].record.ancestors
        for volume, record in turn.state.durable
    )
    if (told or outrun) and verdict in (Verdict.THEIRS, Verdict.EITHER, Verdict.IDENTICAL):
        turn.change_records(
            lambda _, record: (
                changes.outrun(record)
                if record.copy in (CopyState.IN_SYNC, CopyState.TOUCHED, CopyState.SOLE)
                else record
            )
        )


def yield_copy(turn: Turn) -> bool:
    """The peer is about to go on without this copy: with a fence device this node's word for it spares a shot.

    It is given only to a copy that holds every acknowledged write as this one does. Return whether it is given.
    """
    report = turn.peer_report
    if report is None or report.role not in _YIELDED_TO:
        return False
    if first(report.wishes, turn.settings.volumes[0].name) is not PeerWish.RECORD_STALE:
        return False
    theirs = dict(report.copies)
    is_safe = all(
        # What is behind already is nothing to be given up.
        volume in theirs and (is_safe_with(theirs[volume].record, record) or record.copy in BEHIND)
        for volume, record in turn.state.durable
    )
    if is_safe:
        turn.change_records(
            lambda _, record: record if record.copy in BEHIND else changes.outrun(record)
        )
    return is_safe


def _wish(turn: Turn, report: GroupReport | None) -> PeerWish:
    """Return what the primary wants of this node's copies, if it is entitled to want it."""
    if report is None or report.role not in _ASKING or turn.state.is_stopping:
        return PeerWish.NOTHING
    wishes = {wish for _, wish in report.wishes} or {PeerWish.NOTHING}
    if len(wishes) != 1:
        return PeerWish.NOTHING
    wish = wishes.pop()
    verdict = group_verdict(turn, report)
    if wish is PeerWish.RECORD_IN_SYNC:
        _record_in_sync(turn, report)
        return PeerWish.NOTHING
    if wish is PeerWish.REBUILD and verdict not in (
        Verdict.THEIRS,
        Verdict.EITHER,
        Verdict.IDENTICAL,
    ):
        turn.set(refusal=f"{turn.settings.peer} wants to rebuild this copy, but {verdict.value}")
        return PeerWish.NOTHING
    # Two copies that a ggated may write at once would both be stale after a power cut of both hosts.
    if wish is PeerWish.CONNECT and (sessions_open(report) or not _gave_token_for(turn, report)):
        return PeerWish.NOTHING
    return wish


def _gave_token_for(turn: Turn, report: GroupReport) -> bool:
    token = turn.state.token_given
    return (
        token is not None
        and report.epoch == token.epoch
        and report.boot == token.to_boot
        and turn.state.boot == token.from_boot
    )


def _record_in_sync(turn: Turn, report: GroupReport) -> None:
    """The primary saw this copy complete: record its lineage with in_sync, if the very session still runs here."""
    views = turn.views()
    copies = dict(report.copies)
    if views is None:
        return
    for view in views:
        name = view.settings.name
        record, theirs = turn.state.record(name), copies.get(name)
        session = first(turn.state.sessions, name)
        if (
            theirs is None
            or session is None
            or record.session != changes.EXPORT + session
            or view.export_sessions() != {session}
        ):
            return
    turn.change_records(
        lambda name, record: (
            changes.joined(record, copies[name].record)
            if record.copy is CopyState.SYNCING
            else record
        )
    )


def _offer(turn: Turn, views: tuple[VolumeView, ...], *, is_rebuild: bool) -> None:
    """Bring every volume into an export session of its own; the record says so before the first byte can come in."""
    state = turn.state
    if state.offer_at is not None and turn.now < state.offer_at:
        return
    if any(first(state.sessions, view.settings.name) is None for view in views):
        _begin_sessions(turn, views, is_rebuild=is_rebuild)
        return
    for view in views:
        name = view.settings.name
        session: str = first(state.sessions, name)
        plan = plan_exported(
            view,
            state.tries,
            session=session,
            directory=turn.settings.export_directory,
            own_address=turn.settings.own_replication_address,
            peer_address=turn.settings.peer_replication_address,
        )
        progress = pursue(turn, plan)
        if progress is Progress.FAILED:
            _put_offer_off(turn)
        if progress is not Progress.REACHED:
            return
        turn.set(offer_failures=0, offer_at=None, offer_problem="")
        if first(state.synced_images, name) is None:
            turn.do(WatchImage(volume=name, image=view.settings.image, is_on=True))
            turn.set(synced_images=put(turn.state.synced_images, name, turn.now))


def _put_offer_off(turn: Turn) -> None:
    """Try again with a fresh session, later each time; the record still says open, as it must."""
    failures = turn.state.offer_failures + 1
    wait = min(_OFFER_RETRY << min(failures - 1, 8), _OFFER_RETRY_LIMIT)
    turn.note(f"the image cannot be offered: {turn.state.refusal}")
    turn.set(
        sessions=(),
        offer_failures=failures,
        offer_at=later(turn.now, wait),
        offer_problem=turn.state.refusal,
        tries=Tries(),
    )


def _begin_sessions(turn: Turn, views: tuple[VolumeView, ...], *, is_rebuild: bool) -> None:
    for view in views:
        progress = pursue(turn, plan_closed(view, turn.state.tries, may_force=False))
        if progress is Progress.FAILED:
            try_again_later(turn)
        if progress is not Progress.REACHED:
            return
    sessions = tuple(
        (view.settings.name, f"{view.settings.mirror}-{turn.mint()[:8]}") for view in views
    )
    turn.set(sessions=sessions)
    settle(turn)
    turn.change_records(
        lambda name, record: changes.exported(
            record, session=dict(sessions)[name], boot=turn.state.boot, is_rebuild=is_rebuild
        )
    )


def _any_open(turn: Turn) -> bool:
    return any(record.is_open for _, record in turn.state.records)


def _withdraw(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """End the export and close the copy, as a demotion without anything mounted."""
    for view in views:
        turn.do(WatchImage(volume=view.settings.name, image=view.settings.image, is_on=False))
        progress = pursue(turn, plan_closed(view, turn.state.tries, may_force=False))
        if progress is Progress.FAILED:
            try_again_later(turn)
        if progress is not Progress.REACHED:
            return
    claims.claims_exported_writes(turn, views)
    closing = turn.state.demotion or Demotion(
        since=turn.now,
        reason="the export has ended",
        close_ids=tuple((view.settings.name, turn.mint()) for view in views),
    )
    turn.set(demotion=closing)
    turn.change_records(
        lambda name, record: changes.closing(record, first(closing.close_ids, name))
    )
    if not turn.state.is_durable or turn.state.write_problem:
        return
    for view in views:
        plan = plan_marked(view, first(closing.close_ids, view.settings.name))
        if pursue(turn, plan) is Progress.BUSY:
            return
    demotion.close(turn, views, closing.close_ids, clean=True)
    turn.set(demotion=None, sessions=(), synced_images=())
    settle(turn)


def _found_leftovers(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Demote whatever a standby must not have: a mount, a mirror, a gate, an attached image."""
    for view in views:
        if view.mirror or view.disks or view.gates or view.is_mounted or view.device_mounts:
            demotion.begin(
                turn, f"{view.settings.name} was found up on a node that does not serve it"
            )
            return True
    return False
