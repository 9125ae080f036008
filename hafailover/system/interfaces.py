"""Which edges serve the network interfaces on this operating system?

FreeBSD is spoken to through ifconfig(8), in the lab too, where it is emulated. A plain virtual router
on Linux uses netlink.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hafailover.group.events import Event
from hafailover.group.settings import GroupSettings
from hafailover.runtime.ports import Addresses
from hafailover.system.address_port import (
    AddressScope,
    IfconfigAddressPort,
    NetlinkAddressPort,
)
from hafailover.system.bpf_announce import BpfAnnouncer
from hafailover.system.hardware_addresses import has_netlink
from hafailover.system.interface_looks import NetlinkLook, ifconfig_look
from hafailover.system.linux_addresses import LinuxAddresses, LinuxLinkEvents
from hafailover.system.linux_announce import LinuxAnnouncer
from hafailover.system.observer import InterfaceLook
from hafailover.system.rtnetlink import Link
from hafailover.system.runner import Runner
from hafailover.system.vrrp_port import FrameSender

Feed = Callable[[str, Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceEdges:
    """What serves the interfaces of all groups."""

    addresses: Addresses
    looks: dict[str, InterfaceLook]
    """By group."""


def open_sender(interface: str) -> FrameSender:
    """Open what sends announcements on an interface.

    Raises:
        EdgeError: It cannot be opened.
    """
    return LinuxAnnouncer(interface) if has_netlink() else BpfAnnouncer(interface)


def edges_for(
    loop: asyncio.AbstractEventLoop,
    runner: Runner,
    groups: tuple[GroupSettings, ...],
    *,
    uses_ifconfig: bool,
    feed: Feed,
) -> InterfaceEdges:
    """Make the edges of all groups.

    Raises:
        EdgeError: There is no such interface.
    """
    scopes = {
        group.name: AddressScope(interface=group.interface, addresses=group.addresses)
        for group in groups
    }
    if uses_ifconfig:
        shared: dict[str, InterfaceLook] = {
            name: ifconfig_look(loop, runner, name) for name in {each.interface for each in groups}
        }
        return InterfaceEdges(
            addresses=IfconfigAddressPort(runner, scopes, feed),
            looks={group.name: shared[group.interface] for group in groups},
        )
    sockets = {name: LinuxAddresses(name) for name in {each.interface for each in groups}}
    return InterfaceEdges(
        addresses=NetlinkAddressPort(
            loop, {group.name: sockets[group.interface] for group in groups}, scopes, feed
        ),
        looks={group.name: NetlinkLook(loop, sockets[group.interface]) for group in groups},
    )


class LinkWatch:
    """Tells when an interface loses or gains its carrier, where the system says so (Linux)."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, interface: str, changed: Callable[[bool], None]
    ) -> None:
        self._loop = loop
        self._changed = changed
        self._events = LinuxLinkEvents(interface)
        with LinuxAddresses(interface) as edge:
            self._is_up = edge.link().is_up
        loop.add_reader(self._events.fileno(), self._read)

    def tell(self) -> None:
        """Tell how it is now, to who has just begun and expects the best."""
        if not self._is_up:
            self._changed(False)  # noqa: FBT003 - what the kernel says

    def close(self) -> None:
        """Watch no longer."""
        self._loop.remove_reader(self._events.fileno())
        self._events.close()

    def _read(self) -> None:
        for notice in self._events.read():
            if isinstance(notice, Link) and notice.is_up != self._is_up:
                self._is_up = notice.is_up
                self._changed(notice.is_up)
