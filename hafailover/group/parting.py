"""How does a primary part from the peer's copy without losing a write?

First the records (a new lineage, sole, durable), only then ``ggatec destroy -f``, which acknowledges every write that
waits. Until then the mirror waits by itself: that wait is the suspended I/O that other systems have to build.
"""

from dataclasses import replace

from hafailover.group import arbiters, contact, isolation
from hafailover.group.actions import AlertKind, RaiseAlert, Severity
from hafailover.group.report import GroupReport
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Dropping, Pairing
from hafailover.group.work import Progress, pursue, run_urgent, settle
from hafailover.lineage import changes
from hafailover.lineage.compare import USABLE
from hafailover.lineage.evidence import moved_counters
from hafailover.lineage.record import Activation, CopyState
from hafailover.storage import commands
from hafailover.storage.facts import ComponentState
from hafailover.storage.pairing import plan_dropped
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND, later

_RETRY_SOON = 2 * SECOND
_SPENT_MAX = 32
UNANNOUNCED = "the kernel dropped"
"""A reason that begins so means: writes may have been acknowledged before any record said so."""


def begin(turn: Turn, reason: str) -> None:
    """Decide that the peer's copy goes: from here on this node's is the only one that counts."""
    if turn.state.loss_at is None:
        turn.set(loss_at=turn.now)
    # What the kernel has dropped already is gone, whoever is isolated: then the claim only states what is true.
    if reason.startswith(UNANNOUNCED) or isolation.may_go_on_alone(turn):
        drop(turn, reason)
    # Otherwise a probe is under way; isolation is dealt with by its own rule.


def drop(turn: Turn, reason: str) -> None:
    """Let the peer's copy go, with the claim that this node's is the one that counts, if it is still usable.

    A strict arbiter is asked first. What the kernel has dropped by itself is claimed at once: it is true already.
    """
    state = turn.state
    dropping = Dropping(
        since=turn.now,
        reason=reason,
        lineage=turn.mint(),
        # A demotion and a blind start have no ``in_sync_since``: there the records alone tell that the copy followed.
        is_failed_rebuild=state.in_sync_since is None and not state.is_in_sync,
    )
    # An operator's word was for the copy that is lost now; one that comes meanwhile is for its return.
    pairing = replace(turn.state.pairing, is_ordered=False)
    turn.set(dropping=dropping, in_sync_since=None, pairing=pairing)
    if reason.startswith(UNANNOUNCED):
        note_dropped(turn, reason)
    _permitted(turn)


def note_dropped(turn: Turn, reason: str) -> None:
    """The kernel let the copy go before anybody gave leave: writes are acknowledged by this node alone since then."""
    dropping = turn.state.dropping
    assert dropping is not None  # noqa: S101
    turn.set(dropping=replace(dropping, reason=reason, unguarded_at=turn.now))
    if not dropping.is_claimed:
        _claim_dropped(turn)


def forget(turn: Turn) -> None:
    """Nothing of the group is up here, as a look has shown: what was to be let go of the mirror went with it."""
    turn.set(dropping=None, loss_at=None, pairing=Pairing())


def leave_behind(turn: Turn, reason: str) -> None:
    """Let a copy go that was never in the mirror: nothing is claimed, and nobody asked."""
    turn.set(
        pairing=replace(turn.state.pairing, is_ordered=False),
        dropping=Dropping(
            since=turn.now,
            reason=reason,
            is_granted=True,
            is_claimed=True,
            is_failed_rebuild=True,
        ),
    )


def _permitted(turn: Turn) -> bool:
    """Whether the arbiter agrees; as soon as it does, the records say so too."""
    dropping = turn.state.dropping
    if dropping is None or dropping.is_granted:
        return True
    if not arbiters.may_drop(turn):
        return False
    if not dropping.is_claimed:
        _claim_dropped(turn)
    dropping = turn.state.dropping
    assert dropping is not None  # noqa: S101
    if dropping.unguarded_at is not None:
        turn.change_records(
            lambda _, record: changes.allowed(record) if record.copy is CopyState.SOLE else record
        )
    turn.set(dropping=replace(dropping, is_granted=True))
    return True


def _claim_dropped(turn: Turn) -> None:
    dropping = turn.state.dropping
    assert dropping is not None  # noqa: S101
    turn.set(dropping=replace(dropping, is_claimed=True))
    claim(turn, dropping.reason, lineage=dropping.lineage)


def claim(turn: Turn, reason: str, *, lineage: str) -> None:
    """State that this node's copies went on alone: from here on they are the only ones that count."""
    unannounced = reason if reason.startswith(UNANNOUNCED) else ""
    if turn.state.unprotected_since is None:
        turn.set(unprotected_since=turn.now)
    go_on_alone(turn, lineage=lineage, doubt=unannounced)
    turn.note(f"the peer's copy is let go: {reason}")
    kind = AlertKind.DROPPED_UNANNOUNCED if unannounced else AlertKind.PEER_LOST
    turn.do(
        RaiseAlert(
            kind=kind,
            severity=Severity.CRITICAL,
            text=f"{reason}; {turn.settings.node} goes on alone",
        )
    )


