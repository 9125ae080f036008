"""How does this node let go of a group? It fails closed: "demoted" is said only when it is seen.

Address down, services stopped, unmounted, mirror destroyed, ggate destroyed and its process ended, md detached, every
opener gone, image marked, record closed. If that cannot be seen within the limit, the host is reset.
"""

from dataclasses import replace

from hafailover.group import addresses, arbiters, claims, guard, routers, services, straits
from hafailover.group.actions import ResetHost, WatchCanary, WatchImage
from hafailover.group.report import HandoverToken, Role
from hafailover.group.turn import Turn, first, put
from hafailover.group.undertakings import Demotion, Pairing
from hafailover.group.work import Progress, pursue, settle, try_again_later
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import ImageBinding, LineageRecord
from hafailover.storage.closing import plan_closed, plan_marked
from hafailover.storage.facts import TailKind
from hafailover.storage.view import VolumeView
from hafailover.units import later


def begin(
    turn: Turn,
    reason: str,
    *,
    successor: str = "",
    is_failure: bool = False,
    is_final: bool = False,
    is_forced: bool = False,
    is_isolated: bool = False,
    gives_up: bool = False,
) -> None:
    """Begin to demote: resign, take the address down, and watch the volumes only while services still write to them."""
    turn.become(Role.DEMOTING, reason)
    ids = tuple((volume.name, turn.mint()) for volume in turn.settings.volumes)
    turn.set(
        demotion=Demotion(
            since=turn.now,
            reason=reason,
            successor=successor,
            is_failure=is_failure,
            is_final=is_final,
            is_forced=is_forced,
            is_isolated=is_isolated,
            gives_up=gives_up,
            close_ids=ids,
            synced=turn.state.attempt.synced if turn.state.attempt is not None else (),
        ),
        attempt=None,
        giving_up_since=None,
        dropping=turn.state.dropping if _is_to_be_ended(turn) else None,
        intent=0,
        consent=0,
        in_sync_since=None,
        loss_at=None,
    )
    turn.change_records(lambda name, record: changes.closing(record, dict(ids)[name]))
    routers.resign(turn)
    addresses.take_down(turn)
    if is_forced or not services.is_any_up(turn):
        stop_watching(turn)
    settle(turn)
    turn.set(must_look=True, look_at=None, ask_openers=())


def _is_to_be_ended(turn: Turn) -> bool:
    """Whether what was begun to be let go is gone on with.

    What the arbiter was asked for is carried out, or given up with the grant. And beside a copy that is gone already it
    has still to be seen whether this node's own one was lost before it.
    """
    dropping = turn.state.dropping
    return arbiters.is_strict(turn) or (dropping is not None and bool(dropping.destroyed))


def stop_watching(turn: Turn) -> None:
    """End the canaries: nothing of the agent's own may keep a volume busy."""
    for volume in turn.settings.volumes:
        turn.do(WatchCanary(volume=volume.name, mount_point=volume.mount_point, is_on=False))
        turn.do(WatchImage(volume=volume.name, image=volume.image, is_on=False))
    turn.set(canaries=(), canary_errors=(), canary_problem="")
    turn.set(synced_images=(), image_failed_at=None)


def advance(turn: Turn) -> None:
    """Do the next thing that a demotion needs."""
    straits.notice_isolation(turn)
    straits.notice_successor(turn)
    if straits.is_overdue(turn):
        why = turn.state.refusal or turn.state.why
        reset(turn, f"the demotion cannot be shown to be complete: {why}")
        return
    demotion = turn.state.demotion
    assert demotion is not None  # noqa: S101
    if demotion.is_forced:
        straits.ends_users(turn)
    straits.end_check(turn)
    if turn.state.canaries:
        claims.note_own_lost(turn, turn.views() or ())
    straits.free_stuck(turn)
    if turn.state.addressing is not None or turn.state.must_look:
        return
    if addresses.are_down(turn) is False and not _gives_addresses_up(turn):
        addresses.take_down(turn)
        return
    demotion = turn.state.demotion
    assert demotion is not None  # noqa: S101
    if not demotion.is_forced and services.stop_all(turn) is not Progress.REACHED:
        return
    _begin_storage(turn)
    views = turn.views()
    if views is None:
        return
    claims.see_identical(turn, views)
    if claims.claims_private_writes(turn, views) or not _may_destroy(turn):
        return
    claims.soften(turn, views)
    for view in views:
        progress = pursue(
            turn, plan_closed(view, turn.state.tries, may_force=True, in_haste=demotion.is_forced)
        )
        if progress is Progress.FAILED:
            try_again_later(turn)
        if progress is not Progress.REACHED:
            return
    _finish(turn, views)


def _gives_addresses_up(turn: Turn) -> bool:
    """Whether an address stays, whatever is done: what is behind it is closed all the same, or nobody could serve."""
    demotion = turn.state.demotion
    assert demotion is not None  # noqa: S101
    since = demotion.address_stays_since
    if since is None:
        turn.set(demotion=replace(demotion, address_stays_since=turn.now))
    if since is None or turn.now - since <= turn.settings.timers.demote_deadline // 2:
        return False
    turn.set(refusal="a virtual address cannot be taken off the interface")
    return True


def _begin_storage(turn: Turn) -> None:
    """From here on the limit counts: services have deadlines of their own, and as much time as these allow."""
    demotion = turn.state.demotion
    if demotion is None or demotion.storage_since is not None:
        return
    turn.set(demotion=replace(demotion, storage_since=turn.now))
    if turn.state.canaries:
        stop_watching(turn)
        # What the kernel has done to the copies while the services ended is to be seen before anything is destroyed.
        turn.set(must_look=True, look_at=None)


