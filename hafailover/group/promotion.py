"""How does this node come to serve a group? In two phases, so that a failure before the commit costs nobody the data.

Every writer of the export ended and seen gone, images fsynced, records touched; sector cleared, attached, labelled,
checked; *commit* (a new lineage, sole, durable; or the old one kept with a valid handover token); mounted, services
started, and the addresses last, so that no client reaches a host without data.
"""

from dataclasses import replace

from hafailover.group import (
    activating,
    addresses,
    arbiters,
    checking,
    demotion,
    flapping,
    loss,
    passing,
    routers,
    services,
    stopping,
)
from hafailover.group.actions import AlertKind, RaiseAlert, Severity, WatchCanary, WatchImage
from hafailover.group.committing import committed
from hafailover.group.contact import goes_first
from hafailover.group.grant import Watch
from hafailover.group.report import HandoverToken, Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn, put
from hafailover.group.undertakings import Attempt, Pairing
from hafailover.group.work import Progress, pursue, settle
from hafailover.lineage import changes
from hafailover.lineage.record import CopyState
from hafailover.storage.activation import plan_mounted
from hafailover.storage.closing import plan_unexported
from hafailover.storage.steps import (
    FileStep,
    FileTask,
    Next,
    StepOutcome,
)
from hafailover.storage.view import VolumeView


def begin(
    turn: Turn,
    reason: str,
    *,
    epoch: int,
    token: HandoverToken | None = None,
    accepts_mixture: bool = False,
    given_up: tuple[str, ...] | None = None,
    is_failover: bool = False,
    on_word: bool = False,
) -> None:
    """Begin to promote under ``epoch``.

    ``given_up``: what an operator gives up by force; None = nothing is forced. ``on_word``: an operator answers for it
    that the peer is off.
    """
    turn.become(Role.PROMOTING, reason)
    if turn.state.withdrawing is not None:
        passing.reply(turn, turn.state.withdrawing, f"it was overtaken: {reason}", accepted=False)
    turn.set(
        giving_up_since=None,
        # Whoever orders this node to serve chooses its copy.
        resolving=None,
        withdrawing=None,
        attempt=Attempt(
            epoch=epoch,
            session=turn.mint(),
            since=turn.now,
            reason=reason,
            token=token,
            is_handover=token is not None,
            is_forced=given_up is not None,
            accepts_mixture=accepts_mixture,
            given_up=given_up or (),
            is_failover=is_failover,
            needs_off=not on_word
            and token is None
            and turn.settings.arbiter is ArbiterKind.FENCE
            and turn.peer_report is None,
            on_word=on_word,
        ),
        # What an arbiter grants is no epoch before it has granted it: a lost race must not look like a newer history.
        epoch=epoch if not arbiters.is_strict(turn) else turn.state.epoch,
        demotion=None,
        grant=replace(turn.state.grant, is_void=on_word and arbiters.is_silent(turn)),
        intent=0,
        consent=0,
        token_spent=max(turn.state.token_spent, token.epoch if token else 0),
        pairing=Pairing(),
        stop_again_at=None,
    )
    services.forget_failures(turn)
    routers.lead(turn)
    routers.set_candidacy(turn, is_candidate=True)
    if token is not None:
        routers.take_over(turn)
    settle(turn)
    turn.look_again()


def advance(turn: Turn) -> None:
    """Do the next thing that a promotion needs."""
    stages = (_granted, _freed, _touched, _checked, committed, _mounted, _watched, _served)
    views = turn.views()
    if turn.state.is_stopping:
        demotion.begin(turn, "the agent is stopping", is_final=True)
        return
    if (
        _is_ungranted(turn)
        or _must_give_way(turn)
        or loss.isolated(turn)
        or activating.loses_a_copy(turn)
    ):
        return
    if turn.state.write_problem:
        fail(turn, f"the lineage records cannot be written: {turn.state.write_problem}")
        return
    if _makes_no_progress(turn):
        fail(turn, f"nothing has moved for a while: {turn.state.refusal or turn.state.why}")
        return
    if turn.settings.address_first and not turn.state.addresses_wanted and routers.is_master(turn):
        addresses.bring_up(turn)
    if views is None or not turn.state.is_durable:
        return
    for stage in stages:
        match stage(turn, views):
            case Progress.REACHED:
                continue
            case Progress.BUSY:
                return
            case Progress.FAILED:
                if turn.state.role is Role.PROMOTING:
                    fail(turn, turn.state.refusal)
                return


