"""Which error numbers does FreeBSD use, and how does strerror(3) word them?

Numbers: sys/sys/errno.h. They equal Linux's only up to 34.
"""

from typing import Final

EPERM: Final = 1
ENOENT: Final = 2
EIO: Final = 5
ENXIO: Final = 6
ENOMEM: Final = 12
EBUSY: Final = 16
EEXIST: Final = 17
EINVAL: Final = 22
ENOSPC: Final = 28
EROFS: Final = 30
EOPNOTSUPP: Final = 45
ENOSYS: Final = 78
ECANCELED: Final = 85

_TEXTS: Final = {
    0: "No error: 0",
    EPERM: "Operation not permitted",
    ENOENT: "No such file or directory",
    EIO: "Input/output error",
    ENXIO: "Device not configured",
    ENOMEM: "Cannot allocate memory",
    EBUSY: "Device busy",
    EEXIST: "File exists",
    EINVAL: "Invalid argument",
    ENOSPC: "No space left on device",
    EROFS: "Read-only file system",
    EOPNOTSUPP: "Operation not supported",
    ENOSYS: "Function not implemented",
    ECANCELED: "Operation canceled",
}


def describe(error: int) -> str:
    """Return FreeBSD's text for ``error``."""
    return _TEXTS.get(error, f"Unknown error: {error}")
