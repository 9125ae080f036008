"""What a record says when its image is closed."""

import pytest

from hafailover.group import demotion, machine
from hafailover.group.events import Started
from hafailover.group.turn import Turn
from hafailover.lineage.changes import closed, exported
from hafailover.lineage.record import CopyState, ImageBinding, LineageRecord
from hafailover.sim import pair
from hafailover.storage.facts import ImageFacts, StorageFacts, TailKind
from hafailover.storage.view import view_volume
from hafailover.units import Instant

SIZE = pair.IMAGE_SIZE


def closing(tail: TailKind, marker: str) -> LineageRecord:
    """Close an exported copy whose image ends in ``tail``, and return its record."""
    binding = ImageBinding(device=1, inode=7, size_bytes=SIZE, birth_ns=0, close_id="before")
    base = closed(LineageRecord(copy=CopyState.IN_SYNC, lineage="L"), clean=True, binding=binding)
    record = exported(base, session="sites-1", boot="b", is_rebuild=False)
    settings = pair.group_settings("B")
    (volume,) = settings.volumes
    started = Started(boot="b", incarnation="i", entropy="00", records=((volume.name, record),))
    state = machine.step(machine.initial(settings), started, Instant(0), settings).state
    turn = Turn(state, Instant(1), settings)
    image = ImageFacts(exists=True, size_bytes=SIZE, device=1, inode=7, tail=tail, marker=marker)
    facts = StorageFacts(
        memory_disks=(),
        gates=(),
        mirrors=(),
        mounts=(),
        processes=(),
        images=((volume.image, image),),
    )
    view = view_volume(volume, facts)
    assert view is not None
    demotion.close(turn, (view,), ((volume.name, "now"),), clean=True)
    return turn.state.record(volume.name)


def test_an_export_that_ended_with_its_marker_is_still_in_sync() -> None:
    record = closing(TailKind.MARKER, "now")

    assert (record.copy, record.is_open) == (CopyState.IN_SYNC, False)


@pytest.mark.parametrize(("tail", "marker"), [(TailKind.ZERO, ""), (TailKind.MARKER, "before")])
def test_an_export_whose_image_was_never_synced_is_not_called_in_sync(
    tail: TailKind, marker: str
) -> None:
    record = closing(tail, marker)

    assert (record.copy, record.is_open) == (CopyState.STALE, False)
