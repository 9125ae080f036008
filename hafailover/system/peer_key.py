"""Is the pre-shared key of the peer channel there, long enough, and nobody else's business?"""

import os
import stat
from pathlib import Path
from typing import Final

from hafailover.errors import KeyFileError

KEY_BYTES_MIN: Final = 32
KEY_BYTES_MAX: Final = 4096
_MAKE: Final = "make one and copy it to the peer: openssl rand -hex 32 > FILE; chmod 600 FILE"


def read_key(path: Path) -> bytes:
    """Return the key: the content of the file without white space around it.

    Raises:
        KeyFileError: It is missing, too short, of another owner, or readable by others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileError(path, error.strerror or str(error), hint=_MAKE) from error
    try:
        status = os.fstat(descriptor)
        content = os.read(descriptor, KEY_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(path, "is not a plain file", hint=_MAKE)
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        problem = f"mode {mode:04o} lets others read or write the key"
        raise KeyFileError(path, problem, hint=f"chmod 600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        problem = f"belongs to user {status.st_uid}"
        raise KeyFileError(path, problem, hint=f"chown root {path}")
    key = content.strip()
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        problem = f"has {len(key)} bytes; {KEY_BYTES_MIN} to {KEY_BYTES_MAX} are wanted"
        raise KeyFileError(path, problem, hint=_MAKE)
    return key
