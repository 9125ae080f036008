"""Where do the advertisements of all groups go out, and whose are those that come in?

Routers of one interface and family share a socket. Frames are built once, at start, and kept as
bytes. What is no valid advertisement is counted by reason; if it came from the peer all the same, it
is told as a sign of life, now and then.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from hafailover.errors import EdgeError
from hafailover.group.events import AdvertisementAccepted, Event, SignOfLife
from hafailover.group.settings import GroupSettings
from hafailover.system.advert_receiver import AdvertReceiver, AdvertSource
from hafailover.system.advert_socket import Received, WireError
from hafailover.system.frame_set import FrameSet, Outgoing
from hafailover.system.second_reading import SecondReading
from hafailover.vrrp.acceptance import Accepted, Ignored, IgnoredReason, accept
from hafailover.vrrp.advertisement import Advertisement, Malformed
from hafailover.vrrp.settings import Address, Family, RouterSettings

_SIGN_PERIOD_S: Final = 0.25
_LIVING: Final = frozenset(
    {
        IgnoredReason.PASSWORD,
        IgnoredReason.AUTH_TYPE,
        IgnoredReason.VERSION,
        IgnoredReason.INTERVAL,
        IgnoredReason.ZERO_INTERVAL,
        IgnoredReason.IPV6_LIST,
        IgnoredReason.ADDRESS_LIST,
    }
)
"""Reasons that only a VRRP router on this link can give."""

Feed = Callable[[str, Event], None]
Say = Callable[[str], None]


class FrameSender(Protocol):
    """Sends ready-made Ethernet frames on one interface."""

    def send(self, frames: tuple[bytes, ...]) -> None:
        """Send them, or raise ``EdgeError``."""
        ...

    def close(self) -> None:
        """Send no more."""
        ...


class Wire(AdvertSource, Protocol):
    """Sends and receives the advertisements of one interface and family."""

    @property
    def interface(self) -> str:
        """Whose they are."""
        ...

    def fileno(self) -> int:
        """Return the descriptor that is readable when one is there."""
        ...

    def send(self, outgoing: Outgoing) -> None:
        """Send one, or raise ``EdgeError``."""
        ...

    def close(self) -> None:
        """Send and receive no more."""
        ...


OpenWire = Callable[[str, Family, Address], Wire]
"""Opens one for an interface, a family and this node's own address there."""


class _Ear:
    """One virtual router of one group, as the receiver sees it."""

    def __init__(
        self, port: "VrrpPort", group: str, network: str, settings: RouterSettings
    ) -> None:
        self._port = port
        self._group = group
        self._network = network
        self._settings = settings
        self._signed_at = float("-inf")

    def hear(self, found: Advertisement | Malformed, received: Received) -> None:
        verdict = accept(self._settings, found)
        match verdict:
            case Accepted(advertisement=advertisement):
                # What was accepted had the right password; in the journal it would be read by others.
                event = AdvertisementAccepted(
                    family=self._settings.family,
                    advertisement=replace(advertisement, authentication=b""),
                )
                self._port.feed(self._group, event)
                self._port.read_again(received, advertisement)
            case Ignored():
                self._port.ignored[self._group, verdict.reason] += 1
                self._tell_life(verdict)

    def _tell_life(self, verdict: Ignored) -> None:
        peers = self._settings.expected_peers
        now = self._port.loop.time()
        if verdict.reason not in _LIVING or verdict.source not in peers:
            return
        if now - self._signed_at >= _SIGN_PERIOD_S:
            self._signed_at = now
            sign = SignOfLife(network=self._network, what=f"VRRP: {verdict.reason.value}")
            self._port.feed(self._group, sign)


