"""Sends Ethernet frames on an interface of a FreeBSD host: bpf(4).

The kernel itself announces an IPv4 address once, when it is added; repeats, refreshes and everything
of IPv6 are left to us.
"""

import errno
import os

from hafailover.system.advert_socket import WireError
from hafailover.system.bpf import Bpf


class BpfAnnouncer:
    """Sends ready-made frames; what arrives is never read."""

    def __init__(self, interface: str) -> None:
        """Open an instance of bpf for the interface.

        Raises:
            NotPermittedError: /dev/bpf belongs to root.
            WireError: there is no such interface, or no bpf in the kernel.
        """
        self.interface = interface
        # Only for writing: the kernel then keeps no traffic of the interface for a reader.
        self._bpf = Bpf(interface, os.O_WRONLY)
        self._bpf.for_sending()

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send the frames, one after the other.

        Raises:
            WireError: the system did not take all of them.
        """
        try:
            for frame in frames:
                os.write(self._bpf.descriptor, frame)
        except OSError as error:
            down = "the interface is down" if error.errno == errno.ENETDOWN else str(error)
            raise WireError(self.interface, f"cannot announce: {down}") from error

    def close(self) -> None:
        """Close the instance."""
        self._bpf.close()
