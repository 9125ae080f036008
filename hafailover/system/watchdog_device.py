"""How is the kernel's watchdog patted (watchdog(4), /dev/fido)?

Two forms of the same call are in use. Up to FreeBSD 14 ``WDIOCPATPAT`` takes ``WD_ACTIVE`` and an
exponent: the span is a power of two in nanoseconds. From 15 on ``WDIOC_SETTIMEOUT`` takes an
``sbintime_t``; the older call is still there, but shifts a 32-bit number by the exponent, so that four
seconds become one nanosecond. Hence the newer one is tried first. It hands drivers of the older kind
the number of bits of the span, so a span just below a power of two means the same to both kinds
(``sys/dev/watchdog/watchdog.c``, ``sys/sys/watchdog.h``).
"""

import errno
import fcntl
import json
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

SOCKET_VARIABLE: Final = "HAFAILOVER_WATCHDOG"
"""Names a UNIX socket that stands for the watchdog: in the lab."""
FIDO: Final = Path("/dev/fido")

_IN: Final = 0x8000_0000
"""``IOC_IN`` of sys/ioccom.h: the kernel copies the argument in."""
_WD_ACTIVE: Final = 0x0800_0000
_WD_CTRL_DISABLE: Final = 0
_SLACK_NS: Final = 1_000
_ANSWER_S: Final = 1.0


def _iow(number: int, size: int) -> int:
    return _IN | size << 16 | ord("W") << 8 | number


WDIOCPATPAT: Final = _iow(42, 4)
WDIOC_CONTROL: Final = _iow(51, 4)
WDIOC_SETTIMEOUT: Final = _iow(53, 8)


class WatchdogDevice(Protocol):
    """What resets the host when it is not patted."""

    def pat(self, span_ns: int) -> None:
        """Arm it, or let its time begin anew: after at most ``span_ns`` it resets the host.

        Args:
            span_ns: A power of two.

        Raises:
            OSError: It could not be done.
        """
        ...

    def disarm(self) -> None:
        """Switch it off.

        Raises:
            OSError: It may still be armed.
        """
        ...


class Fido:
    """The device of FreeBSD's kernel. Closing it, and the end of the process, disarm nothing."""

    def __init__(self, path: Path = FIDO) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._is_newer = True

    def pat(self, span_ns: int) -> None:
        """Pat it."""
        if self._is_newer:
            try:
                self._control(WDIOC_SETTIMEOUT, sbintime(span_ns - _SLACK_NS))
            except OSError as error:
                if error.errno != errno.ENOTTY:
                    raise
                self._is_newer = False
            else:
                return
        self._control(WDIOCPATPAT, struct.pack("=I", _WD_ACTIVE | exponent(span_ns)))

    def disarm(self) -> None:
        """Switch it off."""
        if self._is_newer:
            self._control(WDIOC_CONTROL, struct.pack("=i", _WD_CTRL_DISABLE))
        else:
            self._control(WDIOCPATPAT, struct.pack("=I", 0))

    def _control(self, request: int, argument: bytes) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(self._descriptor, request, argument)


class WatchdogSocket:
    """A watchdog behind a UNIX socket, one JSON line for each order: ``{"watchdog": nanoseconds}``."""

    def __init__(self, path: str) -> None:
        self._path = path

    def pat(self, span_ns: int) -> None:
        """Pat it."""
        self._order(span_ns)

    def disarm(self) -> None:
        """Switch it off."""
        self._order(0)

    def _order(self, span_ns: int) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as way:
            way.settimeout(_ANSWER_S)
            way.connect(self._path)
            way.sendall(json.dumps({"watchdog": span_ns}).encode() + b"\n")
            if b'"ok": true' not in way.recv(4096):
                raise OSError(errno.EOPNOTSUPP, "the watchdog did not take it")


def exponent(span_ns: int) -> int:
    """Return n of a span of 2^n nanoseconds."""
    assert span_ns > 0 and span_ns & (span_ns - 1) == 0, span_ns  # noqa: S101, PT018
    return span_ns.bit_length() - 1


def sbintime(span_ns: int) -> bytes:
    """Return a span as ``sbintime_t``: seconds with 32 binary places, rounded down."""
    return struct.pack("=q", (span_ns << 32) // 1_000_000_000)


def find_watchdog(environment: Mapping[str, str]) -> WatchdogDevice:
    """Return this host's watchdog; whether it is there shows when it is armed."""
    path = environment.get(SOCKET_VARIABLE)
    return WatchdogSocket(path) if path else Fido()


def explain(error: OSError) -> str:
    """Return why the watchdog cannot be armed, and what a person does about it."""
    match error.errno:
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            return f"there is no {FIDO}: kldload the driver of the host's watchdog (ichwd, amdsbwd, ipmi)"
        case errno.EOPNOTSUPP:
            return "no watchdog takes such a span: kldload ichwd, amdsbwd or ipmi, or change watchdog.timeout"
        case errno.EACCES | errno.EPERM:
            return f"{FIDO} may not be opened: run as root, outside of a jail"
        case _:
            return f"{FIDO}: {error.strerror or error}"