def _may_destroy(turn: Turn) -> bool:
    """Whether what the records say is on disk, or cannot be brought there: then they say less than is true."""
    return turn.state.is_durable or bool(turn.state.write_problem)


def reset(turn: Turn, reason: str) -> None:
    """Give this host up: nothing more is acknowledged."""
    turn.become(Role.FENCED, reason)
    turn.do(ResetHost(reason=reason))


def _finish(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    demotion = turn.state.demotion
    assert demotion is not None  # noqa: S101
    if any(turn.state.record(view.settings.name).is_open for view in views):
        if claims.claims_exported_writes(turn, views):
            return
        for view in views:
            if not turn.state.write_problem and _is_bound(
                turn.state.record(view.settings.name), view
            ):
                plan = plan_marked(view, first(demotion.close_ids, view.settings.name))
                if pursue(turn, plan) is Progress.BUSY:
                    return
        close(turn, views, demotion.close_ids, clean=not demotion.is_forced)
        return
    if turn.state.is_durable:
        _leave(turn, demotion)
    elif turn.state.write_problem:
        # On disk the copies are still called open: that costs a rebuild at most, a host reset would cost more.
        turn.note(f"the closing cannot be recorded: {turn.state.write_problem}")
        _leave(turn, replace(demotion, successor=""))


def close(
    turn: Turn,
    views: tuple[VolumeView, ...],
    close_ids: tuple[tuple[str, str], ...],
    *,
    clean: bool,
) -> None:
    """State that the images were seen closed and carry this closing's marker."""
    demotion = turn.state.demotion
    for view in views:
        record = turn.state.record(view.settings.name)
        image = view.image
        if not record.is_open or image is None:
            continue
        marked = image.tail is TailKind.MARKER and image.marker == first(
            close_ids, view.settings.name
        )
        if record.binding is None or not marked:
            # The marker could not be written: the record keeps its old binding and is closed all the same.
            changed = replace(record, session="", clean=False)
            is_synced = demotion is not None and view.settings.name in demotion.synced
            if changes.is_exported(record) and record.copy in USABLE and not is_synced:
                # The marker is what fsyncs the image: without it, what ggated took may be in memory only.
                changed = changes.outrun(changed)
        else:
            binding = ImageBinding(
                device=image.device,
                inode=image.inode,
                size_bytes=image.size_bytes,
                birth_ns=image.birth_ns,
                close_id=image.marker,
            )
            was_active = changes.is_active(record)
            changed = changes.closed(
                record, clean=clean and (was_active or record.clean), binding=binding
            )
        successor = demotion.successor if demotion is not None else ""
        if not successor and changes.is_exported(record):
            # Whoever the group was released to may be about to serve it: to close this copy does not take that back.
            successor = record.released_to
        turn.set_records(put((), view.settings.name, changes.released(changed, successor)))


def _is_bound(record: LineageRecord, view: VolumeView) -> bool:
    """Only an image that the record belongs to is written to; a stranger's last sector is left alone."""
    image, bound = view.image, record.binding
    return (
        record.is_open
        and image is not None
        and bound is not None
        and (image.inode, image.size_bytes, image.birth_ns)
        == (bound.inode, bound.size_bytes, bound.birth_ns)
    )


def _leave(turn: Turn, demotion: Demotion) -> None:
    """Everything is seen closed and recorded: now the grant is given back, and "demoted" is said."""
    if not demotion.is_closed:
        named = demotion.successor
        is_identical = claims.are_all_identical(turn, demotion)
        report = turn.peer_report
        is_awaited = is_identical and report is not None and not report.is_leaving
        successor = named if is_awaited else ""
        demotion = replace(demotion, is_closed=True, successor=successor)
        turn.set(demotion=demotion, dropping=None)
        if successor != named:
            turn.change_records(lambda _, record: changes.released(record, ""))
        if demotion.gives_up and is_identical:
            turn.set(giving_up_since=turn.now)
        guard.disarm(turn)
    if arbiters.released(turn) is not Progress.REACHED or not _may_destroy(turn):
        return
    # By force the users of the volumes were killed, and nobody has told the services yet. The next promotion starts
    # them again only if it finds them stopped.
    if services.stop_all(turn) is not Progress.REACHED:
        return
    turn.set(
        demotion=None,
        pairing=Pairing(),
        sessions=(),
        dropping=None,
        unprotected_since=None,
        loss_at=None,
        listen_until=None,
        ask_openers=(),
    )
    settle(turn)
    if demotion.successor:
        _hand_over(turn, demotion.successor)
    if demotion.is_failure:
        hold_down(turn)
    turn.become(Role.STOPPED if demotion.is_final else Role.STANDBY, demotion.reason)


def _hand_over(turn: Turn, successor: str) -> None:
    report = turn.state.peer.report
    if report is None:
        return
    epoch = max(turn.state.epoch, report.epoch, arbiters.floor(turn.state)) + 1
    token = HandoverToken(
        epoch=epoch,
        successor=successor,
        from_boot=turn.state.boot,
        to_boot=report.boot,
        lineages=tuple((name, record.lineage) for name, record in turn.state.records),
    )
    turn.set(token_given=token, token_given_at=turn.now)
    turn.note(f"released to {successor} under epoch {epoch}: both copies were seen identical")


def hold_down(turn: Turn) -> None:
    """Keep away from the role for a while that doubles with each failure and differs between the nodes."""
    timers = turn.settings.timers
    failures = turn.state.failures + 1
    span = min(timers.hold_down << min(failures - 1, 10), timers.hold_down_limit)
    if not turn.settings.is_preferred:
        span += span // 2
    turn.set(failures=failures, hold_until=later(turn.now, span))