def _granted(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """The arbiter lets this node try; nothing was touched before. Who is not granted waits as a standby."""
    del views
    attempt = _attempt(turn)
    if attempt.epoch == turn.state.epoch:
        return Progress.REACHED
    progress = arbiters.granted(turn)
    if progress is Progress.REACHED:
        turn.set(epoch=attempt.epoch)
    elif (
        progress is Progress.FAILED
        and arbiters.is_strict(turn)
        and turn.state.guard.watch is not Watch.FAILED
    ):
        _retreat(turn, turn.state.refusal)
    return progress


def _retreat(turn: Turn, reason: str) -> None:
    """Stand by again: another node was faster, or the arbiter does not answer. That is no failure of this node."""
    turn.set(attempt=None)
    routers.resign(turn)
    settle(turn)
    turn.become(Role.STANDBY, reason)


def _is_ungranted(turn: Turn) -> bool:
    """Stop by force if the grant ends in the middle of it: what is mounted must not outlive it."""
    return _attempt(turn).epoch == turn.state.epoch and stopping.has_to(turn)


def fail(turn: Turn, reason: str) -> None:
    """Undo in reverse; the peer gets its chance."""
    session = changes.ACTIVE + _attempt(turn).session
    if turn.state.write_problem and all(
        record.session != session or record.copy is CopyState.TOUCHED
        for _, record in turn.state.durable
    ):
        # Nothing was attached, or mounted, since the record of it never reached the disk: what is there is true.
        turn.set(records=turn.state.durable)
    turn.do(RaiseAlert(kind=AlertKind.PROMOTION_FAILED, severity=Severity.CRITICAL, text=reason))
    demotion.begin(turn, f"the promotion failed: {reason}", is_failure=True)


def _must_give_way(turn: Turn) -> bool:
    """Stop before the commit if the peer turns out to serve; after own lateness, listen before going on."""
    until = turn.state.listen_until
    if until is not None and turn.now < until:
        return True
    if until is not None:
        turn.set(listen_until=None)
    report = turn.peer_report
    attempt = _attempt(turn)
    if report is None or attempt.is_committed or attempt.needs_off:
        return False
    peer = turn.settings.peer
    if report.role is Role.PRIMARY:
        demotion.begin(turn, f"{peer} serves; this promotion is undone")
        return True
    is_void = turn.state.grant.is_void
    # An operator's word alone stands behind neither of two, and etcd may have granted to the other one.
    is_second = report.role is Role.PROMOTING and (is_void or not goes_first(turn, report))
    if not is_second or (turn.settings.arbiter is ArbiterKind.ETCD and not is_void):
        return False  # Etcd grants to one of the two.
    also = f"{peer} is being promoted as well"
    if is_void:
        why = f"{also}, so it is not off: look at both, and order one promotion once more"
    else:
        why = f"{also}, and goes first; this is undone"
    demotion.begin(turn, why)
    return True


def _makes_no_progress(turn: Turn) -> bool:
    """Whether this promotion waits for nothing that has a deadline of its own, and has done so for too long."""
    state = turn.state
    if state.work is not None or state.service_call is not None or state.fence.asking:
        return False
    since = max(_attempt(turn).since, state.tried_at, state.role_since, *_service_times(turn))
    return turn.now - since > turn.settings.timers.demote_deadline


def _service_times(turn: Turn) -> list[int]:
    return [each.checked_at for each in turn.state.services if each.checked_at is not None]


def _attempt(turn: Turn) -> Attempt:
    assert turn.state.attempt is not None  # noqa: S101
    return turn.state.attempt


def _freed(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """No ggated serves any image any more, and what they were given is on disk."""
    for view in views:
        if view.disks or view.settings.name in _attempt(turn).synced:
            continue
        if not changes.is_exported(turn.state.record(view.settings.name)):
            continue
        free = pursue(turn, plan_unexported(view, turn.state.tries))
        if free is not Progress.REACHED:
            return free
        step = FileStep(
            task=FileTask.SYNC_IMAGE,
            path=view.settings.image,
            volume=view.settings.name,
            deadline=view.settings.deadlines.attach,
        )
        return pursue(turn, Next(step, "what ggated acknowledged may be in memory only"))
    return Progress.REACHED


def note_synced(turn: Turn, step: FileStep, outcome: StepOutcome) -> None:
    """Take note of an image fsync that this promotion asked for."""
    attempt = turn.state.attempt
    if attempt is not None and step.task is FileTask.SYNC_IMAGE and outcome.status == 0:
        turn.set(attempt=replace(attempt, synced=(*attempt.synced, step.volume)))


def _touched(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """The records say that the copies are about to be attached, before they are."""
    attempt = _attempt(turn)
    session = changes.ACTIVE + attempt.session
    if all(turn.state.record(view.settings.name).session == session for view in views):
        return Progress.REACHED
    turn.change_records(
        lambda _, record: changes.touched(
            record, session=attempt.session, boot=turn.state.boot, epoch=attempt.epoch
        )
    )
    for view in views:
        turn.do(WatchImage(volume=view.settings.name, image=view.settings.image, is_on=False))
    turn.set(sessions=(), synced_images=())
    return Progress.BUSY


def _checked(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """Every mirror runs on this node's image, and every file system was found or made clean in this activation."""
    for view in views:
        progress = activating.activate(turn, view)
        if progress is not Progress.REACHED:
            return progress
        if view.is_mounted or view.settings.name in _attempt(turn).checked:
            continue
        return pursue(turn, checking.plan_check(_attempt(turn), view))
    return Progress.REACHED


def _mounted(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    for view in views:
        progress = pursue(turn, plan_mounted(view, turn.state.tries))
        if progress is not Progress.REACHED:
            return progress
    return Progress.REACHED


def _watched(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """Writes begin with the first service: from here on it is seen whether they reach both copies."""
    for view in views:
        if not any(name == view.settings.name for name, _ in turn.state.canaries):
            watch(turn, view)
    return Progress.REACHED


def _served(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """Services run, then the addresses; the role is reached with the order to put them up."""
    del views
    if services.are_left_over(turn) and services.stop_all(turn) is not Progress.REACHED:
        return Progress.BUSY
    started = services.start_all(turn)
    if started is not Progress.REACHED:
        return started
    if not routers.is_master(turn):
        return Progress.BUSY
    reason = _attempt(turn).reason
    kind = AlertKind.SWITCHOVER if _attempt(turn).token else AlertKind.FAILOVER
    turn.do(
        RaiseAlert(
            kind=kind, severity=Severity.WARNING, text=f"{turn.settings.node} serves: {reason}"
        )
    )
    if _attempt(turn).is_failover:
        flapping.note(turn)
    flapping.note_return(turn)
    turn.set(attempt=None, failures=0, hold_until=None)
    turn.become(Role.PRIMARY, reason)
    addresses.bring_up(turn)
    return Progress.BUSY


def watch(turn: Turn, view: VolumeView) -> None:
    """Begin to write the canary, and to see that this node's own image takes writes: so a stall has a place."""
    name = view.settings.name
    turn.do(
        WatchCanary(volume=name, mount_point=view.settings.mount_point, is_on=True),
        WatchImage(volume=name, image=view.settings.image, is_on=True),
    )
    turn.set(
        canaries=put(turn.state.canaries, name, turn.now),
        progress=put(turn.state.progress, name, turn.now),
        synced_images=put(turn.state.synced_images, name, turn.now),
    )
