"""How is each kind of news taken into the state? No decisions here: what follows is derived afterwards."""

from dataclasses import replace

from hafailover.group import addresses, checking, drilling, fencing, promises, promotion, stalling
from hafailover.group.actions import AlertKind, RaiseAlert, Severity
from hafailover.group.events import (
    CanaryWritten,
    Event,
    ImageSynced,
    ProbeFinished,
    ReportReceived,
    ShutdownAsked,
)
from hafailover.group.exports import sessions_open
from hafailover.group.peer_view import Heard, PeerView
from hafailover.group.report import GroupReport, Role, says_the_same
from hafailover.group.turn import Turn, first, put
from hafailover.group.work import ROUTINE, finish_work
from hafailover.lineage import changes
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.storage.facts import StorageFacts
from hafailover.storage.steps import CommandStep, FileStep, Step, StepOutcome
from hafailover.units import MILLISECOND, SECOND, later

_SETTLED = (Role.STANDBY, Role.PRIMARY, Role.STOPPED)
"""A peer in these roles has said where it stands."""
_PAST_MAX = 8
_UNKNOWN_PAUSE = 500 * MILLISECOND


def advertised(turn: Turn) -> None:
    """An advertisement of the peer is a sign of its life."""
    lives(turn)
    turn.set(peer=replace(turn.state.peer, advertised_at=turn.now))


def lives(turn: Turn) -> None:
    """The peer lives, whatever else it may be."""
    turn.set(peer=replace(turn.state.peer, life_at=turn.now))


def says_nothing_new(turn: Turn, event: Event) -> bool:
    """Whether an event only confirms what is known, so that nothing follows from it but that it came.

    Most of what reaches a healthy group is of this kind; what depends on time alone is looked at with every heartbeat.
    """
    match event:
        case ReportReceived():
            return _repeats(turn, event)
        case CanaryWritten(problem=problem):
            return not problem and not turn.state.canary_problem and turn.state.loss_at is None
        case ImageSynced(problem=problem):
            return not problem
        case ProbeFinished(targets=targets):
            is_well = turn.state.loss_at is None and turn.state.gateway_lost_at is None
            return turn.peer_report is not None and is_well and targets != 0
        case _:
            return False


def _repeats(turn: Turn, event: ReportReceived) -> bool:
    """Whether a report only repeats the last one, on a network that is not silent."""
    last = turn.state.peer.report
    if last is None or not says_the_same(event.report, last):
        return False
    since = [each.at for each in turn.state.peer.heard if each.network == event.network]
    return bool(since) and turn.now - since[0] <= turn.settings.silence


def reported(turn: Turn, event: ReportReceived) -> None:
    """Take in the peer's report; an older one than the last only counts as heard."""
    peer = turn.state.peer
    report = event.report
    if report.node != turn.settings.peer or fencing.is_of_the_past(turn, report):
        return
    if report.incarnation in peer.past:
        return
    last = peer.report
    past = peer.past
    if last is not None and last.incarnation != report.incarnation:
        past = (*past, last.incarnation)[-_PAST_MAX:]
    is_older = (
        last is not None
        and last.incarnation == report.incarnation
        and report.sequence < last.sequence
    )
    heard = Heard(network=event.network, at=turn.now, hears_us=event.network in report.hears)
    sees_gateway_since = None if turn.peer_report is None else peer.sees_gateway_since
    if not is_older and (not report.sees_gateway or sees_gateway_since is None):
        sees_gateway_since = turn.now if report.sees_gateway else None
    newest = last if is_older and last is not None else report
    leaving_since = (peer.leaving_since or turn.now) if newest.is_leaving else None
    is_stale = any(each.record.copy is CopyState.STALE for _, each in newest.copies)
    stale_since = (peer.stale_since or turn.now) if is_stale else None
    others = tuple(each for each in peer.heard if each.network != event.network)
    turn.set(
        peer=PeerView(
            report=newest,
            heard=(*others, heard),
            heard_since=turn.now
            if turn.peer_report is None or past != peer.past
            else peer.heard_since,
            heard_us_at=turn.now if report.hears and not is_older else peer.heard_us_at,
            life_at=peer.life_at,
            advertised_at=peer.advertised_at,
            has_served=peer.has_served or report.role is Role.PRIMARY,
            sees_gateway_since=sees_gateway_since,
            past=past,
            leaving_since=leaving_since,
            stale_since=stale_since,
            returns_by=later(turn.now, report.restart_hold_ns) if report.restart_hold_ns else None,
        ),
        contact=True,
    )
    if last is None:
        # What is open there was asked for by an earlier life of this agent, which may have let it go since.
        turn.set(spent_sessions=(*turn.state.spent_sessions, *sessions_open(report)))
    if is_older:
        return
    if turn.state.role is Role.STANDBY and report.epoch > turn.state.epoch:
        # Not while starting: what is found up here is of the epoch that it was brought up under.
        turn.set(epoch=report.epoch)
    promises.heard(turn, report)
    _see_token_used(turn, report)
    _note_contact(turn, report)


