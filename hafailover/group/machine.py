"""``step(state, event, now, settings) -> Step(state, actions)``: all that can happen to a group goes through here.

An event is first taken in, then the group is moved on from where it stands. Which of several events came first never
matters for what is safe: the next thing to do is always derived from the whole state.
"""

from typing import NamedTuple, assert_never

from hafailover.group import (
    addresses,
    alarms,
    arbiters,
    arrivals,
    calm,
    demotion,
    guard,
    orders,
    passing,
    plain,
    primary,
    probing,
    promotion,
    rejoin,
    reporting,
    resolving,
    restarting,
    routers,
    services,
    stalling,
    standby,
    starting,
    work,
)
from hafailover.group import events as happened
from hafailover.group.actions import Action, Stop
from hafailover.group.report import Role
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.units import SECOND, Instant
from hafailover.vrrp import announcement

_LINGER = 10 * SECOND


class Step(NamedTuple):
    """What an event led to. The actions are performed in order."""

    state: GroupState
    actions: tuple[Action, ...] = ()


def initial(settings: GroupSettings) -> GroupState:
    """Return the state before ``Started``; an empty role of a group that knows nothing."""
    del settings
    return GroupState()


def step(state: GroupState, event: happened.Event, now: Instant, settings: GroupSettings) -> Step:
    """Return what ``event`` makes of ``state``, and what is to be done."""
    turn = Turn(state, now, settings)
    late_ns = arrivals.lateness(turn)
    if late_ns:
        arrivals.late(turn, late_ns)
    is_old_hat = not late_ns and arrivals.says_nothing_new(turn, event)
    was_master = routers.is_any_master(turn)
    _take_in(turn, event)
    if isinstance(event, happened.DeadlineReached) and not late_ns:
        # An advertisement that was due, or one more report that says the same, and nothing else: what else there is to
        # do waits for its own deadline.
        is_old_hat = routers.is_any_master(turn) == was_master and not _has_to_move(turn)
    elif not late_ns and not is_old_hat and routers.is_any_master(turn) == was_master:
        is_old_hat = calm.confirms(state, turn, event)
    if turn.state.incarnation and not is_old_hat:
        _move_on(turn)
    elif turn.state.sent_at is not None and reporting.is_due_soon(turn):
        calm.repeat(turn)
    return Step(turn.state, tuple(turn.actions))


