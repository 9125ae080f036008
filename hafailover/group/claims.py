"""What may a node say of its copy when it lets the group go? Only what it saw while the mirror was still up.

``gmirror destroy`` and the marker erase the evidence, so everything is judged, and on disk, before they run.
"""

from dataclasses import replace

from hafailover.group import parting
from hafailover.group.turn import Turn
from hafailover.group.undertakings import Demotion
from hafailover.lineage import changes
from hafailover.lineage.evidence import moved_counters, private_writes, written_alone
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.storage.facts import Component, ComponentState
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
        is_unmoved = not _has_moved(view, record)
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
    if withdraw_claim(turn, views):
        return True
    for view in views:
        record = turn.state.record(view.settings.name)
        if record.copy is not CopyState.IN_SYNC or not changes.is_active(record):
            continue
        if _goes_on_elsewhere(view):
            _outrun(turn, view.settings.name)
            demotion = turn.state.demotion
            if demotion is not None and all(_has_peer(each) for each in views):
                turn.set(demotion=replace(demotion, is_local_lost=True))
            return True
        evidence = private_writes(record, view.image) if view.image is not None else ""
        if _is_bare(view) and not evidence and _has_moved(view, record):
            _judge_bare(turn, view, record)
            return True
        if evidence or (_is_active(view.local) and not _has_peer(view)):
            parting.claim(
                turn,
                f"{parting.UNANNOUNCED} the peer's copy of {view.settings.name} during the demotion",
                lineage=turn.mint(),
            )
            return True
    return False


def claims_exported_writes(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Notice that the peer's kernel has lost its own copy, and went on with this exported one alone.

    Only this copy's last sector tells of it, if the peer's host was lost in that moment; the marker erases that. What
    was acknowledged then is on this host, which has not booted since.
    """
    for view in views:
        name = view.settings.name
        record = turn.state.record(name)
        has_followed = record.copy in (CopyState.IN_SYNC, CopyState.STALE)
        is_its = has_followed and changes.is_exported(record)
        evidence = written_alone(record, view.image) if is_its and view.image else ""
        if not evidence:
            continue
        turn.note(f"{name}: {evidence}")
        if record.copy is CopyState.STALE:
            # Its own disk has failed as well since then: nobody has all that was acknowledged.
            turn.set_records(((name, changes.diverged(record, evidence)),))
        else:
            parting.go_on_alone(turn, lineage=turn.mint(), doubt=evidence)
        return True
    return False


def note_own_lost(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """Notice while services still write that the mirrors go on with the peer's copies alone.

    A peer that stops has to know, or it calls its copy old for this node's sake, and both are.
    """
    demotion = turn.state.demotion
    lost = {view.settings.name for view in views if _goes_on_elsewhere(view)}
    is_news = any(turn.state.record(name).copy is CopyState.IN_SYNC for name in lost)
    if (
        demotion is None
        or turn.state.work is not None
        or not is_news
        or not all(map(_has_peer, views))
    ):
        return
    turn.note(f"the copy of {turn.settings.peer} is now the newest")
    # A volume whose mirror has both copies can still be written here alone: of that one nothing is said yet.
    turn.change_records(lambda name, each: changes.outrun(each) if name in lost else each)
    turn.set(demotion=replace(demotion, is_local_lost=True))


def withdraw_claim(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Take back that only this node's copies count, if a mirror goes on with the peer's alone; return whether one does.

    The peer's copy was to be let go, or was not counted yet, and has newer writes now. It was told to be behind, too:
    an operator chooses.
    """
    names = [view.settings.name for view in views if _goes_on_elsewhere(view)]
    if not any(turn.state.record(name).copy is CopyState.SOLE for name in names):
        return False
    peer = turn.settings.peer
    reason = f"the mirror of {names[0]} lost this node's copy while it had that of {peer}, which has newer writes"
    turn.note(reason)
    turn.change_records(lambda _, each: changes.diverged(each, reason))
    return True


def _outrun(turn: Turn, volume: str) -> None:
    """State that the peer's copy of one volume is the newest: of another one this node's may be."""
    turn.note(f"the copy of {turn.settings.peer} is now the newest of {volume}")
    record = turn.state.record(volume)
    turn.set_records(((volume, changes.outrun(record)),))


def _judge_bare(turn: Turn, view: VolumeView, record: LineageRecord) -> None:
    """The mirror has lost one copy, went on with the other one, and has lost that as well: which one was first?

    Only what the kernel left in this node's own last sector can tell: the counters of before mean that this copy was.
    """
    name, image = view.settings.name, view.image
    known = record.activation
    is_first = (
        image is not None
        and image.metadata is not None
        and known is not None
        and image.metadata.mirror_id == known.mirror_id
    )
    if is_first:
        _outrun(turn, name)
        return
    reason = f"the mirror of {name} has lost both copies, and nothing shows which one it lost first"
    turn.note(reason)
    turn.change_records(lambda _, each: changes.diverged(each, reason))


def _is_bare(view: VolumeView) -> bool:
    """Whether the mirror is still there, without any component in service."""
    return view.mirror is not None and not _is_active(view.local) and not _has_peer(view)


def _has_moved(view: VolumeView, record: LineageRecord) -> bool:
    """Whether the kernel counted a loss since the counters were recorded."""
    mirror, known = view.mirror, record.activation
    if mirror is None or known is None:
        return True
    return (mirror.mirror_id, mirror.genid, mirror.syncid) != (
        known.mirror_id,
        known.genid,
        known.syncid,
    )


def _goes_on_elsewhere(view: VolumeView) -> bool:
    """Whether the kernel has lost this node's own component and goes on with the peer's alone."""
    return _has_peer(view) and not _is_active(view.local)


def _has_peer(view: VolumeView) -> bool:
    return _is_active(view.remote)


def _is_active(component: Component | None) -> bool:
    return component is not None and component.state is ComponentState.ACTIVE


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
