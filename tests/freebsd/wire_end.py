"""One end of a wire: run inside a network stack of its own, told what to do on standard input.

``python -m tests.freebsd.wire_end INTERFACE OWN_ADDRESS raw|bpf``; answers are single lines:

    send TARGET VRID          sends an advertisement                       sent
    hear                      waits for one                                SOURCE DESTINATION TTL VRID
    announce                  sends a gratuitous ARP and an NA by bpf(4)   announced
    watch                     waits for a notice of the link               up | down
    lose                      waits until the interface is gone            gone
    find                      waits until there is one of its name again   there
    renew                     opens its socket anew                        renewed
"""

import select
import socket
import struct
import sys
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from hafailover.system.advert_socket import AdvertSocket
from hafailover.system.bpf_advert_socket import BpfAdvertSocket
from hafailover.system.bpf_announce import BpfAnnouncer
from hafailover.system.frame_set import Outgoing
from hafailover.system.link_watch import NetlinkEvents, RouteEvents
from hafailover.system.route_messages import LinkNotice, Notice, PresenceNotice
from hafailover.vrrp.advertisement import PROTOCOL, TTL, internet_checksum
from hafailover.vrrp.settings import Address, Family

PATIENCE_S = 20.0


def main() -> None:
    """Obey until standard input ends."""
    interface, own, kind = sys.argv[1:4]
    address = ip_address(own)
    family = Family(address.version)
    wire = (BpfAdvertSocket if kind == "bpf" else AdvertSocket)(interface, family, address)
    is_freebsd = sys.platform.startswith("freebsd")
    events = (RouteEvents if is_freebsd else NetlinkEvents)(interface)
    say("ready")
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "send":
            target = ip_address(rest[0])
            data = advertisement(address, target, int(rest[1]))
            wire.send(Outgoing(priority=100, destination=target, data=data))
            say("sent")
        elif word == "hear":
            say(hear(wire))
        elif word == "announce":
            announcer = BpfAnnouncer(interface)
            announcer.send((frame(),))
            announcer.close()
            say("announced")
        elif word == "watch":
            say(watch(events))
        elif word == "lose":
            say(wait(events, is_departure, "gone"))
        elif word == "find":
            say(wait(events, is_arrival, "there"))
        elif word == "renew":
            wire.close()
            wire = type(wire)(interface, family, address)
            say("renewed")


def say(text: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hear(wire: AdvertSocket | BpfAdvertSocket) -> str:
    """Wait for one message."""
    while select.select([wire.fileno()], [], [], PATIENCE_S)[0]:
        for received in wire.receive():
            vrid = received.payload[1]
            return f"{received.source} {received.destination} {received.ttl} {vrid}"
    return "nothing"


def watch(events: RouteEvents | NetlinkEvents) -> str:
    """Wait for a notice of the link; of addresses there are others."""
    while select.select([events.fileno()], [], [], PATIENCE_S)[0]:
        for notice in events.read():
            if isinstance(notice, LinkNotice):
                return "up" if notice.is_up else "down"
    return "nothing"


def wait(
    events: RouteEvents | NetlinkEvents, is_meant: Callable[[Notice], bool], answer: str
) -> str:
    """Wait for a notice of some kind."""
    while select.select([events.fileno()], [], [], PATIENCE_S)[0]:
        if any(is_meant(notice) for notice in events.read()):
            return answer
    return "nothing"


def is_departure(notice: Notice) -> bool:
    """Whether the interface is gone."""
    return isinstance(notice, PresenceNotice) and not notice.is_there


def is_arrival(notice: Notice) -> bool:
    """Whether there is one: Linux says it by telling how its link is."""
    return isinstance(notice, LinkNotice) or (
        isinstance(notice, PresenceNotice) and notice.is_there
    )


def advertisement(source: Address, target: Address, vrid: int) -> bytes:
    """Build a version 3 advertisement (RFC 9568 section 5), with its IP header over IPv4."""
    is_ipv4 = isinstance(source, IPv4Address)
    listed = IPv4Address("192.0.2.100") if is_ipv4 else IPv6Address("fe80::100")
    body = struct.pack("!BBBBHH", 0x31, vrid, 100, 1, 100, 0) + listed.packed
    pseudo = source.packed + target.packed
    pseudo += struct.pack("!BBH", 0, PROTOCOL, len(body)) if is_ipv4 else b""
    pseudo += b"" if is_ipv4 else struct.pack("!IHBB", len(body), 0, 0, PROTOCOL)
    checksum = internet_checksum(pseudo + body)
    body = body[:6] + checksum.to_bytes(2) + body[8:]
    if not is_ipv4:
        return body
    head = struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(body), 0, 0, TTL, PROTOCOL, 0)
    return head + source.packed + target.packed + body


def frame() -> bytes:
    """Build a gratuitous ARP request for 192.0.2.100 from a locally administered address."""
    mac, address = bytes.fromhex("020000000001"), socket.inet_aton("192.0.2.100")
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + address + bytes(6) + address
    return b"\xff" * 6 + mac + b"\x08\x06" + arp


if __name__ == "__main__":
    main()
