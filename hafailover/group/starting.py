"""What does an agent do that has just begun? It looks before it acts, and takes over what an earlier life left running.

A mount with a record of this very activation in this boot is adopted: a restart of the agent must not cost an outage.
A mount that no record explains is brought down first; questions come later. Anything half done is undone.
"""

from hafailover.group import (
    addresses,
    blind_start,
    demotion,
    etcd,
    fencing,
    found_images,
    guard,
    leaving,
    parting,
    promises,
    promotion,
    routers,
    services,
)
from hafailover.group.actions import WatchImage
from hafailover.group.contact import is_acting
from hafailover.group.events import Started
from hafailover.group.exports import sessions_behind
from hafailover.group.grant import Grant
from hafailover.group.report import Role
from hafailover.group.state import Pause
from hafailover.group.turn import Turn, put
from hafailover.group.undertakings import Pairing
from hafailover.lineage import changes
from hafailover.lineage.changes import booted, levelled
from hafailover.lineage.record import CopyState
from hafailover.storage.facts import ComponentState
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND

_LOOK_AGAIN = SECOND // 2


def start(turn: Turn, event: Started) -> None:
    """Take in what this life begins with, and begin to listen."""
    records = tuple(
        (volume, record if record.copy is CopyState.UNKNOWN else booted(record, boot=event.boot))
        for volume, record in event.records
    )
    pause = None
    if event.pause_until_wall is not None:
        pause = Pause(until_wall=event.pause_until_wall)
    turn.set(
        boot=event.boot,
        incarnation=event.incarnation,
        entropy=event.entropy,
        durable=event.records,
        records=event.records,
        epoch=max((record.epoch for _, record in event.records), default=0),
        role_since=turn.now,
        started_at=turn.now,
        wall_s=event.wall_s,
        pause=pause,
        grant=Grant(promised_until=promises.remembered(turn, turn.now)),
    )
    turn.set_records(levelled(records))
    fencing.remember(turn)
    routers.start(turn)


def advance(turn: Turn) -> None:
    """Decide, from the first complete look, where this node stands."""
    if _has_to_end(turn):
        return
    views = turn.views()
    if views is None:
        blind_start.free_stuck_kernel(turn)
    if (
        views is not None
        and turn.state.write_problem
        and not any(found_images.is_up(view) for view in views)
    ):
        _begin_unrecorded(turn, views)
        return
    if views is None or not turn.state.is_durable:
        return
    if not found_images.judge(turn, views):
        return
    if all(view.is_mounted for view in views) and views:
        _judge_mount(turn, views)
    elif any(found_images.is_up(view) for view in views) or addresses.are_down(turn) is False:
        demotion.begin(
            turn, "an earlier life of the agent left something half done; it is undone first"
        )
    else:
        blind_start.end(turn)
        _recall_exports(turn, views)
        guard.disarm(turn)
        parting.forget(turn)
        turn.become(Role.STANDBY, "the agent has just started")


def _has_to_end(turn: Turn) -> bool:
    """End an agent that shall stop before it could find out where it stands; what may be up is taken down first."""
    was_up = any(
        changes.is_active(record) and record.boot == turn.state.boot
        for _, record in turn.state.records
    )
    if not was_up:
        return leaving.end_unsettled(turn)
    since = turn.state.stopping_since
    if since is None or turn.now - since <= turn.settings.timers.demote_deadline:
        return False
    demotion.begin(turn, "the agent is stopping", is_final=True)
    return True


