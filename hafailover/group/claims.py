"""What may a node say of its copy when it lets the group go? Only what it saw while the mirror was still up.

``gmirror destroy`` and the marker erase the evidence, so everything is judged, and on disk, before they run.
"""

from dataclasses import replace

from hafailover.group import parting
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Demotion
from hafailover.lineage import changes
from hafailover.lineage.evidence import moved_counters, private_writes
from hafailover.lineage.record import CopyState
from hafailover.storage.facts import ComponentState
from hafailover.storage.view import VolumeView


def see_identical(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """After the unmount and before the destroy: both components ACTIVE, the counters those of this activation."""
    demotion = turn.state.demotion
    assert demotion is not None  # noqa: S101
    for view in views:
        record = turn.state.record(view.settings.name)
        known = record.activation
        if view.mount is not None or view.mirror is None or known is None:
            continue
        is_unmoved = (view.mirror.mirror_id, view.mirror.genid, view.mirror.syncid) == (
            known.mirror_id,
            known.genid,
            known.syncid,
        )
        if view.has_two_active and is_unmoved and record.copy is CopyState.IN_SYNC:
            seen = demotion.seen_identical
            if view.settings.name not in seen:
                turn.set(demotion=replace(demotion, seen_identical=(*seen, view.settings.name)))
                demotion = turn.state.demotion
                assert demotion is not None  # noqa: S101


def claims_private_writes(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Notice which copy the kernel dropped meanwhile, before the evidence is destroyed with the mirror.

    A copy that says in_sync although the peer's no longer followed would let the older one be promoted over it. One
    that says so although the kernel has lost it, and went on with the peer's alone, is the older one itself.
    """
    if turn.state.work is not None:
        return (
            False  # A look that falls into a step of this demotion's own shows what the step does.
        )
    for view in views:
        record = turn.state.record(view.settings.name)
        if record.copy is not CopyState.IN_SYNC or not changes.is_active(record):
            continue
        if _goes_on_elsewhere(view):
            turn.note(f"the copy of {turn.settings.peer} is now the newest of {view.settings.name}")
            turn.change_records(lambda _, each: changes.outrun(each))
            demotion = turn.state.demotion
            if demotion is not None and all(_has_peer(each) for each in views):
                turn.set(demotion=replace(demotion, is_local_lost=True))
            return True
        remote = view.remote
        has_lost = view.mirror is not None and (
            remote is None or remote.state is not ComponentState.ACTIVE
        )
        evidence = private_writes(record, view.image) if view.image is not None else ""
        if has_lost or evidence:
            parting.claim(
                turn,
                f"{parting.UNANNOUNCED} the peer's copy of {view.settings.name} during the demotion",
                lineage=turn.mint(),
            )
            return True
    return False


def _goes_on_elsewhere(view: VolumeView) -> bool:
    """Whether the kernel has lost this node's own component and goes on with the peer's alone."""
    local = view.local
    return _has_peer(view) and (local is None or local.state is not ComponentState.ACTIVE)


def _has_peer(view: VolumeView) -> bool:
    return view.remote is not None and view.remote.state is ComponentState.ACTIVE


def soften(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """Call a copy that gave way stale instead of diverged, once it is seen that the kernel acknowledged nothing.

    Both components ACTIVE and the counters unmoved, after the users were ended: nothing was written that the peer's
    copy lacked, and nothing will be.
    """
    demotion = turn.state.demotion
    if demotion is None or not demotion.is_forced or demotion.is_isolated:
        return
    ended_at = demotion.users_ended_at
    if ended_at is None or turn.state.facts_at <= ended_at or turn.state.urgent is not None:
        return
    report = turn.peer_report
    records = [turn.state.record(view.settings.name) for view in views]
    if report is None or any(record.copy is not CopyState.DIVERGED for record in records):
        return
    copies = dict(report.copies)
    for view, record in zip(views, records, strict=True):
        theirs = copies.get(view.settings.name)
        is_known = view.image is not None and view.mirror is not None and view.has_two_active
        if not is_known or view.image is None or moved_counters(record, view.image):
            return
        if theirs is None or record.lineage not in theirs.record.ancestors:
            return
    turn.change_records(lambda _, record: replace(changes.outrun(record), doubt=""))


def are_all_identical(turn: Turn, demotion: Demotion) -> bool:
    """Whether every copy was seen identical to the peer's, and was closed in order: what a token stands for."""
    return all(
        volume.name in demotion.seen_identical
        and turn.state.record(volume.name).clean
        and turn.state.record(volume.name).copy is CopyState.IN_SYNC
        for volume in turn.settings.volumes
    )
