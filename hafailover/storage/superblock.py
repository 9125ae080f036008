"""Is a UFS clean, from dumpfs(8)? One of its lines is ``cgrotor N fmod N ronly N clean N``."""

import re
from typing import Final

from hafailover.storage.observation import ObservationError

_CLEAN: Final = re.compile(
    r"^cgrotor\t[0-9]+\tfmod\t[0-9]+\tronly\t[0-9]+\tclean\t([0-9]+)$", re.MULTILINE
)


def parse_clean(text: str) -> bool:
    """Return whether the clean byte is set: it is zeroed by a read-write mount, set by an unmount.

    Raises:
        ObservationError: If the line is not there exactly once (no superblock, or a cut text).
    """
    found = _CLEAN.findall(text)
    if len(found) != 1:
        raise ObservationError("dumpfs(8), clean", f"{len(found)} such lines")
    return bool(found[0] != "0")
