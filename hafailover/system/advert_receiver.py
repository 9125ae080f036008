"""Which virtual router does a received message belong to?"""

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from hafailover.errors import EdgeError
from hafailover.system.advert_socket import Received
from hafailover.vrrp.advertisement import Advertisement, Malformed, decode


class Listener(Protocol):
    """A virtual router, as the receiver sees it."""

    def hear(self, found: Advertisement | Malformed, received: Received) -> None:
        """Take note of a message for this VRID."""
        ...


class AdvertSource(Protocol):
    """Where messages come in."""

    def receive(self) -> list[Received]:
        """Take what is there, or raise ``EdgeError``."""
        ...


class AdvertReceiver:
    """Reads the socket that the routers of one interface and family share."""

    def __init__(
        self, wire: AdvertSource, on_error: Callable[[EdgeError], None] = lambda _: None
    ) -> None:
        """Listen on ``wire``; errors of the socket go to ``on_error``."""
        self._wire = wire
        self._on_error = on_error
        self._listeners: dict[int, Listener] = {}
        self.strangers: Counter[int | None] = Counter()
        """How many messages came for VRIDs that nobody has here; None: too short to name one."""

    def use(self, wire: AdvertSource) -> None:
        """Read another socket from now on."""
        self._wire = wire

    def listen(self, vrid: int, listener: Listener) -> None:
        """Give the messages of a virtual router to ``listener`` from now on."""
        self._listeners[vrid] = listener

    def read(self) -> None:
        """Take what is there.

        To be called when the socket is readable, and before every deadline: what arrived in time
        must count, even if this process was late.
        """
        try:
            arrived = self._wire.receive()
        except EdgeError as error:
            self._on_error(error)
            return
        for received in arrived:
            found = decode(
                received.payload,
                source=received.source,
                destination=received.destination,
                ttl=received.ttl,
            )
            listener = None if found.vrid is None else self._listeners.get(found.vrid)
            if listener is None:
                self.strangers[found.vrid] += 1
            else:
                listener.hear(found, received)