def go_on_alone(turn: Turn, *, lineage: str, doubt: str) -> None:
    """Give the copies of all volumes that are usable one new lineage, which the peer's lack."""
    turn.change_records(
        lambda _, record: (
            changes.went_on_alone(record, lineage=lineage, since=turn.wall_s, doubt=doubt)
            if record.copy in USABLE
            else record
        )
    )


def give_way(turn: Turn, report: GroupReport) -> str:
    """Mark own copies beside a peer that serves under a newer epoch; return why, as a sentence.

    A node that has its mirror up may have acknowledged writes that nobody else has: diverged, until the demotion has
    seen that the kernel acknowledged nothing (``settle_claims``), and never stale before.
    """
    verdict = contact.group_verdict(turn, report)
    reason = f"{turn.settings.peer} serves under the newer epoch {report.epoch}; {verdict.value}"
    _disagree(turn, reason)
    return reason


def let_go(turn: Turn) -> Progress:
    """Do the next thing of letting go, once the records say sole."""
    dropping = turn.state.dropping
    if dropping is None:
        return Progress.REACHED
    if not _permitted(turn):
        return Progress.BUSY
    dropping = turn.state.dropping
    assert dropping is not None  # noqa: S101
    if not turn.state.is_durable or turn.state.urgent is not None:
        return Progress.BUSY
    left = [each for each in turn.state.pairing.units if each not in dropping.destroyed]
    if left:
        volume, unit = left[0]
        settings = next(each for each in turn.settings.volumes if each.name == volume)
        turn.set(dropping=replace(dropping, destroyed=(*dropping.destroyed, left[0])))
        run_urgent(turn, commands.destroy_gate(settings, unit, force=True), "the records say sole")
        return Progress.BUSY
    views = turn.views()
    if views is None:
        return Progress.BUSY
    doubt_claim(turn, views)
    for view in views:
        progress = pursue(turn, plan_dropped(view, turn.state.tries))
        if progress is not Progress.REACHED:
            return progress
    _end(turn, views, dropping)
    return Progress.REACHED


def doubt_claim(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """After the peer's copy was let go: if this node's is gone from the mirror as well, which one was lost first?

    The kernel may have lost this one between the last look and that moment, and gone on with the peer's until then. It
    moves the counters of the copy that is left: only if this node's sector has them moved was its copy that one.
    """
    dropping = turn.state.dropping
    if dropping is None or not dropping.destroyed or dropping.is_failed_rebuild:
        return
    for view in views:
        name, image = view.settings.name, view.image
        record = turn.state.record(name)
        if record.copy is not CopyState.SOLE or _is_in_service(view):
            continue
        if view.mount is None and (image is None or image.metadata is None):
            continue  # Closed by this node: the kernel leaves the sector of a copy that it loses as it is.
        if image is None or not moved_counters(record, image):
            call_doubtful(turn, name)
            return


def call_doubtful(turn: Turn, name: str) -> None:
    """State that the peer's copy, which was let go, may be the newer one: an operator chooses."""
    reason = f"the mirror of {name} lost this node's copy as well, and nothing shows which one it lost first"
    turn.note(reason)
    _disagree(turn, reason)


def _disagree(turn: Turn, reason: str) -> None:
    turn.change_records(lambda _, record: changes.diverged(record, reason))


def _is_in_service(view: VolumeView) -> bool:
    return view.local is not None and view.local.state is ComponentState.ACTIVE


def _end(turn: Turn, views: tuple[VolumeView, ...], dropping: Dropping) -> None:
    """Record the counters as they stand after the drop, and wait a little before the next try.

    A copy that was in sync and is lost may come back at once; a rebuild that failed is put off, longer each time.
    """
    failures, wait = 0, _RETRY_SOON
    if dropping.is_failed_rebuild:
        failures, rebuild = turn.state.pairing.failures + 1, turn.settings.rebuild
        wait = min(rebuild.backoff << min(failures - 1, 20), rebuild.backoff_limit)
    spent = (*turn.state.spent_sessions, *turn.state.pairing.sessions)[-_SPENT_MAX:]
    turn.set(
        dropping=None,
        loss_at=None,
        spent_sessions=spent,
        pairing=Pairing(
            retry_at=later(turn.now, wait),
            failures=failures,
            is_ordered=turn.state.pairing.is_ordered,
        ),
    )
    settle(turn)
    record_counters(turn, views)


def record_counters(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """Write down what the mirrors' counters are while nothing is wrong."""
    for view in views:
        seen = _counters(turn, view)
        if seen is not None:
            record = turn.state.record(view.settings.name)
            turn.set_records(((view.settings.name, changes.activated(record, seen)),))


def are_counters_recorded(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Whether the records have the mirrors' present counters."""
    return all(
        turn.state.record(view.settings.name).activation == _counters(turn, view) for view in views
    )


def _counters(turn: Turn, view: VolumeView) -> Activation | None:
    if view.mirror is None:
        return None
    return Activation(
        boot=turn.state.boot,
        mirror_id=view.mirror.mirror_id,
        genid=view.mirror.genid,
        syncid=view.mirror.syncid,
    )
