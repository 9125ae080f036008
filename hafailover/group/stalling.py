"""Does the peer's copy still follow? By what is written through the mirror, and by what the kernel has made of it."""

from typing import Final

from hafailover.group import parting
from hafailover.group.contact import REPLICATION
from hafailover.group.settings import ArbiterKind, GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.lineage.record import CopyState
from hafailover.storage.facts import Component, ComponentState
from hafailover.storage.view import unit_of
from hafailover.units import SECOND, Instant, later, milliseconds

IMAGE_PERIOD: Final = milliseconds(400)
"""How often a watched image is fsynced: so often that the own disk is proved before a canary counts as overdue."""
_CANARY_WAY: Final = milliseconds(200)
"""So long a canary may take to come to the disk: an fsync that was through by then says nothing of it."""
_PROOF_AGE_MAX: Final = IMAGE_PERIOD + milliseconds(100)
_UNKNOWN_UNIT = -1
_GONE = (ComponentState.DISCONNECTED, ComponentState.DESTROY, ComponentState.STALE)


def canary_due(state: GroupState, settings: GroupSettings) -> Instant | None:
    """Return when the peer's copy counts as lost because no write is completed, if none is until then.

    Peer health is I/O progress. A late canary is borne a little longer while the peer's heartbeats on the replication
    link are in time, since then it may be this node's own disk that is slow. One that comes back with an error has not
    waited for the peer's copy: that is kept, and the own one looked at. But a peer that is silent is not waited for on
    that account, if the storage can be seen: other writes may wait for it.
    """
    if not state.canaries or not state.pairing.units or state.dropping or state.listen_until:
        return None
    timers = settings.timers
    span = timers.canary_period + timers.canary_deadline
    errors = dict(state.canary_errors)
    written = min([at for _, at in state.canaries])
    oldest = min([max(at, errors.get(name, at)) for name, at in state.canaries])
    heard = [each.at for each in state.peer.heard if each.network == REPLICATION]
    due = later(oldest, span)
    silent = later(heard[0], settings.silence) if heard else written
    if heard:
        due = min(max(due, silent), later(oldest, _patience(state, settings)))
    if state.facts is not None and state.facts.is_complete and not state.must_look:
        due = min(due, max(later(written, span), silent))
    waits_since = later(written, timers.canary_period + _CANARY_WAY)
    return due if _is_own_proved(state, max(waits_since, later(due, -_PROOF_AGE_MAX))) else None


def _patience(state: GroupState, settings: GroupSettings) -> int:
    """Return how long a late canary is borne beside a peer that is heard.

    Etcd leaves no time for it, since it has to be asked before a copy is let go; but not for one that is still being
    rebuilt, which it does not count.
    """
    is_counted = settings.arbiter is not ArbiterKind.ETCD or state.is_in_sync
    return settings.timers.canary_patience + (0 if is_counted else settings.lease.renew_deadline)


def _is_own_proved(state: GroupState, since: Instant) -> bool:
    """Whether this node's own image took a write ``since`` the canary waits: it is the peer's copy that it awaits.

    An fsync of the image file waits behind what md(4) is writing to it, and for nothing of the peer's. One from before
    says nothing: the disk may have hung since then, and with it the canary.
    """
    return not state.synced_images or min([at for _, at in state.synced_images]) > since


def unproved_at(now: Instant) -> Instant:
    """Return what an image is watched from that has proved nothing yet: too long ago to count."""
    return later(now, -_PROOF_AGE_MAX)


def is_image_proved(state: GroupState, now: Instant) -> bool:
    """Whether this node's own images took a write just now, and none has answered with an error since it is watched."""
    is_watched = bool(state.synced_images) and state.image_failed_at is None
    return is_watched and _is_own_proved(state, unproved_at(now))


def overdue(turn: Turn) -> str:
    """Say that no write is completed any more."""
    due = canary_due(turn.state, turn.settings)
    if due is None or turn.now < due:
        return ""
    late = turn.now - min(at for _, at in turn.state.canaries)
    return f"no write has been completed for {late / SECOND:.1f} s"


def dropped_by_kernel(turn: Turn) -> str:
    """The kernel drops a component without asking: an I/O error, a timeout of its own."""
    views = turn.views()
    if turn.state.work is not None or not turn.state.pairing.inserted:
        return ""
    if views is None:
        return _dropped_unseen(turn)
    for view in views:
        name = view.settings.name
        if name not in turn.state.pairing.inserted or view.mirror is None:
            continue
        is_followed = turn.state.record(name).copy is CopyState.IN_SYNC
        if _is_gone(view.remote, is_followed=is_followed):
            if is_followed:
                return f"{parting.UNANNOUNCED} the peer's copy of {name} by itself"
            return f"the rebuild of the peer's copy of {name} ended before it was complete"
    return ""


def _is_gone(remote: Component | None, *, is_followed: bool) -> bool:
    """Whether a component takes no writes any more.

    Without a state it is about to be taken in, or just being dropped: that, if it followed already.
    """
    if remote is None or remote.state in _GONE:
        return True
    return is_followed and remote.state is ComponentState.NONE


def _dropped_unseen(turn: Turn) -> str:
    """Nobody can look; but no ggatec carries writes to the peer any more, and they are completed all the same.

    ps(1) does not wait for GEOM. Had the mirror dropped the own copy instead, they would wait for the peer's.
    """
    state = turn.state
    if state.facts is None or state.facts.processes is None or state.facts_at is None:
        return ""
    serving = {unit_of(each) for each in state.facts.processes if each.program == "ggatec"}
    if _UNKNOWN_UNIT in serving:
        return ""  # It may carry just this one.
    # Units that are remembered, but not in use, say nothing: one ggatec carries a volume's writes.
    carried = {name for name, unit in state.pairing.units if unit in serving}
    began = dict(state.progress)
    for name in state.pairing.inserted:
        is_ours = name not in carried and state.record(name).copy is CopyState.IN_SYNC
        if is_ours and began.get(name, 0) > state.facts_at:
            return f"{parting.UNANNOUNCED} the peer's copy of {name} by itself"
    return ""


def still_takes_part(turn: Turn) -> bool:
    """Whether a copy that is being let go takes every write all the same: its node stops, and waits for the word.

    It is heard, offers its copy, and calls it in sync; and the kernel has not let it go by itself, at the last look.
    """
    dropping, report, views = turn.state.dropping, turn.peer_report, turn.last_seen()
    if dropping is None or dropping.is_granted or report is None or not report.is_leaving:
        return False
    if not views or not report.copies:
        return False
    is_offered = all(
        copy.export is not None and copy.record.copy is CopyState.IN_SYNC
        for _, copy in report.copies
    )
    return is_offered and all(view.has_two_active for view in views)
