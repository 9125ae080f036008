"""How are advertisements heard while carp(4) is loaded: through bpf(4), past the protocols.

The kernel then gives every packet of protocol 112 to CARP, and a raw socket receives nothing (seen
on 14.0). Sending is not affected: what goes out still goes through the raw socket, which also keeps
the membership of the multicast group, so that the card lets the group in.
"""

import os

from hafailover.system import bpf_frames
from hafailover.system.advert_socket import PACKETS_MAX, AdvertSocket, Received
from hafailover.system.bpf import Bpf
from hafailover.system.frame_set import Outgoing
from hafailover.vrrp.settings import Address, Family


class BpfAdvertSocket:
    """Sends as ``AdvertSocket`` does, and receives what comes in on the interface."""

    def __init__(self, interface: str, family: Family, primary_address: Address) -> None:
        """Open both.

        Raises:
            NotPermittedError: Both belong to root.
            WireError: There is no such interface.
        """
        self.interface = interface
        self._family = family
        self._own = primary_address
        self._raw = AdvertSocket(interface, family, primary_address)
        try:
            self._bpf = Bpf(interface, os.O_RDONLY)
            self._bpf.for_receiving(bpf_frames.program(family))
        except BaseException:
            self._raw.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor that is readable when a message is there."""
        return self._bpf.descriptor

    def close(self) -> None:
        """Leave the group and close both."""
        self._bpf.close()
        self._raw.close()

    def send(self, outgoing: Outgoing) -> None:
        """Send one advertisement.

        Raises:
            WireError: The system did not take it; the next one may go out again.
        """
        self._raw.send(outgoing)

    def receive(self) -> list[Received]:
        """Take what is there, a few buffers at most.

        Raises:
            WireError: The interface is gone.
        """
        taken: list[Received] = []
        for data in self._bpf.buffers("cannot receive"):
            for frame in bpf_frames.captured(data):
                found = bpf_frames.read_frame(frame, self._family, self._own)
                if found is not None:
                    taken.append(found)
            if len(taken) >= PACKETS_MAX:
                break
        return taken
