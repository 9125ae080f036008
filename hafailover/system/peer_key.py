"""Is the pre-shared key of the peer channel there, long enough, and nobody else's business?"""

from pathlib import Path
from typing import Final

from hafailover.errors import KeyFileError
from hafailover.system.private_file import read_private

KEY_BYTES_MIN: Final = 32
KEY_BYTES_MAX: Final = 4096
_MAKE: Final = "make one and copy it to the peer: openssl rand -hex 32 > FILE; chmod 600 FILE"


def read_key(path: Path) -> bytes:
    """Return the key: the content of the file without white space around it.

    Raises:
        KeyFileError: It is missing, too short, of another owner, or readable by others.
    """
    key = read_private(path, KEY_BYTES_MAX, what="the key", make=_MAKE)
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        problem = f"has {len(key)} bytes; {KEY_BYTES_MIN} to {KEY_BYTES_MAX} are wanted"
        raise KeyFileError(path, problem, hint=_MAKE)
    return key
