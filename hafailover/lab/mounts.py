"""mount(2), umount2(2), unshare(2) and setns(2), for which Python has no names of its own."""

from __future__ import annotations

import ctypes
import os
from typing import Final

MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

_libc: Final = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """Mount ``source`` on ``target``.

    Raises:
        OSError: as mount(2) says.
    """
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _raise_if(result, target)


def umount(target: str, flags: int = 0) -> None:
    """Unmount ``target``.

    Raises:
        OSError: as umount2(2) says: EBUSY while a file is open or a process stands in it.
    """
    _raise_if(_libc.umount2(target.encode(), flags), target)


def unshare(flags: int) -> None:
    """Give this process namespaces of its own; a new pid namespace begins with its next child.

    Raises:
        OSError: as unshare(2) says.
    """
    _raise_if(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Let this thread join the namespace that ``descriptor`` stands for.

    Raises:
        OSError: as setns(2) says.
    """
    _raise_if(_libc.setns(descriptor, kind), "setns")


def _raise_if(result: int, subject: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), subject)