def deadline(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when ``DeadlineReached`` is due; derived from the state, stored nowhere."""
    if not state.incarnation:
        return None
    due = [routers.deadline(state.routers), announcement.deadline(state.announcing)]
    if settings.has_storage:
        due += _own_deadlines(state, settings)
    else:
        due += [services.next_check(state, settings), addresses.next_try(state, settings)]
    return min([each for each in due if each is not None], default=None)


def _own_deadlines(state: GroupState, settings: GroupSettings) -> list[Instant | None]:
    """Return when a group with data has something to do, its virtual routers aside."""
    report_due = None if state.sent_at is None else reporting.next_report(state, settings)
    return [report_due, *_storage_deadlines(state, settings)]


def _storage_deadlines(state: GroupState, settings: GroupSettings) -> list[Instant | None]:
    """Return when the storage or the arbiter is due: what a group with data waits for besides its reports."""
    canary_due = stalling.canary_due(state, settings)
    return [
        # What was due and is still not settled is looked at with the next heartbeat, not without end.
        canary_due if canary_due is None or canary_due > state.moved_at else None,
        work.look_due(state, settings),
        arbiters.deadline(state, settings),
    ]


def _has_to_move(turn: Turn) -> bool:
    """Whether a deadline of the group's own asks for more than to repeat its last report."""
    state, settings = turn.state, turn.settings
    if not settings.has_storage or state.sent_at is None:
        return True
    due = _storage_deadlines(state, settings)
    if any(each is not None and each <= turn.now for each in due) or work.is_look_due(turn):
        return True
    return reporting.next_report(state, settings) <= turn.now and not calm.is_calm(turn)


def _take_in(turn: Turn, event: happened.Event) -> None:  # noqa: C901, PLR0912 - one flat table of all events
    match event:
        case happened.Started():
            starting.start(turn, event)
        case happened.DeadlineReached():
            routers.reach_deadlines(turn)
        case happened.AdvertisementAccepted(family=family, advertisement=advertisement):
            arrivals.advertised(turn)
            routers.receive(turn, family, advertisement)
        case happened.SignOfLife():
            arrivals.lives(turn)
        case happened.ReportReceived():
            arrivals.reported(turn, event)
            _obey_peer(turn, event)
        case happened.StorageObserved(id=number, facts=facts):
            arrivals.observed(turn, number, facts)
        case happened.StepFinished(id=number, outcome=outcome):
            arrivals.step_finished(turn, number, outcome)
        case happened.RecordsWritten(id=number, problem=problem):
            work.finish_records(turn, number, problem)
        case happened.ArbiterAnswered():
            arbiters.answered(turn, event)
        case happened.WatchdogArmed():
            guard.armed(turn, event)
        case happened.ProbeFinished():
            probing.finish(turn, event)
        case happened.CanaryWritten() | happened.ImageSynced():
            arrivals.watched(turn, event)
        case happened.LinkChanged(is_up=is_up):
            turn.set(link_is_up=is_up)
        case happened.AddressChanged(is_gone=is_gone):
            addresses.changed(turn, is_gone=is_gone)
        case happened.WallClockTold(minute=minute):
            arrivals.clock(turn, minute)
        case happened.ServiceFinished(id=number, outcome=outcome):
            services.finish(turn, number, outcome)
        case happened.OperatorAsked():
            orders.obey(turn, event)
        case happened.DifferencesSaved():
            resolving.saved(turn, event)
        case happened.ShutdownAsked():
            arrivals.shutdown(turn, event)
        case happened.LatenessSeen(late_ns=late_ns):
            arrivals.late(turn, late_ns)
        case _:
            assert_never(event)


def _obey_peer(turn: Turn, event: happened.ReportReceived) -> None:
    """Take the order that the peer's last report passes on; an older report was taken in for nothing."""
    if turn.state.incarnation and turn.state.peer.report is event.report:
        order = passing.received(turn, event.report)
        if order is not None:
            orders.obey(turn, order)


def _move_on(turn: Turn) -> None:
    if not turn.settings.has_storage:
        plain.advance(turn)
        alarms.update(turn)
        return
    turn.set(moved_at=turn.now)
    work.write_records(turn)
    _advance_role(turn)
    work.write_records(turn)
    passing.give_up_waiting(turn)
    rejoin.note_progress(turn)
    arbiters.advance(turn)
    work.observe(turn)
    probing.probe(turn)
    alarms.update(turn)
    reporting.speak(turn)
    restarting.leave(turn)


def _advance_role(turn: Turn) -> None:
    """Do the next thing of the present role; a change of role does the first thing of the new one at once."""
    for _ in range(3):
        role = turn.state.role
        match role:
            case Role.STARTING:
                starting.advance(turn)
            case Role.STANDBY:
                # A start that outlived its promotion may have come to its end.
                services.stop_late_starts(turn)
                services.stop_all(turn)
                standby.advance(turn)
            case Role.PROMOTING:
                promotion.advance(turn)
            case Role.PRIMARY:
                primary.advance(turn)
            case Role.DEMOTING:
                demotion.advance(turn)
            case Role.STOPPED:
                _end(turn)
            case Role.FENCED:
                pass  # The host is going down; nothing is acknowledged any more.
        if turn.state.role is role:
            return


def _end(turn: Turn) -> None:
    """Say once that this group has nothing left to do; a successor is given the time to take the token.

    And the peer to hear that everything is closed: who falls silent before that could be anything.
    """
    if turn.now - turn.state.role_since < 2 * turn.settings.timers.heartbeat:
        return
    given_at = turn.state.token_given_at
    is_awaited = turn.state.token_given is not None
    if is_awaited and given_at is not None and turn.now - given_at < _LINGER:
        standby.yield_copy(turn)
        return
    if routers.take_part(turn):
        routers.stop(turn)
        turn.do(Stop())
