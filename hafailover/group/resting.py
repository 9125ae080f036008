"""When does a heartbeat change nothing but the time? Then it is sent without asking every rule once more.

A group at rest is moved on several times a second, and each time finds that there is nothing to do. So a turn that
changed nothing in a healthy group is remembered, and the next ones only repeat the last report when that is due: as
long as nothing came but repetitions, and no moment has passed at which a rule would say something else. Whatever else
happens, or is due, moves the group on in full. What is not surely at rest is not at rest: to be wrong that way costs
nothing but time.

The tests play many runs in which every turn of a group at rest is worked out both ways.
"""

from collections.abc import Iterator
from dataclasses import fields, replace
from operator import attrgetter, is_

from hafailover.group import (
    arbiters,
    etcd,
    guard,
    loss,
    probing,
    promises,
    reporting,
    services,
    work,
)
from hafailover.group.actions import Observe, Probe, SendReport
from hafailover.group.events import (
    AdvertisementAccepted,
    DeadlineReached,
    Event,
    StorageObserved,
)
from hafailover.group.report import GroupReport, Role
from hafailover.group.settings import ArbiterKind, Automatism
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.units import SECOND, Instant

_SETTLED = 2 * SECOND
"""A role that is younger still raises alerts by its age."""
_PASSING = frozenset(
    ("moved_at", "sent", "sent_at", "sequence", "next_id", "observing", "look_at", "probing")
)
"""What a turn that changes nothing may touch: it speaks, and asks for looks."""
_STAMPS = frozenset(("peer", "routers", "announcing", "facts_at", "seen_at", "looked_at"))
"""What a repetition may touch besides: an advertisement, or a look that shows what the last one showed."""
_names = [each.name for each in fields(GroupState) if each.name not in _PASSING]
_lasting = attrgetter(*_names)
_unstamped = attrgetter(*(name for name in _names if name not in _STAMPS))
_REPEATING = (DeadlineReached, AdvertisementAccepted, StorageObserved)
_ROUTINE = (SendReport, Observe, Probe)
_under_way = attrgetter(
    "attempt",
    "demotion",
    "dropping",
    "hold_until",
    "pause",
    "stopping_since",
    "restarting_since",
    "resolving",
    "writing",
    "write_retry_at",
    "work",
    "urgent",
    "addressing",
    "listen_until",
    "token_given",
    "offer_at",
    "service_call",
    "passed",
    "marking",
    "withdrawing",
    "loss_at",
    "image_failed_at",
    "gateway_lost_at",
    "unprotected_since",
)
"""All of these are None in a group to which nothing happens."""


def judge(turn: Turn, before: GroupState) -> None:
    """At the end of a turn that moved the group on from ``before``: remember whether it is at rest."""
    state = turn.state
    is_at_rest = (
        all(map(is_, _lasting(before), _lasting(state)))
        and all(isinstance(each, _ROUTINE) for each in turn.actions)
        and _is_healthy(turn)
    )
    if is_at_rest != state.is_at_rest:
        turn.set(is_at_rest=is_at_rest)


def _is_healthy(turn: Turn) -> bool:
    """Whether no rule looks at the time but those that ``goes_on`` asks."""
    state = turn.state
    report = turn.peer_report
    if report is None or any(each is not None for each in _under_way(state)):
        return False
    serves_one = Role.PRIMARY in (state.role, report.role) and Role.STANDBY in (
        state.role,
        report.role,
    )
    has_trouble = (
        state.alerts
        or state.failovers
        or state.failures
        or state.offer_failures
        or state.write_problem
        or state.canary_problem
        or state.rebuilds
        or state.must_look
        or state.has_news
        or state.pairing.retry_at is not None
    )
    return (
        serves_one
        and not has_trouble
        and turn.now - state.role_since > _SETTLED
        and _says_all_is_well(turn, report)
        and _arbiter_is_calm(turn)
        and not _will_fail_back(turn)
    )


def _says_all_is_well(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer wants nothing, and answers nothing, that has a date."""
    asks = report.token, report.promise, report.asks, report.answers
    return (
        not any(asks)
        and not (report.asks_promise or report.is_leaving or report.is_resolving)
        and bool(report.hears)
        and report.digest == turn.settings.digest
        and turn.state.peer.returns_by is None
    )


def _arbiter_is_calm(turn: Turn) -> bool:
    grant, fence = turn.state.grant, turn.state.fence
    is_answered = grant.silent_since is None and grant.retry_at is None and not grant.is_void
    return is_answered and not (fence.asking or fence.is_off or fence.retry_at is not None)


def _will_fail_back(turn: Turn) -> bool:
    settings = turn.settings
    is_guest = turn.state.role is Role.PRIMARY and not settings.is_preferred
    return is_guest and settings.failback.mode is Automatism.AUTO


def goes_on(turn: Turn, event: Event, before: GroupState) -> bool:
    """Whether a group at rest stays so, after ``event`` was taken in, and has at most its last report to repeat."""
    state, now = turn.state, turn.now
    if not state.is_at_rest or not isinstance(event, _REPEATING):
        return False
    if state.records is not state.durable or turn.peer_report is None:
        return False
    is_same = all(map(is_, _unstamped(before), _unstamped(state)))
    if not is_same or list(map(type, before.routers)) != list(map(type, state.routers)):
        return False
    silence = turn.settings.silence
    if any(now - each.at > silence for each in state.peer.heard):
        return False
    if any(each is not None and each <= now for each in _dates(turn)) or probing.is_due(turn):
        return False
    return not (state.role is Role.PRIMARY and (loss.local_stall(turn) or promises.asks(turn)))


def _dates(turn: Turn) -> Iterator[Instant | None]:
    """When something other than a heartbeat is due."""
    state, settings = turn.state, turn.settings
    yield loss.canary_due(state, settings)
    yield work.look_due(state, settings)
    yield services.next_check(state, settings)
    if settings.arbiter is ArbiterKind.ETCD:
        yield etcd.next_question(turn)
        yield guard.stop_at(turn) if state.role is Role.PRIMARY else None
    if arbiters.is_strict(turn):
        yield guard.abort_at(turn)


def rest(turn: Turn) -> None:
    """Note that the group was looked at; say again what was said last, if that is due."""
    turn.set(moved_at=turn.now)
    sent = turn.state.sent
    if sent is None or turn.now < reporting.next_report(turn.state, turn.settings):
        return
    report = replace(sent, sequence=turn.state.sequence + 1)
    turn.set(sequence=report.sequence, sent=report, sent_at=turn.now)
    turn.do(SendReport(report=report))
