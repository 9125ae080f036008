"""Who has a file or a file system open, from fstat(1).

Columns of a line: user, command (padded to ten, may contain blanks), pid, and the descriptor or one
of a few words for other references, then mount point, inode, mode, size and R/W. What md(4) holds
is held by no process and is not listed.
"""

import re
from typing import Final

from hafailover.storage.facts import Opener
from hafailover.storage.observation import ObservationError

_HEADER: Final = re.compile(r"USER +CMD +PID +FD .*")
_LINE: Final = re.compile(
    r"(?P<user>\S+) +(?P<command>\S.*?) +(?P<pid>[0-9]{1,9}) +"
    r"(?:[0-9]{1,9}|text|wd|root|tr|jail|mmap|ctty)\*? (?P<rest>.*)"
)
_ACCESS: Final = re.compile(r".+ [0-9]+ +[-a-z][-rwxsStT]{9}[+ ] *\S+ +(?P<access>rw|r|w)(?: .*)?")


def parse_openers(text: str) -> tuple[Opener, ...]:
    """Return each process once, in the order of the output of ``fstat FILE`` or ``fstat -f DIR``.

    Raises:
        ObservationError: If the header is missing (fstat prints none when it cannot see the file),
            or a line has another form.
    """
    header, *lines = text.split("\n")
    if _HEADER.fullmatch(header) is None:
        raise ObservationError("fstat(1), header", header)
    names: dict[int, str] = {}
    writers: set[int] = set()
    for place, line in enumerate(lines, start=2):
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ObservationError(f"fstat(1), line {place}", line)
        pid = int(match["pid"])
        names.setdefault(pid, match["command"])
        access = _ACCESS.fullmatch(match["rest"])
        # What it may do with the file counts as writing unless the line plainly says otherwise.
        if access is None or "w" in access["access"]:
            writers.add(pid)
    return tuple(
        Opener(command=name, pid=pid, may_write=pid in writers) for pid, name in names.items()
    )
