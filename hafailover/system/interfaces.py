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
from hafailover.system.advert_socket import AdvertSocket
from hafailover.system.answered_addresses import AnsweredAddresses, AnsweringAddressPort
from hafailover.system.bpf_advert_socket import BpfAdvertSocket
from hafailover.system.bpf_announce import BpfAnnouncer
from hafailover.system.carp_watch import CarpWatch, has_carp
from hafailover.system.hardware_addresses import has_netlink
from hafailover.system.interface_looks import NetlinkLook, ifconfig_look
from hafailover.system.linux_addresses import LinuxAddresses
from hafailover.system.linux_announce import LinuxAnnouncer
from hafailover.system.observer import InterfaceLook
from hafailover.system.runner import Runner
from hafailover.system.vrrp_port import FrameSender, VrrpPort, Wire
from hafailover.vrrp.settings import Address, Family

Feed = Callable[[str, Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceEdges:
    """What serves the interfaces of all groups."""

    addresses: AnsweringAddressPort
    looks: dict[str, InterfaceLook]
    """By group."""


def open_sender(interface: str) -> FrameSender:
    """Open what sends announcements on an interface.

    Raises:
        EdgeError: It cannot be opened.
    """
    return LinuxAnnouncer(interface) if has_netlink() else BpfAnnouncer(interface)


def open_wire(interface: str, family: Family, primary_address: Address) -> Wire:
    """Open what advertisements go through.

    Raises:
        EdgeError: It cannot be opened.
    """
    # Asked of the kernel itself: where an interface has come back, this holds up the advertisements of the others.
    through_bpf = not has_netlink() and has_carp()
    kind = BpfAdvertSocket if through_bpf else AdvertSocket
    return kind(interface, family, primary_address)


def watch_carp(
    loop: asyncio.AbstractEventLoop, vrrp: VrrpPort, say: Callable[[str], None]
) -> Callable[[], None]:
    """Listen through bpf(4) as soon as somebody loads carp(4). Return what ends that."""
    if has_netlink() or has_carp():
        return lambda: None

    def found() -> None:
        say("carp(4) was loaded, and takes protocol 112: advertisements are heard through bpf(4)")
        vrrp.reopen(BpfAdvertSocket)

    return CarpWatch(loop, has_carp, found).close


def edges_for(
    loop: asyncio.AbstractEventLoop,
    runner: Runner,
    groups: tuple[GroupSettings, ...],
    *,
    uses_ifconfig: bool,
    feed: Feed,
    say: Callable[[str], None],
) -> InterfaceEdges:
    """Make the edges of all groups.

    Raises:
        EdgeError: There is no such interface.
    """
    scopes = {
        group.name: AddressScope(interface=group.interface, addresses=group.addresses)
        for group in groups
    }
    answered = {
        group.name: AnsweredAddresses(loop, group.interface, group.addresses, say)
        for group in groups
        if not group.accepts
    }

    def port(assigned: Addresses) -> AnsweringAddressPort:
        return AnsweringAddressPort(loop, assigned, answered, feed)

    if uses_ifconfig:
        shared: dict[str, InterfaceLook] = {
            name: ifconfig_look(loop, runner, name) for name in {each.interface for each in groups}
        }
        return InterfaceEdges(
            addresses=port(IfconfigAddressPort(runner, scopes, feed)),
            looks={group.name: shared[group.interface] for group in groups},
        )
    sockets = {name: LinuxAddresses(name) for name in {each.interface for each in groups}}
    return InterfaceEdges(
        addresses=port(
            NetlinkAddressPort(
                loop, {group.name: sockets[group.interface] for group in groups}, scopes, feed
            )
        ),
        looks={group.name: NetlinkLook(loop, sockets[group.interface]) for group in groups},
    )
