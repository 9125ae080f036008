"""Sends Ethernet frames on an interface of a Linux host: packet(7)."""

import socket

from hafailover.errors import NotPermittedError
from hafailover.system.advert_socket import WireError


class LinuxAnnouncer:
    """Sends ready-made frames; receives nothing, blocks never."""

    def __init__(self, interface: str) -> None:
        """Open the socket.

        Raises:
            NotPermittedError: packet sockets need root.
            WireError: there is no such interface.
        """
        self.interface = interface
        try:
            # Protocol 0: the kernel puts nothing that arrives into this socket.
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise NotPermittedError("opening a packet socket for announcements") from error
        try:
            self._socket.settimeout(0)
            self._socket.bind((interface, 0))
        except OSError as error:
            self._socket.close()
            raise WireError(interface, str(error)) from error

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send the frames, one after the other.

        Raises:
            WireError: the system did not take all of them.
        """
        try:
            for frame in frames:
                self._socket.send(frame)
        except OSError as error:
            raise WireError(self.interface, f"cannot announce: {error}") from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
