"""Do the records stand beside the images that an agent finds as it begins, or do the images say more than they?"""

from hafailover.group import parting
from hafailover.group.turn import Turn, put
from hafailover.lineage import changes
from hafailover.lineage.evidence import misfit, moved_counters, private_writes, written_alone
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.storage.facts import TailKind
from hafailover.storage.view import VolumeView
from hafailover.units import SECOND, later

_LOOK_AGAIN = SECOND // 2


def judge(turn: Turn, views: tuple[VolumeView, ...]) -> bool:
    """Say whether the records stand as they are, on disk as well.

    A record that does not fit its image is no record; a sector that moved without a record means private writes.
    """
    if not all(_is_seen(view) for view in views):
        if all(view.is_mounted for view in views):
            return (
                turn.state.is_durable
            )  # What runs is adopted by its record and its mirror; the image can wait.
        turn.set(
            refusal="an image could not be looked at: nothing is concluded from that",
            must_look=True,
            look_at=later(turn.now, _LOOK_AGAIN),
        )
        return False
    for view in views:
        name = view.settings.name
        record = turn.state.record(name)
        if record.copy is CopyState.UNKNOWN or view.image is None:
            continue
        problem = misfit(record, view.image, view.settings.size_bytes)
        if problem:
            turn.note(f"{name}: {problem}")
            _replace_in_memory(turn, name, problem)
            continue
        if _is_lost_first(turn, view):
            parting.call_doubtful(turn, name)
            break
        writes = writes_alone(turn, view)
        if not writes:
            continue
        turn.note(f"{name}: {writes}")
        if _was_exported(record):
            # What was acknowledged last may have been in this host's memory only: it is not the newest either.
            turn.set_records(((name, changes.diverged(record, writes)),))
            continue
        # What happens to one volume's peer copy happens to all of them.
        parting.go_on_alone(turn, lineage=turn.mint(), doubt=writes)
        turn.set_records(((name, changes.activated(turn.state.record(name), None)),))
    return turn.state.is_durable


def writes_alone(turn: Turn, view: VolumeView) -> str:
    """Say what shows that this copy was written without the other one; empty if nothing does."""
    record = turn.state.record(view.settings.name)
    if view.image is None or record.copy is CopyState.UNKNOWN:
        return ""
    if _was_exported(record):
        return written_alone(record, view.image)
    if changes.is_exported(record) or is_up(view):
        return ""
    return private_writes(record, view.image)


def _is_lost_first(turn: Turn, view: VolumeView) -> bool:
    """Whether an earlier life in this boot let the peer's copy go, and then did not come to see that its own was gone.

    A kernel keeps a mirror's last copy: one left over, its sector as recorded, was lost while that went on without it.
    """
    record, image = turn.state.record(view.settings.name), view.image
    known = record.activation
    is_ours = changes.is_active(record) and record.boot == turn.state.boot
    if record.copy is not CopyState.SOLE or not is_ours or view.mirror is not None or known is None:
        return False
    if image is None or image.metadata is None or image.metadata.mirror_id != known.mirror_id:
        return False
    return not moved_counters(record, image)


def _was_exported(record: LineageRecord) -> bool:
    """Whether the boot found this copy exported: it is behind, unless its sector shows that it was written alone."""
    return not record.is_open and record.copy is CopyState.STALE


def _is_seen(view: VolumeView) -> bool:
    """Whether the image was really looked at; that it is not there has been seen, too."""
    image = view.image
    return image is not None and (
        not image.exists or (not image.problem and image.tail is not TailKind.UNREAD)
    )


def _replace_in_memory(turn: Turn, name: str, problem: str) -> None:
    """Count the copy as unknown without touching the record on disk: an operator may still need what it says."""
    unknown = LineageRecord(
        copy=CopyState.UNKNOWN, doubt=problem, epoch=turn.state.record(name).epoch
    )
    turn.set(
        records=put(turn.state.records, name, unknown),
        durable=put(turn.state.durable, name, unknown),
    )


def is_up(view: VolumeView) -> bool:
    """Whether anything of a volume is attached or mounted here."""
    return bool(
        # A ggatec without its device can write nothing, and may not end for long (state D): it is no part of anything.
        view.mirror or view.disks or view.gates or view.is_mounted or view.device_mounts
    )
