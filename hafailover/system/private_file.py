"""Is a file with a secret there, and nobody else's business?"""

import os
import stat
from pathlib import Path

from hafailover.errors import KeyFileError


def read_private(path: Path, limit: int, *, what: str, make: str) -> bytes:
    """Return the content of a secret's file without white space around it.

    Args:
        path: The file.
        limit: So many bytes are read, and one more, so that too long a file shows.
        what: What it holds, for the messages: ``the key``.
        make: How a person makes such a file.

    Raises:
        KeyFileError: It is missing, of another owner, or readable by others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyFileError(path, error.strerror or str(error), hint=make) from error
    try:
        status = os.fstat(descriptor)
        content = os.read(descriptor, limit + 1)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileError(path, "is not a plain file", hint=make)
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        problem = f"mode {mode:04o} lets others read or write {what}"
        raise KeyFileError(path, problem, hint=f"chmod 600 {path}")
    if status.st_uid not in (0, os.geteuid()):
        problem = f"belongs to user {status.st_uid}"
        raise KeyFileError(path, problem, hint=f"chown root {path}")
    return content.strip()
