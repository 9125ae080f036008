"""Sends Ethernet frames on an interface of a FreeBSD host: bpf(4).

The kernel itself announces an IPv4 address once, when it is added; repeats, refreshes and everything
of IPv6 are left to us.
"""

import errno
import fcntl
import os
import struct
from typing import Final

from hafailover.errors import NotPermittedError
from hafailover.system.advert_socket import WireError

DEVICE: Final = "/dev/bpf"
"""Each open of it makes a new instance."""

BIOCSETIF: Final = 0x8020426C
"""_IOW('B', 108, struct ifreq): bind to an interface."""

BIOCSHDRCMPLT: Final = 0x80044275
"""_IOW('B', 117, u_int): the source address stands in the frame already."""

_IFREQ: Final = struct.Struct("16s16x")
_UINT: Final = struct.Struct("=I")
_NAME_MAX: Final = 15


class BpfAnnouncer:
    """Sends ready-made frames; what arrives is never read."""

    def __init__(self, interface: str) -> None:
        """Open an instance of bpf for the interface.

        Raises:
            NotPermittedError: /dev/bpf belongs to root.
            WireError: there is no such interface, or no bpf in the kernel.
        """
        self.interface = interface
        if len(interface) > _NAME_MAX:
            raise WireError(interface, "the name is longer than an interface's can be")
        try:
            # Only for writing: the kernel then keeps no traffic of the interface for a reader.
            self._descriptor = os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC)
        except PermissionError as error:
            raise NotPermittedError(f"opening {DEVICE} for announcements") from error
        except OSError as error:
            raise WireError(interface, f"cannot open {DEVICE}: {error}") from error
        try:
            fcntl.ioctl(self._descriptor, BIOCSETIF, _IFREQ.pack(interface.encode()))
            fcntl.ioctl(self._descriptor, BIOCSHDRCMPLT, _UINT.pack(1))
        except OSError as error:
            os.close(self._descriptor)
            raise WireError(interface, f"cannot attach {DEVICE}: {error}") from error

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send the frames, one after the other.

        Raises:
            WireError: the system did not take all of them.
        """
        try:
            for frame in frames:
                os.write(self._descriptor, frame)
        except OSError as error:
            down = "the interface is down" if error.errno == errno.ENETDOWN else str(error)
            raise WireError(self.interface, f"cannot announce: {down}") from error

    def close(self) -> None:
        """Close the instance."""
        os.close(self._descriptor)
