"""Is there nothing to do but, at a heartbeat, to say once more what was said last?

Most of what happens to a healthy pair is of this kind, and to find that out costs far less than a whole step. It holds
only where nothing is under way, nobody is late, and no decision could fall before the next heartbeat; whatever depends
on time alone and is not named here is looked at once in ``WHOLE_PERIOD``.
"""

from hafailover.group import probing, reporting, services, stalling, work
from hafailover.group.events import AdvertisementAccepted, Event, StorageObserved
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND, later

WHOLE_PERIOD = SECOND
"""At least so often everything is looked at, whatever seems to be at rest."""

_OTHER = {Role.PRIMARY: Role.STANDBY, Role.STANDBY: Role.PRIMARY}
"""What the peer is while this node is at rest."""


def repeat(turn: Turn) -> bool:
    """Say once more what was said last, if a whole step would do nothing else; return whether that is so."""
    if not is_calm(turn):
        return False
    reporting.repeat(turn)
    return True


def confirms(before: GroupState, turn: Turn, event: Event) -> bool:
    """Whether an event, which has been taken in, only showed that all is as it was, in a group at rest."""
    match event:
        case AdvertisementAccepted(advertisement=advertisement):
            is_known = turn.state.role is Role.STANDBY and advertisement.priority > 0
        case StorageObserved():
            # A look that somebody waited for is followed by a whole step, whatever it shows.
            is_known = not before.must_look and turn.state.facts == before.facts
        case _:
            return False
    return is_known and turn.settings.has_storage and is_calm(turn)


def is_calm(turn: Turn) -> bool:
    """Whether a whole step would find nothing to do now but its report, and could find nothing before the next one."""
    state = turn.state
    return (
        turn.now < later(state.moved_at, WHOLE_PERIOD)
        and _nothing_is_under_way(state)
        and _nothing_waits(turn)
        and _peer_is_well(turn)
        and _disks_are_in_time(turn)
        and not probing.is_due(turn)
        and not work.is_look_due(turn)
    )


def _nothing_is_under_way(state: GroupState) -> bool:
    return not (
        state.has_news
        or state.must_look
        or state.work
        or state.urgent
        or state.writing
        or state.addressing
        or state.attempt
        or state.demotion
        or state.dropping
        or state.service_call
        or state.resolving
        or state.giving_up_since is not None
        or state.marking
        or state.withdrawing
        or state.passed
        or state.token_given
        or state.grant.asking
        or state.fence.asking
        or state.stopping_since is not None
        or state.restarting_since is not None
    )


def _nothing_waits(turn: Turn) -> bool:
    """Whether no trouble is known and no delay runs, so that nothing follows when some time is over."""
    state, sent = turn.state, turn.state.sent
    check_at = services.next_check(state, turn.settings) if turn.settings.services else None
    return (
        sent is not None
        and sent.promise is None
        and not sent.asks_promise
        and all(record.copy is CopyState.IN_SYNC for _, record in state.records)
        and state.loss_at is None
        and state.listen_until is None
        and state.image_failed_at is None
        and state.gateway_lost_at is None
        and not (state.canary_problem or state.write_problem or state.offer_failures)
        and (state.hold_until is None or state.hold_until <= state.moved_at)
        and (state.role is not Role.PRIMARY or (state.addresses_wanted and state.is_in_sync))
        and (check_at is None or check_at > turn.now)
        and not (turn.settings.arbiter is ArbiterKind.ETCD and state.grant.silent_since is not None)
    )


def _peer_is_well(turn: Turn) -> bool:
    """Whether the peer does the other half of a healthy pair, and cannot become silent before the next heartbeat."""
    peer, settings = turn.state.peer, turn.settings
    report = peer.report
    if report is None or report.role is not _OTHER.get(turn.state.role):
        return False
    if (
        peer.returns_by is not None
        or peer.leaving_since is not None
        or peer.stale_since is not None
    ):
        return False
    oldest = later(turn.now, settings.timers.heartbeat - settings.silence)
    return not report.asks_promise and all(each.at >= oldest for each in peer.heard)


def _disks_are_in_time(turn: Turn) -> bool:
    """Whether every volume and image took its last write so lately that nobody has to doubt it."""
    state, timers = turn.state, turn.settings.timers
    doubt = timers.canary_deadline // 2
    written = later(turn.now, -timers.canary_period - doubt)
    synced = later(turn.now, -stalling.IMAGE_PERIOD - doubt)
    return all(at > written for _, at in state.canaries) and all(
        at > synced for _, at in state.synced_images
    )
