"""Does an image still fit its record, and does its last sector show writes that no record announced?"""

from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import LineageRecord
from hafailover.storage.facts import ImageFacts, TailKind


def misfit(record: LineageRecord, image: ImageFacts, wanted_size: int) -> str:
    """Say why ``record`` is not a record of ``image``; empty if it is.

    A restored, copied, replaced or resized image fails here. While the copy is open the last sector belongs to
    whoever writes it, so the marker is asked for only when the record says closed.
    """
    if not image.exists:
        return image.problem or "the image file does not exist"
    if record.binding is None:
        return "the record is bound to no image"
    bound = record.binding
    if image.size_bytes != wanted_size:
        return f"the image has {image.size_bytes} bytes, the configuration says {wanted_size}"
    # The device number of a file system may change with a boot (ufs_getattr takes it from the disk's node); the birth
    # time does not, and no other file of the same inode number has it. Where nobody knows it, the device must do.
    is_same_device = image.device == bound.device or bound.birth_ns != 0
    if image.inode != bound.inode or not is_same_device:
        return "the record belongs to another file: the image was replaced or restored"
    if image.birth_ns != bound.birth_ns:
        return "the image file was created at another time than the record says"
    if image.tail is TailKind.UNREAD:
        return image.problem or "the last sector of the image cannot be read"
    known = {bound.close_id, record.closing_id} - {""}
    is_marked = image.tail is TailKind.MARKER and image.marker in known
    if not record.is_open and record.clean and not is_marked:
        return "the image does not carry the marker of its last closing: it was overwritten since"
    if not record.is_open and image.tail is TailKind.MARKER and not is_marked:
        return "the image carries the marker of another closing: it was overwritten with an older copy of itself"
    if image.tail is TailKind.FOREIGN:
        return (
            "the last sector of the image holds something that neither gmirror nor hafailover wrote"
        )
    return ""


def private_writes(record: LineageRecord, image: ImageFacts) -> str:
    """Say what shows that a usable copy was written alone without a record; empty if nothing does."""
    return moved_counters(record, image) if record.copy in USABLE else ""


def written_alone(record: LineageRecord, image: ImageFacts) -> str:
    """Say what shows that the primary's kernel lost its own component and wrote this exported copy alone.

    The sector is the primary's mirror's then, and its counters were taken over from the primary's record.
    """
    moved = moved_counters(record, image)
    return f"the peer's kernel went on with this copy alone: {moved}" if moved else ""


def moved_counters(record: LineageRecord, image: ImageFacts) -> str:
    """Say how the mirror's counters in the image's last sector differ from the recorded ones; empty if they do not.

    They start at known values with every activation (label: genid 0, syncid 1) and are recorded again after each
    insert. If the sector shows others, the kernel dropped the peer and went on.
    """
    if image.metadata is None or record.activation is None:
        return ""
    seen = image.metadata
    known = record.activation
    if seen.mirror_id != known.mirror_id:
        return ""  # The id is random for each life of the mirror: this sector is of another one.
    if (seen.genid, seen.syncid) == (known.genid, known.syncid):
        return ""
    return (
        f"the mirror's counters moved from genid {known.genid}, syncid {known.syncid} to genid {seen.genid}, "
        f"syncid {seen.syncid} without a record"
    )
