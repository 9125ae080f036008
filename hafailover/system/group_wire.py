"""The VRRP wire of all groups of a node: advertisements out and in, announcements out."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from hafailover.errors import EdgeError
from hafailover.group.events import AdvertisementAccepted, Event, SignOfLife
from hafailover.group.routers import PRIORITY_PRIMARY
from hafailover.group.settings import GroupSettings
from hafailover.system.advert_receiver import AdvertReceiver
from hafailover.system.advert_socket import AdvertSocket, Received
from hafailover.system.frame_set import FrameOrder, FrameSet, frame_order
from hafailover.system.second_reading import SecondReading
from hafailover.vrrp.acceptance import Accepted, Ignored, IgnoredReason, accept
from hafailover.vrrp.advertisement import Advertisement, Malformed
from hafailover.vrrp.settings import Address, Family, RouterSettings

NETWORK: Final = "lan"
"""The network on which VRRP is spoken, by the name that the groups know."""

_PROVES_NOTHING: Final = frozenset(
    {IgnoredReason.TTL, IgnoredReason.OWN_PACKET, IgnoredReason.UNEXPECTED_SOURCE}
)
"""Such a message may come from anywhere. Any other, from the peer's address, shows that it lives."""


class FrameSender(Protocol):
    """Sends Ethernet frames on one interface."""

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send them, one after the other."""
        ...

    def close(self) -> None:
        """Send no more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WireReports:
    """Whom the wire tells what."""

    feed: Callable[[str, Event], None]
    """What happened to a group."""

    problem: Callable[[str, str], None]
    """What did not work for a group, as a sentence."""


class _Inlet:
    """Decides on what arrives for the router of one group and family."""

    def __init__(self, group: str, router: RouterSettings, reports: WireReports) -> None:
        self.router = router
        self.ignored: Counter[IgnoredReason] = Counter()
        self._group = group
        self._reports = reports
        self.second_reading = SecondReading(partial(reports.problem, group))

    def hear(self, found: Advertisement | Malformed, received: Received) -> None:
        verdict = accept(self.router, found)
        match verdict:
            case Accepted(advertisement=advertisement):
                event = AdvertisementAccepted(
                    family=self.router.family, advertisement=advertisement
                )
                self._reports.feed(self._group, event)
                self.second_reading.note(received, advertisement)
            case Ignored(reason=reason, source=source):
                self.ignored[reason] += 1
                if source in self.router.expected_peers and reason not in _PROVES_NOTHING:
                    event_ = SignOfLife(network=NETWORK, what=verdict.sentence)
                    self._reports.feed(self._group, event_)


class GroupWire:
    """The ports ``Wire`` and ``Announcer`` of the runtime.

    Groups on the same interface share a socket per address family: a flood is read once.
    """

    def __init__(
        self,
        groups: Iterable[GroupSettings],
        frames: Mapping[tuple[str, Family], FrameSet],
        sender: Callable[[str], FrameSender],
        reports: WireReports,
    ) -> None:
        """Open the sockets.

        Args:
            groups: all of this node that take part in VRRP.
            frames: what ``scapy_process.build`` made of ``frame_orders``.
            sender: makes the sender of Ethernet frames for an interface.
            reports: whom to tell.

        Raises:
            EdgeError: an interface or the privilege is missing.
        """
        self._frames = dict(frames)
        self._reports = reports
        self._wires: dict[tuple[str, Family, Address], AdvertSocket] = {}
        self._receivers: dict[tuple[str, Family, Address], AdvertReceiver] = {}
        self._routes: dict[tuple[str, Family], AdvertSocket] = {}
        self._inlets: dict[tuple[str, Family], _Inlet] = {}
        self._senders: dict[str, FrameSender] = {}
        self._interfaces: dict[str, str] = {}
        try:
            for group in groups:
                self._open(group, sender)
        except EdgeError:
            self.close()
            raise

    @property
    def readers(self) -> tuple[tuple[int, Callable[[], None]], ...]:
        """Descriptors, and what to call when one of them is readable."""
        return tuple(
            (wire.fileno(), self._receivers[key].read) for key, wire in self._wires.items()
        )

    def read(self) -> None:
        """Take what has arrived; to be called before deadlines are worked off.

        What arrived in time must count, even if this process was late.
        """
        for receiver in self._receivers.values():
            receiver.read()

    def send_advertisement(self, group: str, family: int, priority: int) -> None:
        """Send one advertisement of the group's router of this address family."""
        key = (group, Family(family))
        try:
            for frame in self._frames[key].with_priority(priority):
                self._routes[key].send(frame)
        except EdgeError as error:
            self._reports.problem(group, error.message)

    def announce(self, group: str) -> None:
        """Send one round of gratuitous ARP and unsolicited neighbour advertisements."""
        try:
            for (name, _family), frames in self._frames.items():
                if name == group:
                    self._senders[self._interfaces[group]].send(frames.announcements)
        except EdgeError as error:
            self._reports.problem(group, error.message)

    def ignored(self, group: str, family: Family) -> Mapping[IgnoredReason, int]:
        """Return how many messages did not count for a router, by reason."""
        return self._inlets[group, family].ignored

    async def aclose(self) -> None:
        """End the children that still read, and close the sockets."""
        for inlet in self._inlets.values():
            await inlet.second_reading.close()
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        for wire in self._wires.values():
            wire.close()
        for sender in self._senders.values():
            sender.close()

    def _open(self, group: GroupSettings, sender: Callable[[str], FrameSender]) -> None:
        self._interfaces[group.name] = group.interface
        if group.interface not in self._senders:
            self._senders[group.interface] = sender(group.interface)
        for router in group.routers:
            key = (group.interface, router.family, router.primary_address)
            if key not in self._wires:
                self._wires[key] = AdvertSocket(*key)
                report = partial(self._tell, group.name)
                self._receivers[key] = AdvertReceiver(self._wires[key], report)
            inlet = _Inlet(group.name, router, self._reports)
            self._receivers[key].listen(router.vrid, inlet)
            self._inlets[group.name, router.family] = inlet
            self._routes[group.name, router.family] = self._wires[key]

    def _tell(self, group: str, error: EdgeError) -> None:
        self._reports.problem(group, error.message)


def frame_orders(
    groups: Iterable[GroupSettings], macs: Mapping[str, str]
) -> dict[tuple[str, Family], FrameOrder]:
    """Order everything that the groups can have to send.

    Args:
        groups: all of this node that take part in VRRP.
        macs: the MAC address of each interface.
    """
    return {
        (group.name, router.family): frame_order(router, macs[group.interface], PRIORITY_PRIMARY)
        for group in groups
        for router in group.routers
    }
