"""What is mounted where, from plain mount(8).

Plain, because ``mount -p`` and ``-v`` ask every file system and hang on a hung one; the plain form
prints what the kernel has cached: ``DEVICE on DIRECTORY (TYPE, OPTION, ...)``. Nothing is escaped.
"""

import re
from typing import Final

from hafailover.storage.facts import Mount
from hafailover.storage.observation import ObservationError

_LINE: Final = re.compile(r"(?P<what>.+) \((?P<options>[^()]*)\)")
_SEPARATOR: Final = " on /"
_READ_ONLY: Final = "read-only"


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """Return the mounts in the order of the kernel's list, topmost last.

    Raises:
        ObservationError: If a line has another form or can be read in two ways, or there is none.
    """
    lines = enumerate(text.split("\n"), start=1)
    found = tuple(_mount(line, f"mount(8), line {place}") for place, line in lines if line)
    if not found:
        # There is always a root: no line at all means no answer, not "nothing is mounted".
        raise ObservationError("mount(8)", text)
    return found


def _mount(line: str, what: str) -> Mount:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ObservationError(what, line)
    device, mount_point = _split(match["what"], what)
    kind, *options = (word.strip() for word in match["options"].split(","))
    if not kind:
        raise ObservationError(what, line)
    return Mount(
        device=device,
        mount_point=mount_point,
        kind=kind,
        is_read_only=_READ_ONLY in options,
    )


def _split(text: str, what: str) -> tuple[str, str]:
    """Split ``DEVICE on DIRECTORY``; a directory may contain `` on /``, a device in /dev not."""
    device, found, mount_point = text.partition(_SEPARATOR)
    if not found or not device:
        raise ObservationError(what, text)
    if _SEPARATOR in mount_point and not device.startswith("/dev/"):
        raise ObservationError(f"{what}, which can be read in two ways", text)
    return device, f"/{mount_point}"
