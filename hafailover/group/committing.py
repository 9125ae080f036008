"""When does this node's copy become the data? With the commit: before it a failure costs nobody anything."""

from dataclasses import replace

from hafailover.group import arbiters
from hafailover.group.exports import sessions_behind
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Attempt, Pairing
from hafailover.group.work import Progress
from hafailover.lineage import changes
from hafailover.lineage.record import Activation, CopyState, LineageRecord
from hafailover.storage.view import VolumeView


def committed(turn: Turn, views: tuple[VolumeView, ...]) -> Progress:
    """From here on this copy is the data: a new lineage unless both copies are in the mirror by a token."""
    attempt = turn.state.attempt
    assert attempt is not None  # noqa: S101
    if attempt.is_committed:
        return Progress.REACHED
    keeps_peer = attempt.token is not None and all(view.has_two_active for view in views)
    # The releaser's copy can be lost while the arbiter is asked: then it is asked anew, without it.
    if not attempt.commit_lineage or (attempt.keeps_peer and not keeps_peer):
        attempt = replace(attempt, commit_lineage=turn.mint(), keeps_peer=keeps_peer)
        turn.set(attempt=attempt)
    agreed = arbiters.committed(turn)
    if agreed is not Progress.REACHED:
        return agreed
    keeps_peer, lineage = attempt.keeps_peer, attempt.commit_lineage
    changed = []
    for view in views:
        mirror = view.mirror
        assert mirror is not None  # noqa: S101
        activation = Activation(
            boot=turn.state.boot,
            mirror_id=mirror.mirror_id,
            genid=mirror.genid,
            syncid=mirror.syncid,
        )
        record = changes.activated(turn.state.record(view.settings.name), activation)
        changed.append(
            (
                view.settings.name,
                _commit(record, attempt, lineage, since=turn.wall_s, keeps_peer=keeps_peer),
            )
        )
    turn.set_records(tuple(changed))
    report = turn.state.peer.report
    units = tuple((view.settings.name, gate.unit) for view in views for gate in view.gates)
    turn.set(
        attempt=replace(attempt, is_committed=True),
        pairing=Pairing(
            peer_boot=report.boot if report and keeps_peer else "",
            units=units,
            inserted=tuple(view.settings.name for view in views if keeps_peer),
            sessions=tuple(session for view in views for session in sessions_behind(view, turn)),
        ),
        in_sync_since=turn.now if keeps_peer else None,
        unprotected_since=None if keeps_peer else turn.now,
    )
    return Progress.BUSY


def _commit(
    record: LineageRecord, attempt: Attempt, lineage: str, *, since: int, keeps_peer: bool
) -> LineageRecord:
    if keeps_peer:
        return replace(record, copy=CopyState.IN_SYNC)
    if attempt.is_forced:
        return changes.forced_on(record, lineage=lineage, given_up=attempt.given_up, since=since)
    return changes.went_on_alone(record, lineage=lineage, since=since)
