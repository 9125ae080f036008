"""Who is Master? The machine of RFC 9568 section 6.4 (5798 and 3768 alike), with two own rules.

A ``gated`` router becomes Master only while it is a candidate; a ``hold_master`` router leaves
Master only when told to. Only advertisements that counted reach the machine, and only what the RFC
names moves a deadline: no flood of packets can starve the advertisements of a Master.
"""

from dataclasses import dataclass, replace

from hafailover.units import Instant, later
from hafailover.vrrp.actions import (
    Action,
    BackupReason,
    BecameBackup,
    BecameInitialize,
    BecameMaster,
    CompetingMaster,
    MasterDown,
    Reannounce,
    SendAdvertisement,
)
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.election import defeat, master_interval, may_be_master, may_preempt
from hafailover.vrrp.events import (
    AdvertisementAccepted,
    CandidacyChanged,
    DeadlineReached,
    Demote,
    Event,
    PriorityChanged,
    Shutdown,
    Startup,
    TakeOver,
)
from hafailover.vrrp.settings import PRIORITY_OWNER, PRIORITY_RESIGN, RouterSettings, Version
from hafailover.vrrp.states import (
    Backup,
    Claim,
    Initialize,
    Master,
    MasterReason,
    Standing,
    State,
)
from hafailover.vrrp.timing import master_down, skew


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an event led to."""

    state: State
    actions: tuple[Action, ...] = ()


def initial(settings: RouterSettings) -> Initialize:
    """Return the state before ``Startup``. A gated router is no candidate until told so."""
    return Initialize(
        standing=Standing(priority=settings.priority, candidate=not settings.gated),
    )


def deadline(state: State) -> Instant | None:
    """Return when ``DeadlineReached`` is due, or None if the router only waits for events."""
    match state:
        case Initialize():
            return None
        case Backup(down_at=down_at):
            return down_at
        case Master(advertise_at=advertise_at, claim=claim):
            return advertise_at if claim is None else min(advertise_at, claim.ends_at)


def step(state: State, event: Event, now: Instant, settings: RouterSettings) -> Step:
    """Return what ``event`` makes of ``state``.

    Args:
        state: as the last step left it.
        event: what happened.
        now: when; packets that arrived before a deadline are to be given before it.
        settings: of this virtual router.
    """
    match state:
        case Initialize():
            return _step_initialize(state, event, now, settings)
        case Backup():
            return _step_backup(state, event, now, settings)
        case Master():
            return _step_master(state, event, now, settings)


def _step_initialize(
    state: Initialize, event: Event, now: Instant, settings: RouterSettings
) -> Step:
    match event:
        case Startup():
            return _start(state.standing, now, settings)
        case CandidacyChanged(candidate=candidate):
            return Step(state=replace(state, standing=replace(state.standing, candidate=candidate)))
        case PriorityChanged(priority=priority):
            return Step(state=replace(state, standing=replace(state.standing, priority=priority)))
        case Shutdown() | DeadlineReached() | AdvertisementAccepted() | Demote() | TakeOver():
            # A packet or an order may have been under way when the router stopped.
            return Step(state=state)


def _start(standing: Standing, now: Instant, settings: RouterSettings) -> Step:
    """6.4.1 (105)-(150): the owner takes its addresses at once, everybody else listens first."""
    if standing.priority == PRIORITY_OWNER and may_be_master(standing, settings):
        return _become_master(standing, MasterReason.OWNER, now, settings)
    return _become_backup(standing, BackupReason.STARTUP, now, settings)


def _step_backup(state: Backup, event: Event, now: Instant, settings: RouterSettings) -> Step:
    match event:
        case DeadlineReached():
            return _master_gone(state, now, settings)
        case AdvertisementAccepted(advertisement=advertisement):
            return _hear_as_backup(state, advertisement, now, settings)
        case CandidacyChanged(candidate=candidate):
            standing = replace(state.standing, candidate=candidate)
            if state.master_down_since is not None and candidate:
                return _become_master(standing, MasterReason.CANDIDACY, now, settings)
            return Step(state=replace(state, standing=standing))
        case PriorityChanged(priority=priority):
            return Step(state=replace(state, standing=replace(state.standing, priority=priority)))
        case Shutdown():
            return Step(state=Initialize(standing=state.standing), actions=(BecameInitialize(),))
        case TakeOver():
            if not may_be_master(state.standing, settings):
                return Step(state=state)
            return _become_master(state.standing, MasterReason.HANDED_OVER, now, settings)
        case Startup() | Demote():
            # Both are already so.
            return Step(state=state)


def _master_gone(state: Backup, now: Instant, settings: RouterSettings) -> Step:
    """6.4.2 (315)-(360), behind the gate."""
    if state.down_at is None or now < state.down_at:
        return Step(state=state)
    if may_be_master(state.standing, settings):
        return _become_master(state.standing, state.reason, now, settings)
    return Step(
        state=replace(state, down_at=None, master_down_since=now, preempt_from=None),
        actions=(MasterDown(since=now, reason=state.reason),),
    )


def _hear_as_backup(
    state: Backup, heard: Advertisement, now: Instant, settings: RouterSettings
) -> Step:
    """6.4.2 (420)-(460)."""
    interval_ns = master_interval(heard, settings)
    priority = state.standing.priority
    if heard.priority == PRIORITY_RESIGN:
        resigned = replace(
            state,
            down_at=later(now, skew(settings.version, priority, interval_ns)),
            reason=MasterReason.MASTER_RESIGNED,
            master_down_since=None,
        )
        return Step(state=resigned)
    lower = heard.priority < priority and may_preempt(state.standing, settings)
    preempt_from = _preempt_from(state, now, settings) if lower else None
    if preempt_from is not None and now >= preempt_from and state.down_at is not None:
        # The timer runs on: at its end we displace the Master.
        return Step(state=replace(state, reason=MasterReason.PREEMPTION, preempt_from=preempt_from))
    listening = Backup(
        standing=state.standing,
        down_at=later(now, master_down(settings.version, priority, interval_ns)),
        master=heard,
        preempt_from=preempt_from,
    )
    return Step(state=listening)


def _preempt_from(state: Backup, now: Instant, settings: RouterSettings) -> Instant:
    if state.preempt_from is not None:
        return state.preempt_from
    owner = state.standing.priority == PRIORITY_OWNER
    return now if owner else later(now, settings.preempt_delay_ns)


def _step_master(state: Master, event: Event, now: Instant, settings: RouterSettings) -> Step:
    match event:
        case DeadlineReached():
            return _on_time(state, now, settings)
        case AdvertisementAccepted(advertisement=advertisement):
            return _hear_as_master(state, advertisement, now, settings)
        case CandidacyChanged(candidate=candidate):
            return Step(state=replace(state, standing=replace(state.standing, candidate=candidate)))
        case PriorityChanged(priority=priority):
            return Step(state=replace(state, standing=replace(state.standing, priority=priority)))
        case Demote():
            backup = _become_backup(state.standing, BackupReason.DEMOTED, now, settings)
            return replace(backup, actions=(_resignation(), *backup.actions))
        case Shutdown():
            return Step(
                state=Initialize(standing=state.standing),
                actions=(_resignation(), BecameInitialize()),
            )
        case Startup() | TakeOver():
            return Step(state=state)


def _on_time(state: Master, now: Instant, settings: RouterSettings) -> Step:
    """6.4.3 (640): advertise when it is due; and notice that a competing claim has ended."""
    actions: tuple[Action, ...] = ()
    if now >= state.advertise_at:
        # Counted from the deadline, not from now: lateness does not add up. After a pause that
        # swallowed a whole interval the count starts anew instead of catching up in a burst.
        following = later(state.advertise_at, settings.interval_ns)
        if following <= now:
            following = later(now, settings.interval_ns)
        state = replace(state, advertise_at=following)
        actions = (SendAdvertisement(priority=state.standing.priority),)
    if state.claim is not None and now >= state.claim.ends_at:
        state = replace(state, claim=None)
        actions = (*actions, Reannounce())
    return Step(state=state, actions=actions)


def _hear_as_master(
    state: Master, heard: Advertisement, now: Instant, settings: RouterSettings
) -> Step:
    """6.4.3 (700)-(770)."""
    if heard.priority == PRIORITY_RESIGN:
        again = replace(state, advertise_at=later(now, settings.interval_ns), claim=None)
        ended: tuple[Action, ...] = () if state.claim is None else (Reannounce(),)
        return Step(
            state=again, actions=(SendAdvertisement(priority=state.standing.priority), *ended)
        )
    reason = defeat(state.standing, heard, settings)
    if reason is not None and not settings.hold_master:
        return _give_way(state.standing, heard, reason, now, settings)
    return _withstand(state, heard, now, settings, defied=reason is not None)


def _give_way(
    standing: Standing,
    heard: Advertisement,
    reason: BackupReason,
    now: Instant,
    settings: RouterSettings,
) -> Step:
    interval_ns = master_interval(heard, settings)
    backup = Backup(
        standing=standing,
        down_at=later(now, master_down(settings.version, standing.priority, interval_ns)),
        master=heard,
    )
    return Step(state=backup, actions=(BecameBackup(reason=reason),))


def _withstand(
    state: Master, heard: Advertisement, now: Instant, settings: RouterSettings, *, defied: bool
) -> Step:
    """Stay Master against another claim.

    A loser of the election is answered at once in version 3 (RFC 9568 section 6.4.3). A winner that
    ``hold_master`` defies is not: two that defy each other would answer each other without end.
    """
    priority = state.standing.priority
    silence_ns = master_down(settings.version, priority, master_interval(heard, settings))
    before = state.claim
    claim = Claim(advertisement=heard, defied=defied, ends_at=later(now, silence_ns))
    actions: list[Action] = []
    if not defied and settings.version is Version.V3:
        actions.append(SendAdvertisement(priority=priority))
    if defied and not (before and before.defied and _same_source(before, heard)):
        actions.append(CompetingMaster(advertisement=heard))
    if before is None and not defied:
        # Whoever loses the election may have drawn the clients to itself already.
        actions.append(Reannounce())
    return Step(state=replace(state, claim=claim), actions=tuple(actions))


def _same_source(claim: Claim, heard: Advertisement) -> bool:
    return claim.advertisement.source == heard.source


def _become_master(
    standing: Standing, reason: MasterReason, now: Instant, settings: RouterSettings
) -> Step:
    master = Master(standing=standing, advertise_at=later(now, settings.interval_ns))
    actions = (SendAdvertisement(priority=standing.priority), BecameMaster(reason=reason))
    return Step(state=master, actions=actions)


def _become_backup(
    standing: Standing, reason: BackupReason, now: Instant, settings: RouterSettings
) -> Step:
    wait = master_down(settings.version, standing.priority, settings.interval_ns)
    backup = Backup(standing=standing, down_at=later(now, wait))
    return Step(state=backup, actions=(BecameBackup(reason=reason),))


def _resignation() -> SendAdvertisement:
    return SendAdvertisement(priority=PRIORITY_RESIGN)