def _begin_unrecorded(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """A node that cannot write its records serves nothing, but it must not keep its peer from serving.

    Unless its copy may hold what the peer's lacks: it stands where it is until that can be recorded, or else it would
    be rebuilt from the peer's as the copy that its record says it is.
    """
    problem = f"the lineage records cannot be written: {turn.state.write_problem}"
    writes = [found for view in views if (found := found_images.writes_alone(turn, view))]
    if writes:
        turn.set(refusal=f"{problem}, and this copy may be newer than they say: {writes[0]}")
    else:
        blind_start.end(turn)
        guard.disarm(turn)
        parting.forget(turn)
        turn.become(Role.STANDBY, problem)


def _judge_mount(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    state = turn.state
    report = turn.peer_report
    if report is not None and is_acting(report) and report.epoch > state.epoch:
        demotion.begin(turn, f"{turn.settings.peer} serves under a newer epoch")
        return
    is_ours = all(_is_ours(turn, view) for view in views)
    if is_ours and not state.canaries:
        _take_over(turn, views)
    if any(record.closing_id for _, record in state.records):
        # Its umount may still be running: an adopted mount would go away under the services.
        demotion.begin(turn, "an earlier life of the agent had begun to take the group down")
        return
    if not guard.is_open(turn):
        if _may_be_granted(turn):
            return
        demotion.begin(
            turn,
            f"a mount was found, but {guard.closed_because(turn)}",
            is_forced=True,
            is_isolated=True,
        )
        return
    if addresses.are_down(turn):
        # Who takes a group down begins with the address, and may have been unable to record that it does; who brings
        # one up ends with it, and may not have come to start the services, or be starting them.
        services.expect_late_start(turn)
        demotion.begin(turn, "a mount was found without the address: it may be about to go away")
        return
    if is_ours:
        _adopt(turn, views)
        return
    stranger = next(view for view in views if not _is_ours(turn, view))
    demotion.begin(
        turn, f"{stranger.settings.mount_point} is mounted without a record of this activation"
    )


def _is_ours(turn: Turn, view: VolumeView) -> bool:
    """Whether a mount is that of an activation which an earlier life in this boot has recorded."""
    record = turn.state.record(view.settings.name)
    known, mirror = record.activation, view.mirror
    return (
        mirror is not None
        and known is not None
        and record.boot == turn.state.boot
        and changes.is_active(record)
        and record.copy in (CopyState.IN_SYNC, CopyState.SOLE)
        and known.mirror_id == mirror.mirror_id
        and view.local is not None
        and view.local.state is ComponentState.ACTIVE
    )


def _may_be_granted(turn: Turn) -> bool:
    """Whether the grant of the agent's earlier life may still be found in force: a moment is left for the answer."""
    grant, deadline = turn.state.grant, turn.settings.lease.renew_deadline
    is_possible = grant.seen_at is None or grant.silent_since is not None or etcd.holds(turn)
    return is_possible and turn.now - turn.state.role_since < 2 * deadline


def _take_over(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """Know what is up and how the peer's copies are in the mirrors: to end that takes as much care as to go on.

    Without a ggate no rebuild has begun: none can be cut short by a boot of the peer, nor be what a look hangs behind.
    """
    report = turn.state.peer.report
    is_begun = report is not None and any(view.gates for view in views)
    turn.set(
        pairing=Pairing(
            peer_boot=report.boot if report is not None and is_begun else "",
            units=tuple((view.settings.name, gate.unit) for view in views for gate in view.gates),
            sessions=tuple(each for view in views for each in sessions_behind(view, turn)),
            inserted=tuple(view.settings.name for view in views if _may_be_inserted(turn, view)),
            is_told=all(view.has_two_active for view in views),
        )
    )
    services.assume_running(turn)
    for view in views:
        promotion.watch(turn, view)


def _may_be_inserted(turn: Turn, view: VolumeView) -> bool:
    """Whether the peer's copy was in the mirror, so that it is lost if it is not seen there: not by a ggate alone.

    A mirror that waits for one more component has lost it: what its ggate was given then may still be on its way.
    """
    if view.remote is not None or not view.gates:
        return view.remote is not None
    mirror = view.mirror
    is_lost = mirror is not None and mirror.wanted_components > len(mirror.components)
    return is_lost or turn.state.record(view.settings.name).copy is CopyState.IN_SYNC


def _adopt(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """Go on where the earlier life of the agent stopped."""
    turn.become(Role.PRIMARY, "the agent was restarted and took over the running group")
    is_in_sync = all(record.copy is CopyState.IN_SYNC for _, record in turn.state.records)
    turn.set(
        in_sync_since=turn.now if is_in_sync else None,
        unprotected_since=None if is_in_sync else turn.now,
    )
    if is_in_sync and not all(view.has_two_active for view in views):
        parting.begin(turn, f"{parting.UNANNOUNCED} the peer's copy while no agent ran")
    guard.arm(turn)
    routers.lead(turn)
    routers.set_candidacy(turn, is_candidate=True)
    addresses.bring_up(turn)


def _recall_exports(turn: Turn, views: tuple[VolumeView, ...]) -> None:
    """An export of this boot that still runs is this node's session, whoever started it."""
    for view in views:
        name = view.settings.name
        record = turn.state.record(name)
        session = record.session.removeprefix(changes.EXPORT)
        if changes.is_exported(record) and view.export_sessions() == {session}:
            turn.set(
                sessions=put(turn.state.sessions, name, session),
                synced_images=put(turn.state.synced_images, name, turn.now),
            )
            turn.do(WatchImage(volume=name, image=view.settings.image, is_on=True))
