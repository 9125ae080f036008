"""How does a primary notice that the peer's copy no longer follows, or that it is itself cut off?"""

from hafailover.group import addresses, demotion, isolation, parting, stalling
from hafailover.group.contact import is_acting
from hafailover.group.report import GroupReport, Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.turn import Turn
from hafailover.group.work import Progress, try_again_later
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND


def advance(turn: Turn) -> bool:
    """Notice a loss, or go on letting go. Return whether that is what this node is busy with."""
    if turn.state.dropping is None:
        reason = noticed(turn)
        if not reason:
            if turn.state.loss_at is not None:
                turn.set(loss_at=None)
            return False
        if turn.state.loss_at is None:
            turn.set(loss_at=turn.now)
        parting.begin(turn, reason)
    elif not turn.state.dropping.is_granted and not turn.state.dropping.is_claimed:
        reason = stalling.dropped_by_kernel(turn)
        if reason.startswith(parting.UNANNOUNCED):
            parting.note_dropped(turn, reason)
    if parting.let_go(turn) is Progress.FAILED:
        # This node's copy is the one that counts: a leftover is no reason to stop serving it.
        turn.note(f"the lost peer's ggate is not gone yet: {turn.state.refusal}")
        try_again_later(turn)
    return turn.state.dropping is not None


def local_stall(turn: Turn) -> str:
    """Say that this node's own disk takes no writes any more, and has not for long; empty if it does."""
    state, timers = turn.state, turn.settings.timers
    if not state.synced_images or not state.canaries or state.dropping or state.listen_until:
        return ""
    since = min(at for _, at in state.synced_images)
    written = min(at for _, at in state.canaries)
    if min(turn.now - since, turn.now - written) <= timers.local_patience:
        return ""
    return f"this node's own image has taken no write for {(turn.now - since) // SECOND} s"


def noticed(turn: Turn) -> str:
    """Say why the peer's copy has to go; empty if it follows.

    What the kernel let go before any record said so is not passed over for a reason that came later: what was seen
    counts, before another look is asked for.
    """
    if not turn.state.pairing.units:
        return ""
    report = turn.peer_report
    if report is not None and is_acting(report) and not _gives_way(turn, report):
        return ""  # Two nodes act: nothing that waits may be acknowledged before one of them has given way.
    dropped = stalling.dropped_by_kernel(turn)
    if dropped.startswith(parting.UNANNOUNCED):
        return dropped
    return _told(turn, report) or stalling.overdue(turn) or dropped


def _told(turn: Turn, report: GroupReport | None) -> str:
    """Say for what the peer itself has told its copy has to go; empty if for nothing."""
    if report is None:
        return ""
    boot = turn.state.pairing.peer_boot
    if report.is_leaving and _is_whole(turn):
        return f"{turn.settings.peer} is stopping"
    if boot and report.boot != boot:
        return f"{turn.settings.peer} has booted: its export is gone"
    if _says_stale(turn) and _is_looked_into(turn):
        return f"{turn.settings.peer} calls its own copy stale"
    return ""


def _gives_way(turn: Turn, report: GroupReport) -> bool:
    """Whether the peer only takes down what is left there; etcd, which is asked first, says whose copy counts.

    Its export may be gone by now: the abort clock has to run before the kernel lets its copy go and acknowledges.
    """
    return turn.settings.arbiter is ArbiterKind.ETCD and report.role is Role.DEMOTING


def _is_whole(turn: Turn) -> bool:
    """Whether this node's own copy was seen well since the peer began to stop: it can be kept until it was.

    Should the kernel have lost this node's copy since the last look, the peer's is the one that counts.
    """
    leaving_since = turn.state.peer.leaving_since
    has_looked = leaving_since is not None and turn.state.looked_at >= leaving_since
    if has_looked and turn.views() is not None:
        return True
    _look_soon(turn)
    return False


def _look_soon(turn: Turn) -> None:
    """Have the storage looked at, after what a look that is under way has shown: it may be the last one for long."""
    if turn.state.observing is None:
        turn.set(must_look=True)


def _says_stale(turn: Turn) -> bool:
    report = turn.peer_report
    assert report is not None  # noqa: S101
    is_in_sync = all(record.copy is CopyState.IN_SYNC for _, record in turn.state.records)
    return is_in_sync and any(copy.record.copy is CopyState.STALE for _, copy in report.copies)


def _is_looked_into(turn: Turn) -> bool:
    """Whether this node has looked at its mirror since the peer calls its copy stale, or had time enough for that.

    An error of the peer's disk makes the kernel drop its copy by itself, and acknowledge alone: that is seen here, or
    nowhere. A look that hangs is not waited for; one that comes late, and had begun before, is followed by another.
    """
    state, timers = turn.state, turn.settings.timers
    since = state.peer.stale_since
    if since is None:
        return True
    # Only one look can have begun before: so this ends, whatever step is under way.
    since_then = max(since, state.seen_at) if state.looked_at < since else since
    if turn.now - since_then > timers.canary_period + timers.canary_deadline:
        return True
    if state.looked_at >= since and turn.views() is not None and state.work is None:
        return True
    _look_soon(turn)
    return False


def is_refused(turn: Turn) -> bool:
    """Whether writes come back with an error, and for too long none was completed, and no look has come."""
    state, timers = turn.state, turn.settings.timers
    if not state.canary_problem or not state.canaries or state.listen_until:
        return False
    written = max(state.seen_at, min(at for _, at in state.canaries))
    return turn.now - written > timers.canary_period + timers.canary_deadline


def isolated(turn: Turn) -> bool:
    """Act on own isolation: a primary that reaches neither its peer nor any ping target stops serving.

    One whose copy is the only one in service keeps it mounted, since nobody else can serve older data meanwhile; only
    its address goes, until a ping target answers again.
    """
    if isolation.since(turn) is None:
        return False
    if isolation.is_sole(turn):
        if turn.state.addresses_wanted:
            turn.note("no ping target answers: the address is taken down until one does")
            addresses.take_down(turn)
        return False
    demotion.begin(
        turn,
        "this node reaches neither its peer nor any ping target",
        is_forced=True,
        is_isolated=True,
    )
    return True
