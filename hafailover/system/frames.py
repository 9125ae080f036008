"""What goes out on the wire, as bytes that scapy's layers built; and what it reads in what came.

Nothing in here is fast, and importing it costs 25 MB and 0.3 s: ``scapy_child`` runs it in a
child that ends when the frames are made. A router sends the same few frames for ever.
"""

import warnings
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from scapy.config import conf

from hafailover.system.frame_set import FrameOrder, FrameSet, Outgoing
from hafailover.units import CENTISECOND, SECOND
from hafailover.vrrp.advertisement import PROTOCOL, TTL, Advertisement, internet_checksum
from hafailover.vrrp.settings import PASSWORD_SIZE, Address, Family, RouterSettings, Version

conf.route_autoload = conf.route6_autoload = False
"""Every frame names its own ends. To read the routes of the Internet takes scapy minutes, before it is imported."""

with warnings.catch_warnings():
    # Some of scapy's ciphers, never used here, make their library announce its plans for them.
    warnings.simplefilter("ignore")
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
    from scapy.layers.l2 import ARP, Ether
    from scapy.layers.vrrp import VRRP, VRRPv3

TOS: Final = 0xC0
"""Internetwork control: routers put such packets first (RFC 791)."""

_ARP_REQUEST: Final = 1
_BROADCAST: Final = "ff:ff:ff:ff:ff:ff"
_ALL_NODES: Final = "ff02::1"
_ALL_NODES_MAC: Final = "33:33:00:00:00:01"
_CHECKSUM_AT: Final = 6
_AUTH_SIMPLE_TEXT: Final = 1
_CENTISECONDS_MAX: Final = 4095


def build_frames(order: FrameOrder) -> FrameSet:
    """Build everything that a router can have to send."""
    settings = order.settings
    destinations = settings.unicast_peers or (settings.multicast_group,)
    return FrameSet(
        advertisements=tuple(
            Outgoing(
                priority=priority,
                destination=destination,
                data=advertisement(settings, priority, destination),
            )
            for priority in order.priorities
            for destination in destinations
        ),
        announcements=tuple(announcement(address, order.mac) for address in settings.addresses),
    )


def advertisement(settings: RouterSettings, priority: int, destination: Address) -> bytes:
    """Build one advertisement as the raw socket of its family takes it.

    IPv4: with its IP header (the kernel fills in identification and header checksum), so that
    source, TTL and TOS are ours whatever addresses the interface has. IPv6: the message alone.
    """
    source = str(settings.primary_address)
    ip = (
        IP(src=source, dst=str(destination), ttl=TTL, tos=TOS, id=0, proto=PROTOCOL)
        if settings.family is Family.IPV4
        else IPv6(src=source, dst=str(destination), hlim=TTL, nh=PROTOCOL)
    )
    packet = ip / _message(settings, priority)
    data = bytes(packet)
    header_size = len(bytes(ip)) if settings.family is Family.IPV4 else 40
    message = data[header_size:]
    if settings.version is Version.V3 and _without_pseudo_header(settings):
        blank = message[:_CHECKSUM_AT] + bytes(2) + message[_CHECKSUM_AT + 2 :]
        checksum = internet_checksum(blank).to_bytes(2)
        message = message[:_CHECKSUM_AT] + checksum + message[_CHECKSUM_AT + 2 :]
    return data[:header_size] + message if settings.family is Family.IPV4 else message


def announcement(address: Address, mac: str) -> bytes:
    """Build the Ethernet frame that tells everybody on the link where ``address`` is now."""
    if isinstance(address, IPv4Address):
        return gratuitous_arp(address, mac)
    return neighbour_advertisement(address, mac)


def gratuitous_arp(address: IPv4Address, mac: str) -> bytes:
    """Build a gratuitous ARP request (RFC 5227 section 3, RFC 9568 errata 7947 and 7949).

    A request and not a reply: Linux takes a request into its cache at any time, a reply only when
    the entry is older than a second.
    """
    arp = ARP(
        op=_ARP_REQUEST,
        hwsrc=mac,
        psrc=str(address),
        hwdst="00:00:00:00:00:00",
        pdst=str(address),
    )
    return bytes(Ether(src=mac, dst=_BROADCAST) / arp)


def neighbour_advertisement(address: IPv6Address, mac: str) -> bytes:
    """Build an unsolicited neighbour advertisement (RFC 4861 section 7.2.6, RFC 9568 6.4.2)."""
    frame = (
        Ether(src=mac, dst=_ALL_NODES_MAC)
        / IPv6(src=str(address), dst=_ALL_NODES, hlim=TTL)
        / ICMPv6ND_NA(R=1, S=0, O=1, tgt=str(address))
        / ICMPv6NDOptDstLLAddr(lladdr=mac)
    )
    return bytes(frame)


def read_through_scapy(payload: bytes, source: Address, destination: Address) -> Advertisement:
    """Let scapy's layers read a message that has passed the checks on its bytes.

    They verify neither length nor checksum, so the result is worth something only together with
    ``hafailover.vrrp.advertisement.decode``, with which it has to agree.

    Raises:
        ValueError: scapy does not see a VRRP message in the payload.
    """
    if isinstance(source, IPv4Address):
        below = IP(src=str(source), dst=str(destination), ttl=TTL, proto=PROTOCOL)
        packet = IP(bytes(below / payload))
    else:
        below = IPv6(src=str(source), dst=str(destination), hlim=TTL, nh=PROTOCOL)
        packet = IPv6(bytes(below / payload))
    layer = packet.payload
    version = Version.V3 if isinstance(layer, VRRPv3) else Version.V2
    if not isinstance(layer, VRRP | VRRPv3):
        raise ValueError(f"scapy sees {layer.name} in the payload")  # noqa: TRY004
    kind = type(source)
    return Advertisement(
        version=version,
        vrid=layer.vrid,
        priority=layer.priority,
        interval_ns=layer.adv * (SECOND if version is Version.V2 else CENTISECOND),
        addresses=tuple(kind(address) for address in layer.addrlist),
        source=source,
        destination=destination,
        auth_type=layer.authtype if version is Version.V2 else 0,
        authentication=(
            layer.auth1.to_bytes(4) + layer.auth2.to_bytes(4) if version is Version.V2 else b""
        ),
    )


def _message(settings: RouterSettings, priority: int) -> VRRP | VRRPv3:
    addresses = [str(address) for address in settings.advertised_addresses]
    if settings.version is Version.V2:
        half = PASSWORD_SIZE // 2
        return VRRP(
            vrid=settings.vrid,
            priority=priority,
            authtype=0 if settings.password is None else _AUTH_SIMPLE_TEXT,
            adv=settings.interval_ns // SECOND,
            addrlist=addresses,
            auth1=int.from_bytes(settings.authentication[:half]),
            auth2=int.from_bytes(settings.authentication[half:]),
        )
    centiseconds = settings.interval_ns // CENTISECOND
    # scapy would carry a thirteenth bit into the reserved field, and announce an interval of zero.
    assert 1 <= centiseconds <= _CENTISECONDS_MAX  # noqa: S101
    return VRRPv3(
        vrid=settings.vrid, priority=priority, res=0, adv=centiseconds, addrlist=addresses
    )


def _without_pseudo_header(settings: RouterSettings) -> bool:
    return settings.family is Family.IPV4 and not settings.checksum_pseudo_header
