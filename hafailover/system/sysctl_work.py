"""What a worker does to read a long sysctl(3) value, such as ``kern.geom.confxml``.

Where the C library has sysctlbyname(3), FreeBSD, it is called: a program started once a second for this costs
more than everything else that a host at rest makes the agent do. Elsewhere, in the lab, sysctl(8) is run.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PLC0415

from __future__ import annotations

import errno
import os

from hafailover.system.work import Refusal, run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    Call = Callable[..., int]

BYTES_MAX: Final = 4 * 1024 * 1024
"""``kern.geom.confxml`` of a host with hundreds of disks has some hundred kilobytes."""
_BYTES_AT_FIRST: Final = 64 * 1024


def read_sysctl(*, name: str, known: str = "") -> dict[str, Any]:
    """Return the value as bytes; nothing at all if its SHA-256 is ``known``."""
    call = _sysctlbyname()
    text = _run(name) if call is None else ask_kernel(call, name)
    if known:
        import hashlib

        if hashlib.sha256(text).hexdigest() == known:
            return {}
    return {"text": text}


def ask_kernel(call: Call, name: str) -> bytes:
    """Read a string value with sysctlbyname(3); the kernel ends it with a zero byte.

    Not asked for its length first: the kernel would draw up the whole text twice.
    """
    import ctypes

    size = _BYTES_AT_FIRST
    while size <= BYTES_MAX:
        room = ctypes.create_string_buffer(size)
        length = ctypes.c_size_t(size)
        if call(name.encode(), room, ctypes.byref(length), None, ctypes.c_size_t(0)) == 0:
            return room.raw[: length.value].rstrip(b"\0")
        number = ctypes.get_errno()
        if number != errno.ENOMEM:
            raise OSError(number, os.strerror(number), name)
        size *= 2
    raise Refusal(f"{name} has more than {BYTES_MAX} bytes")


def _sysctlbyname() -> Call | None:
    """Return the C library's function; None where there is none, or no way to call it."""
    try:
        import ctypes

        found: Call = ctypes.CDLL(None, use_errno=True).sysctlbyname
    except (ImportError, OSError, AttributeError):
        return None
    return found


def _run(name: str) -> bytes:
    status, text = run_program(("sysctl", "-n", name))
    if status != 0:
        raise Refusal(f"sysctl -n {name} ended with exit status {status}")
    if len(text) > BYTES_MAX:
        raise Refusal(f"{name} has more than {BYTES_MAX} bytes")
    return text