class VrrpPort:
    """The sockets of all groups."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        feed: Feed,
        say: Say,
        lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Make the port; ``lost`` is told of an interface whose sockets are of no use any more."""
        self.loop = loop
        self.feed = feed
        self.ignored: Counter[tuple[str, IgnoredReason]] = Counter()
        self._say = say
        self._lost = lost
        self._frames: dict[tuple[str, int], FrameSet] = {}
        self._wires: dict[tuple[str, int], Wire] = {}
        self._receivers: dict[tuple[str, int], AdvertReceiver] = {}
        self._own: dict[tuple[str, int], Address] = {}
        self._senders: dict[str, FrameSender] = {}
        self._groups: dict[str, GroupSettings] = {}
        self._second = SecondReading(say)
        self._failing: set[str] = set()

    def open(
        self,
        groups: Iterable[GroupSettings],
        frames: Mapping[tuple[str, int], FrameSet],
        networks: Mapping[str, str],
        *,
        open_sender: Callable[[str], FrameSender],
        open_wire: OpenWire,
    ) -> None:
        """Open the sockets and begin to listen.

        Args:
            groups: The groups.
            frames: What each (group, family) sends.
            networks: The name of the network that each interface is on.
            open_sender: Opens what sends frames on an interface.
            open_wire: Opens what advertisements go through.

        Raises:
            EdgeError: A socket cannot be opened.
        """
        self._open_sender, self._open_wire = open_sender, open_wire
        self.use_frames(frames)
        for group in groups:
            self._groups[group.name] = group
            if group.interface not in self._senders:
                self._senders[group.interface] = open_sender(group.interface)
            for router in group.routers:
                network = networks.get(group.interface, "lan")
                ear = _Ear(self, group.name, network, router)
                self._receiver(group.interface, router).listen(router.vrid, ear)

    def use_frames(self, frames: Mapping[tuple[str, int], FrameSet]) -> None:
        """Send these from now on."""
        self._frames.update(frames)

    def let_go(self, interface: str) -> None:
        """Close what is open on an interface: nothing is sent or heard there until ``take``."""
        for key in [key for key in self._wires if key[0] == interface]:
            wire = self._wires.pop(key)
            self.loop.remove_reader(wire.fileno())
            wire.close()
        sender = self._senders.pop(interface, None)
        if sender is not None:
            sender.close()

    def take(self, interface: str) -> None:
        """Open again, on what has the name now, what ``let_go`` has closed.

        Raises:
            EdgeError: It cannot be opened; nothing is open then.
        """
        self._failing.discard(interface)
        try:
            self._senders[interface] = self._open_sender(interface)
            for key in [key for key in self._receivers if key[0] == interface]:
                wire = self._open_wire(interface, Family(key[1]), self._own[key])
                self._receivers[key].use(wire)
                self._listen(key, wire)
        except EdgeError:
            self.let_go(interface)
            raise

    def reopen(self, open_wire: OpenWire) -> None:
        """Let the advertisements of all groups go through other sockets from now on.

        What cannot be opened is told, and goes on through what it has.
        """
        for key, old in list(self._wires.items()):
            try:
                wire = open_wire(key[0], Family(key[1]), self._own[key])
            except EdgeError as error:
                self._say(error.message)
                continue
            receiver = self._receivers[key]
            self.loop.remove_reader(old.fileno())
            receiver.read()
            old.close()
            receiver.use(wire)
            self._listen(key, wire)

    def read(self) -> None:
        """Take what has arrived: before a deadline, since what came in time must count."""
        for key in self._wires:
            self._receivers[key].read()

    def send_advertisement(self, group: str, family: int, priority: int) -> None:
        """Send one advertisement."""
        wire = self._wires.get((self._groups[group].interface, family))
        if wire is None:
            return  # The interface is gone, which was said.
        frames = self._frames[group, family].with_priority(priority)
        if not frames:
            self._failed(wire.interface, f"no frame was built for priority {priority}")
        try:
            for frame in frames:
                wire.send(frame)
        except EdgeError as error:
            self._refused(wire.interface, error)
        else:
            self._failing.discard(wire.interface)

    def announce(self, group: str) -> None:
        """Send one round of announcements."""
        settings = self._groups[group]
        sender = self._senders.get(settings.interface)
        if sender is None:
            return
        try:
            for router in settings.routers:
                sender.send(self._frames[group, router.family].announcements)
        except EdgeError as error:
            self._say(error.message)

    def read_again(self, received: Received, advertisement: Advertisement) -> None:
        """Have scapy read a new kind of message a second time."""
        self._second.note(received, advertisement)

    def tell_ignored(self) -> list[dict[str, Any]]:
        """Return how many messages did not count, by group and reason, for the status document.

        Those of virtual routers that nobody has here belong to no group.
        """
        counts = Counter(self.ignored)
        for receiver in self._receivers.values():
            for vrid, count in receiver.strangers.items():
                short, other = IgnoredReason.TOO_SHORT, IgnoredReason.OTHER_VRID
                counts["", short if vrid is None else other] += count
        order = list(IgnoredReason)
        return [
            {"group": group, "reason": reason.name.lower(), "what": reason.value, "count": count}
            for (group, reason), count in sorted(
                counts.items(), key=lambda item: (item[0][0], order.index(item[0][1]))
            )
        ]

    async def close(self) -> None:
        """Close everything."""
        await self._second.close()
        for wire in self._wires.values():
            self.loop.remove_reader(wire.fileno())
            wire.close()
        for sender in self._senders.values():
            sender.close()

    def _receiver(self, interface: str, router: RouterSettings) -> AdvertReceiver:
        key = (interface, int(router.family))
        if key not in self._receivers:
            wire = self._open_wire(interface, router.family, router.primary_address)
            receiver = AdvertReceiver(wire, lambda error: self._refused(interface, error))
            self._receivers[key] = receiver
            self._own[key] = router.primary_address
            self._listen(key, wire)
        return self._receivers[key]

    def _listen(self, key: tuple[str, int], wire: Wire) -> None:
        self._wires[key] = wire
        self.loop.add_reader(wire.fileno(), self._receivers[key].read)

    def _refused(self, interface: str, error: EdgeError) -> None:
        if isinstance(error, WireError) and error.is_lost:
            # Not from within: the groups are told of it, and one of them may be speaking just now.
            self.loop.call_soon(self._lost, interface)
        self._failed(interface, error.message)

    def _failed(self, interface: str, text: str) -> None:
        # Said when it begins; every advertisement of an interface that is down would say it again.
        if interface not in self._failing:
            self._failing.add(interface)
            self._say(text)