def _note_contact(turn: Turn, report: GroupReport) -> None:
    """Keep, across a restart of this agent, that the peer was spoken to and that nothing bars a takeover in silence."""
    boot = turn.state.boot
    if all(record.is_met_in(boot) and not record.released_to for _, record in turn.state.records):
        return  # As with every report but the first.
    has_said = report.role in _SETTLED and turn.state.role is Role.STANDBY
    is_over = has_said and turn.state.token_given is None
    turn.change_records(
        lambda _, record: (
            record
            if record.copy is CopyState.UNKNOWN
            else changes.released(met_now(record, boot), "")
            if is_over and record.released_to
            else met_now(record, boot)
        )
    )


def met_now(record: LineageRecord, boot: str) -> LineageRecord:
    """Return the record with the contact of this boot noted, unchanged if it is noted already."""
    if record.is_met_in(boot):
        return record
    return changes.met(record, boot=boot)


def _see_token_used(turn: Turn, report: GroupReport) -> None:
    """A token that was given is over when its successor serves, gave up, leaves, rebooted, or lets time pass."""
    token, given_at = turn.state.token_given, turn.state.token_given_at
    if token is None or given_at is None:
        return
    took = report.epoch >= token.epoch and report.role in (Role.PRIMARY, Role.STANDBY)
    rebooted = report.boot != token.to_boot
    expired = (
        turn.now - given_at > turn.settings.timers.release_hold and report.role is Role.STANDBY
    )
    leaves = report.is_leaving and report.role in (Role.STANDBY, Role.STOPPED)
    if took or rebooted or expired or leaves:
        turn.set(token_given=None, token_given_at=None)


def observed(turn: Turn, number: int, facts: StorageFacts) -> None:
    """Take in a look at the host, if it is the one that was asked for."""
    pending = turn.state.observing
    if pending is None or pending.id != number:
        return
    asked_openers = turn.state.ask_openers
    is_answered = set(asked_openers) <= {path for path, _ in facts.openers}
    # Whoever asked for a look while a routine one was under way wants everything from after the question, and whoever
    # has changed something wants it as it was left.
    is_before = pending.what == ROUTINE or pending.id < turn.state.look_after
    must_look = is_before and turn.state.must_look
    turn.set(
        observing=None,
        facts=facts,
        facts_at=turn.now,
        looked_at=pending.since,
        seen_at=turn.now if facts.is_complete else turn.state.seen_at,
        must_look=must_look or not facts.is_complete,
        look_at=None if facts.is_complete else later(turn.now, _UNKNOWN_PAUSE),
        ask_openers=() if is_answered and turn.state.role is not Role.DEMOTING else asked_openers,
    )
    if facts.link_up is not None and facts.link_up != turn.state.link_is_up:
        turn.set(link_is_up=facts.link_up)


def step_finished(turn: Turn, number: int, outcome: StepOutcome) -> None:
    """Take in the end of a step, in whichever lane it ran."""
    state = turn.state
    if drilling.finish_mark(turn, number, outcome):
        return
    if state.addressing is not None and state.addressing.id == number:
        addresses.finish(turn, outcome)
        return
    if state.urgent is not None and state.urgent.id == number:
        turn.set(urgent=None)
        turn.look_again()
        _note_users_ended(turn, state.urgent.step, outcome)
        turn.note(f"{state.urgent.what}: {outcome.problem or f'exit status {outcome.status}'}")
        return
    if state.work is None or state.work.id != number:
        return
    step = state.work.step
    finish_work(turn, outcome)
    if isinstance(step, FileStep):
        promotion.note_synced(turn, step, outcome)
    elif isinstance(step, CommandStep):
        problem = checking.note_checked(turn, step, outcome)
        if problem:
            promotion.fail(turn, problem)
        demotion = turn.state.demotion
        if demotion is not None and step.verb == "umount -f":
            turn.set(demotion=replace(demotion, is_forced=True))


def _note_users_ended(turn: Turn, step: Step | None, outcome: StepOutcome) -> None:
    """Take in that the users of a volume were ended; if one of them may live, nothing may rest on their end."""
    demotion = turn.state.demotion
    if demotion is None or not isinstance(step, FileStep):
        return
    if outcome.status != 0:
        turn.set(demotion=replace(demotion, has_users_left=True))
    elif len(demotion.ended_users) == len(turn.settings.volumes) and not demotion.has_users_left:
        turn.set(demotion=replace(demotion, users_ended_at=turn.now))


