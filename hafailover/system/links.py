"""Which groups hear of which interface, and what is opened anew when one comes back?"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from hafailover.errors import EdgeError
from hafailover.group.events import AddressChanged, Event, LinkChanged
from hafailover.group.settings import GroupSettings
from hafailover.system.answered_addresses import AnsweringAddressPort
from hafailover.system.attachment import Attachment
from hafailover.system.child import Ended
from hafailover.system.frame_building import frames_of
from hafailover.system.hardware_addresses import hardware_addresses, has_netlink
from hafailover.system.ifconfig import Interface, InterfaceView, look_command, parse_interface
from hafailover.system.link_watch import LinkWatch, LinkWatcher, watch_link
from hafailover.system.linux_addresses import LinuxAddresses
from hafailover.system.runner import Runner
from hafailover.system.vrrp_port import VrrpPort
from hafailover.units import seconds

_LOOK: Final = seconds(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEdges:
    """What has something open on the interfaces, and what looks at them."""

    runner: Runner
    vrrp: VrrpPort
    addresses: AnsweringAddressPort


class InterfaceGrip:
    """Everything that is open on one interface."""

    def __init__(self, interface: str, groups: tuple[GroupSettings, ...], edges: LinkEdges) -> None:
        """Begin with everything open.

        Raises:
            EdgeError: There is no such interface.
        """
        self._interface, self._groups, self._edges = interface, groups, edges
        self._mac = hardware_addresses([interface])[interface]

    async def take(self) -> bool:
        """Open it anew, with frames that bear the MAC address of now."""
        if not _is_there(self._interface):
            return False
        is_up, mac = await self._look()
        if not is_up:
            return False
        if mac != self._mac:
            frames = await frames_of(self._groups, {self._interface: mac})
            self._edges.vrrp.use_frames(frames)
            self._edges.addresses.use_mac(self._interface, mac)
            self._mac = mac
        self._edges.vrrp.take(self._interface)
        return True

    def let_go(self) -> None:
        """Close it."""
        self._edges.vrrp.let_go(self._interface)

    async def _look(self) -> tuple[bool, str]:
        """Return whether it is up, and its MAC address."""
        if has_netlink():
            with LinuxAddresses(self._interface) as edge:
                link = edge.link()
            return link.is_up, link.mac
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

        def done(result: Ended) -> None:
            if not ended.done():
                ended.set_result(result)

        self._edges.runner.start(look_command(self._interface), deadline=_LOOK, done=done)
        seen = await ended
        view = parse_interface(seen.stdout.decode(errors="replace"))
        if not isinstance(view, InterfaceView):
            said = seen.problem or seen.stderr.decode(errors="replace").strip()
            raise EdgeError(f"{self._interface}: {said or 'ifconfig is not understood'}")
        return view.is_up and view.has_carrier is not False, view.mac


def _is_there(interface: str) -> bool:
    try:
        socket.if_nametoindex(interface)
    except OSError:
        return False
    return True


class Links:
    """Follows the interfaces of all groups."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        groups: Iterable[GroupSettings],
        edges: LinkEdges,
        *,
        feed: Callable[[str, Event], None],
        say: Callable[[str], None],
    ) -> None:
        """Begin to follow.

        Raises:
            EdgeError: There is no such interface.
        """
        self._feed = feed
        self._watches: dict[str, LinkWatch] = {}
        self._attachments: list[Attachment] = []
        groups = tuple(groups)
        for interface in sorted({group.interface for group in groups}):
            own = tuple(group for group in groups if group.interface == interface)
            attachment = Attachment(interface, InterfaceGrip(interface, own, edges), say)
            watcher = self._watcher(own, attachment)
            self._watches[interface] = watch_link(
                loop, interface, watcher, uses_netlink=has_netlink()
            )
            self._attachments.append(attachment)

    @property
    def missing(self) -> list[str]:
        """The interfaces that are gone."""
        return [each.interface for each in self._attachments if not each.is_there]

    def tell(self) -> None:
        """Tell the groups of interfaces that have no carrier."""
        for watch in self._watches.values():
            watch.tell()

    def lost(self, interface: str) -> None:
        """Count an interface as gone whose socket says so, and take it anew if it is there."""
        self._watches[interface].renew()

    def close(self) -> None:
        """Follow no longer."""
        for watch in self._watches.values():
            watch.close()
        for attachment in self._attachments:
            attachment.close()

    def _watcher(self, groups: tuple[GroupSettings, ...], attachment: Attachment) -> LinkWatcher:
        def link_changed(is_up: bool) -> None:  # noqa: FBT001 - what the kernel says
            for group in groups:
                self._feed(group.name, LinkChanged(is_up=is_up))

        def address_changed(address: Interface, is_gone: bool) -> None:  # noqa: FBT001
            for group in groups:
                if group.accepts and address in group.addresses:
                    event = AddressChanged(address=str(address), is_gone=is_gone)
                    self._feed(group.name, event)

        return LinkWatcher(
            link_changed=link_changed,
            address_changed=address_changed,
            vanished=attachment.vanished,
            appeared=lambda: attachment.appeared(self._watches[attachment.interface].resume),
        )
