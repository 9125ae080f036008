"""A copy of a closed image in a file that any host can use: no marker, no metadata, every byte on the disk."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from hafailover.errors import EdgeError
from hafailover.lineage.compare import USABLE
from hafailover.lineage.record import CopyState
from hafailover.setup.facts import VolumeFacts
from hafailover.setup.refusals import Refused
from hafailover.storage.facts import StorageFacts
from hafailover.storage.tail import SECTOR_SIZE, ZERO_SECTOR
from hafailover.storage.view import view_volume
from hafailover.system.work import sync_directory

_CHUNK: Final = 1 << 20


def export_refusal(
    volume: VolumeFacts, storage: StorageFacts, *, although_stale: bool = False
) -> Refused | None:
    """Return why a volume's image is not copied; None = it is closed, and its copy is whole.

    ``although_stale``: one that the other node has gone on without will do, if there is a file system on it.
    """
    settings = volume.settings
    view = view_volume(settings, storage)
    if view is None:
        return Refused(f"the storage cannot be seen: {storage.problem}", "look at the host")
    if not view.is_untouched:
        return Refused(
            f"{settings.image} is in use on this node: what is copied meanwhile would be torn",
            "stop the agent here (service hafailover stop), and see with hafailover status on the "
            "other node that it serves",
        )
    record = volume.record
    if record is None or volume.misfit:
        return Refused(
            f"{settings.image} has no valid record: {volume.misfit or 'none was ever written'}",
            "export the other node's copy",
        )
    if record.is_open:
        return Refused(
            f"the record of {settings.name} says that its image is still open",
            "start the agent and stop it again in order: service hafailover start, then stop",
        )
    if record.copy is CopyState.STALE:
        return _refusal_of_stale(volume, although_stale=although_stale)
    if record.copy not in USABLE:
        return Refused(
            f"the copy of {settings.name} on this node is {record.copy.value}",
            "export the other node's copy; if that is lost for good, copy the file itself and "
            "check it with fsck_ffs",
        )
    return None


def _refusal_of_stale(volume: VolumeFacts, *, although_stale: bool) -> Refused | None:
    name = volume.settings.name
    if volume.content is None or volume.content.superblock is None:
        return Refused(
            f"the copy of {name} on this node is stale, and no file system is on it",
            "export the other node's copy",
        )
    if not although_stale:
        return Refused(
            f"the copy of {name} on this node is stale: the other node has gone on without it",
            "if what was written since may be missing, as after a stop of the agent a moment ago: "
            "--although-stale; otherwise export the other node's copy",
        )
    return None


def copy_image(source: Path, target: Path, size: int, tell: Callable[[int, int], None]) -> str:
    """Copy an image without its last sector's content; returns the SHA-256 of what was written.

    Raises:
        EdgeError: The target exists already, or something failed; nothing is left of it then.
    """
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise EdgeError(f"{target}: {error.strerror}") from error
    try:
        with source.open("rb") as origin, os.fdopen(descriptor, "wb") as file:
            digest = _copy(origin, file, size, tell)
            os.fsync(file.fileno())
        sync_directory(str(target.parent))
    except OSError as error:
        target.unlink(missing_ok=True)
        raise EdgeError(f"{target}: {error.strerror}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return digest


def _copy(origin: BinaryIO, file: BinaryIO, size: int, tell: Callable[[int, int], None]) -> str:
    digest = hashlib.sha256()
    end = size - SECTOR_SIZE
    for at in range(0, end, _CHUNK):
        chunk = origin.read(min(_CHUNK, end - at))
        file.write(chunk)
        digest.update(chunk)
        tell(at, size)
    file.write(ZERO_SECTOR)
    digest.update(ZERO_SECTOR)
    file.flush()
    if file.tell() != size:
        raise EdgeError(f"the image ended after {file.tell()} of {size} bytes")
    return digest.hexdigest()
