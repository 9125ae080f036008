"""What does an agent do that has just begun, and cannot see its storage since a ggate of its earlier life is stuck?"""

from hafailover.group import addresses, demotion, parting, stalling
from hafailover.group.actions import WatchImage
from hafailover.group.contact import is_acting
from hafailover.group.exports import every_unit
from hafailover.group.turn import Turn, first, put
from hafailover.group.undertakings import Pairing
from hafailover.lineage import changes
from hafailover.lineage.record import CopyState, LineageRecord


def free_stuck_kernel(turn: Turn) -> None:
    """A restarted agent that cannot see its storage, because a ggate is stuck, lets the peer go from its record alone.

    Readers of the GEOM tree hang while a ggate does; waiting for them would be for ever.
    """
    state = turn.state
    was_serving = state.records and all(
        changes.is_active(record)
        and record.boot == state.boot
        and record.copy in (CopyState.IN_SYNC, CopyState.SOLE)
        for _, record in state.records
    )
    if was_serving:
        _watch_images(turn)
        _leave_bare(turn)
    if turn.now - state.role_since < 2 * turn.settings.timers.canary_patience:
        return
    if state.records and all(_is_attempted(turn, record) for _, record in state.records):
        _free_attempt(turn)
        return
    report = turn.peer_report
    if not was_serving or (report is not None and is_acting(report)):
        return
    if state.dropping is None:
        if not stalling.is_image_proved(turn.state, turn.now):
            return
        turn.set(pairing=Pairing(units=every_unit(turn), is_told=True))
        parting.begin(turn, "the storage cannot be seen since the agent was restarted")
    parting.let_go(turn)


def _watch_images(turn: Turn) -> None:
    """See whether this node's own images take writes: only beside such a copy the peer's is let go.

    The kernel may have dropped this node's copy for an error of its disk, and nobody can look whether it has.
    """
    unproved = stalling.unproved_at(turn.now)
    for volume in turn.settings.volumes:
        if first(turn.state.synced_images, volume.name) is None:
            turn.do(WatchImage(volume=volume.name, image=volume.image, is_on=True))
            turn.set(synced_images=put(turn.state.synced_images, volume.name, unproved))


def _leave_bare(turn: Turn) -> None:
    """Take the address from a bare mount point, once for each look: mount(8) does not wait for GEOM.

    The kernel unmounts by force what no copy is left of.
    """
    facts, is_fresh = turn.state.facts, turn.state.facts_at == turn.now
    if facts is None or facts.mounts is None or not is_fresh or turn.state.addressing is not None:
        return
    mounted = {each.mount_point for each in facts.mounts}
    is_bare = any(volume.mount_point not in mounted for volume in turn.settings.volumes)
    if is_bare and addresses.were_up(turn):
        addresses.take_down(turn)


def end(turn: Turn) -> None:
    """The storage is seen, and nothing is up: no image is watched before it is exported."""
    if turn.state.synced_images:
        demotion.stop_watching(turn)


def _is_attempted(turn: Turn, record: LineageRecord) -> bool:
    """Whether an earlier life in this boot was about to promote the copy: nothing is mounted before the commit."""
    is_own = changes.is_active(record) and record.boot == turn.state.boot
    return is_own and record.copy is CopyState.TOUCHED


def _free_attempt(turn: Turn) -> None:
    """A ggate made for a promotion hangs as the kernel tastes it: nobody has written through it, so it may go."""
    if turn.state.dropping is None:
        turn.set(pairing=Pairing(units=every_unit(turn)))
        parting.leave_behind(turn, "the storage cannot be seen since the agent was restarted")
    parting.let_go(turn)