def watched(turn: Turn, event: CanaryWritten | ImageSynced) -> None:
    """Take in that a watched volume or image took a write to disk, or did not."""
    match event:
        case CanaryWritten(volume=volume, problem=problem, took_ns=took_ns, age_ns=age_ns):
            known = first(turn.state.canaries, volume)
            if problem:
                errors = put(turn.state.canary_errors, volume, later(turn.now, -age_ns))
                turn.set(canary_problem=problem, canary_errors=errors, look_at=turn.now)
            elif known is not None:
                written = later(turn.now, -age_ns)
                latest = put(turn.state.canaries, volume, max(known, written))
                turn.set(canaries=latest, canary_problem="")
                dropping = turn.state.dropping
                if dropping is None or written < dropping.since or stalling.still_takes_part(turn):
                    # It passed behind everything that was under way when it began.
                    began = later(written, -took_ns)
                    turn.set(progress=put(turn.state.progress, volume, began))
                elif not dropping.is_granted and dropping.unguarded_at is None:
                    # It waited for the peer's copy no more: the kernel may have let that go meanwhile.
                    turn.set(dropping=replace(dropping, unguarded_at=turn.now))
        case ImageSynced(volume=volume, problem=problem, age_ns=age_ns):
            known = first(turn.state.synced_images, volume)
            record = turn.state.record(volume)
            if known is None or not record.is_open:
                return
            synced = max(known, later(turn.now, -age_ns))
            if changes.is_active(record):
                # Of a primary's own image: an error is the mirror's to notice.
                # What the mirror made of it is seen at once: a copy that it has dropped is the older one.
                if problem:
                    turn.set(image_failed_at=turn.now, look_at=turn.now)
                else:
                    turn.set(synced_images=put(turn.state.synced_images, volume, synced))
                return
            if not problem:
                turn.set(synced_images=put(turn.state.synced_images, volume, synced))
                return
            turn.note(f"{volume}: the image could not be synced: {problem}")
            turn.set(
                sessions=()
            )  # What ggated took can no longer be vouched for: this session ends.
            turn.change_records(
                lambda _, record: (
                    changes.outrun(record) if record.copy is CopyState.IN_SYNC else record
                )
            )


def shutdown(turn: Turn, event: ShutdownAsked) -> None:
    """The agent shall stop: in order, or leaving everything as it runs. A plain router has nothing to leave."""
    if event.keep_running and turn.settings.has_storage:
        if turn.state.restarting_since is None and not turn.state.is_stopping:
            turn.note("the agent is restarted and leaves what runs to its next life")
            turn.set(restarting_since=turn.now)
    elif turn.state.stopping_since is None:
        turn.set(stopping_since=turn.now, restarting_since=None, has_left=False)


def clock(turn: Turn, minute: int) -> None:
    """Take in what time of the day it is."""
    turn.set(minute=minute, minute_at=turn.now)


def lateness(turn: Turn) -> int:
    """Return for how long this process was away beyond what is tolerated, in nanoseconds; 0 if it was not.

    Asked before anything else in every step: a node that slept must not act on what it knew before it knows what has
    happened meanwhile. The heartbeat is the clock: a group with data never sleeps longer than one.
    """
    sent_at = turn.state.sent_at
    if sent_at is None or not turn.settings.has_storage:
        return 0
    late_ns = turn.now - sent_at - turn.settings.timers.heartbeat
    return late_ns if late_ns > turn.settings.timers.lateness else 0


def late(turn: Turn, late_ns: int) -> None:
    """This process was away. A peer may have taken over: the address goes first, then this node listens.

    A primary lets nothing go while it listens, since letting go acknowledges what waits; nor does one that stops to
    serve, whose peer is to go on. A standby counts the peer's silence from now on.
    """
    if late_ns <= turn.settings.timers.lateness:
        return
    turn.do(
        RaiseAlert(
            kind=AlertKind.LATENESS,
            severity=Severity.WARNING,
            text=f"{turn.settings.node} was away for {late_ns / SECOND:.2f} s",
        )
    )
    if not turn.settings.has_storage:
        return
    # What came while this process was away says nothing about how late the peer is; nor does it prove the own disk.
    since_then = tuple((name, turn.now) for name, _ in turn.state.synced_images)
    turn.set(
        canaries=tuple((name, turn.now) for name, _ in turn.state.canaries),
        synced_images=turn.state.synced_images if turn.state.role is Role.STARTING else since_then,
        peer=replace(turn.state.peer, life_at=turn.now),
        sent_at=turn.now,
    )
    timers = turn.settings.timers
    if turn.state.role is Role.STANDBY and late_ns > timers.canary_period + timers.canary_deadline:
        # The primary had time to let this copy go and to serve on alone.
        turn.change_records(
            lambda _, record: changes.isolated(record) if changes.is_exported(record) else record
        )
    if turn.state.role not in (Role.PRIMARY, Role.PROMOTING, Role.DEMOTING):
        return
    turn.set(listen_until=later(turn.now, turn.settings.silence))
    if (
        turn.state.role is not Role.DEMOTING
        and late_ns > turn.settings.takeover_silence // 2
        and turn.state.addresses_wanted
    ):
        addresses.take_down(turn)
