"""Sockets and netlink against a real kernel, in namespaces."""

import select
import socket
import time
from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from hafailover.errors import EdgeError
from hafailover.system.advert_socket import PACKETS_MAX, AdvertSocket, Received
from hafailover.system.frame_set import FrameSet, frame_order
from hafailover.system.frames import build_frames
from hafailover.system.linux_addresses import LinuxAddresses, LinuxLinkEvents
from hafailover.system.linux_announce import LinuxAnnouncer
from hafailover.system.rtnetlink import Assigned, Link
from hafailover.vrrp.advertisement import Advertisement, decode
from hafailover.vrrp.settings import GROUP_IPV4, GROUP_IPV6, Address, Family, Version
from tests.interop.inside import inside
from tests.interop.lan import Lan, ip
from tests.vrrp import wire

pytestmark = pytest.mark.netns

LIMIT_S = 20.0


def receive(wire_: AdvertSocket, count: int) -> list[Received]:
    taken: list[Received] = []
    end = time.monotonic() + LIMIT_S
    while len(taken) < count and time.monotonic() < end:
        select.select([wire_], [], [], 0.1)
        taken += wire_.receive()
    return taken


def frames(lan: Lan, family: Family, *, unicast: bool = False) -> FrameSet:
    where = lan.link_local if family is Family.IPV6 else lan.address
    peers: tuple[Address, ...] = (ip_address(where("b")),) if unicast else ()
    settings = wire.settings(
        Version.V3, family=family, primary_address=ip_address(where("a")), unicast_peers=peers
    )
    return build_frames(frame_order(settings, lan.mac("a")))


def talk(lan: Lan, family: Family, *, unicast: bool) -> list[Received]:
    """Have b receive what a sends: a resignation and an advertisement."""
    where = lan.link_local if family is Family.IPV6 else lan.address
    made = frames(lan, family, unicast=unicast)

    def listen() -> list[Received]:
        listening = AdvertSocket("eth0", family, ip_address(where("b")))
        inside(lan.space("a"), speak)
        return receive(listening, 2)

    def speak() -> None:
        speaking = AdvertSocket("eth0", family, ip_address(where("a")))
        # The virtual link-local address must not become the source.
        with LinuxAddresses("eth0") as addresses:
            addresses.add(ip_interface("fe80::1/64"))
        for each in made.advertisements:
            speaking.send(each)

    heard: list[Received] = inside(lan.space("b"), listen)
    return heard


@pytest.mark.parametrize("unicast", [False, True])
@pytest.mark.parametrize("family", list(Family))
def test_what_one_node_sends_the_other_reads(
    lan: Lan,
    family: Family,
    unicast: bool,
) -> None:
    heard = talk(lan, family, unicast=unicast)
    where = lan.link_local if family is Family.IPV6 else lan.address
    group = GROUP_IPV6 if family is Family.IPV6 else GROUP_IPV4
    assert len(heard) == 2
    for received, priority in zip(heard, (0, 100), strict=True):
        assert str(received.source) == where("a")
        assert received.destination == (ip_address(where("b")) if unicast else group)
        assert received.ttl == 255
        found = decode(
            received.payload,
            source=received.source,
            destination=received.destination,
            ttl=received.ttl,
        )
        assert isinstance(found, Advertisement)
        assert found.priority == priority


def test_our_own_multicast_does_not_come_back(lan: Lan) -> None:
    made = frames(lan, Family.IPV4)

    def alone() -> int:
        ours = AdvertSocket("eth0", Family.IPV4, ip_address(lan.address("a")))
        for each in made.advertisements:
            ours.send(each)
        time.sleep(0.2)
        return len(ours.receive())

    assert inside(lan.space("a"), alone) == 0


def test_a_flood_is_taken_in_portions(lan: Lan) -> None:
    made = frames(lan, Family.IPV4).with_priority(100)[0]

    def flooded() -> list[int]:
        listening = AdvertSocket("eth0", Family.IPV4, ip_address(lan.address("b")))
        inside(lan.space("a"), flood)
        portions = []
        while taken := len(listening.receive()):
            portions.append(taken)
        return portions

    def flood() -> None:
        speaking = AdvertSocket("eth0", Family.IPV4, ip_address(lan.address("a")))
        for _ in range(3 * PACKETS_MAX):
            speaking.send(made)

    portions = inside(lan.space("b"), flooded)
    assert max(portions) == PACKETS_MAX
    assert sum(portions) > PACKETS_MAX


def test_an_interface_that_is_not_there(lan: Lan) -> None:
    def open_all() -> list[str]:
        problems = []
        for open_one in (
            lambda: AdvertSocket("eth9", Family.IPV4, wire.OURS),
            lambda: LinuxAnnouncer("eth9"),
            lambda: LinuxAddresses("eth9"),
        ):
            try:
                open_one()
            except EdgeError as error:
                problems.append(error.message)
        return problems

    problems = inside(lan.space("a"), open_all)
    assert len(problems) == 3
    assert all("eth9" in problem for problem in problems)


def test_sending_over_a_link_that_is_down_is_said(lan: Lan) -> None:
    made = frames(lan, Family.IPV4).with_priority(100)[0]

    def send() -> str:
        ours = AdvertSocket("eth0", Family.IPV4, ip_address(lan.address("a")))
        ip("link", "set", "eth0", "down")
        try:
            ours.send(made)
        except EdgeError as error:
            return error.message
        return ""

    assert "cannot send" in inside(lan.space("a"), send)


def test_addresses_come_and_go_and_both_twice(lan: Lan) -> None:
    wanted = tuple(map(ip_interface, ("10.99.0.100/24", "fd99::100/64", "10.99.0.101/32")))

    def change() -> list[tuple[str, ...]]:
        seen = []
        with LinuxAddresses("eth0") as addresses:
            for what in (addresses.add, addresses.add, addresses.remove, addresses.remove):
                for each in wanted:
                    what(each)
                seen.append(tuple(str(each) for each in addresses.list() if each in wanted))
        return seen

    seen = inside(lan.space("a"), change)
    there = tuple(sorted(map(str, wanted)))
    assert [tuple(sorted(each)) for each in seen] == [there, there, (), ()]


def test_the_link_is_seen_and_its_changes_are_told(lan: Lan) -> None:
    def watch() -> tuple[Link, list[Link | Assigned]]:
        with LinuxAddresses("eth0") as addresses:
            before = addresses.link()
            events = LinuxLinkEvents("eth0")
            addresses.add(ip_interface("10.99.0.100/24"))
            ip("link", "set", "eth0", "down")
            told: list[Link | Assigned] = []
            end = time.monotonic() + LIMIT_S
            while not any(isinstance(each, Link) for each in told) and time.monotonic() < end:
                told += events.read()
            return before, told

    before, told = inside(lan.space("a"), watch)
    assert before == Link(index=before.index, name="eth0", mac=lan.mac("a"), is_up=True)
    added = Assigned(index=before.index, address=ip_interface("10.99.0.100/24"), is_gone=False)
    assert added in told
    assert replace(before, is_up=False) in told


def test_announcements_arrive_as_they_were_built(lan: Lan) -> None:
    made = frames(lan, Family.IPV4)

    def listen() -> bytes:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as all_arp:
            all_arp.settimeout(LIMIT_S)
            all_arp.bind(("eth0", 0x0806))
            inside(lan.space("a"), announce)
            while True:
                frame: bytes = all_arp.recv(2048)
                if frame[6:12].hex(":") == lan.mac("a"):
                    return frame

    def announce() -> None:
        LinuxAnnouncer("eth0").send(made.announcements)

    assert inside(lan.space("b"), listen)[:42] == made.announcements[0]


def test_an_interface_that_is_made_again_is_followed_even_if_notices_were_lost(lan: Lan) -> None:
    """The kernel drops them where too many wait: a peer that adds thousands of addresses suffices."""
    address = ip_interface("10.99.0.100/24")

    def watch() -> tuple[list[Link | Assigned], int, list[Link | Assigned]]:
        events = LinuxLinkEvents("eth0")
        with LinuxAddresses("eth0") as addresses:
            for _ in range(1000):
                addresses.add(address)
                addresses.remove(address)
            ip("link", "del", "eth0")
            ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
            ip("link", "set", "eth0", "up")
            ip("link", "set", "eth1", "up")
            told: list[Link | Assigned] = []
            end = time.monotonic() + LIMIT_S
            while not any(isinstance(each, Link) and each.is_up for each in told):
                assert time.monotonic() < end
                told += events.read()
            addresses.add(address)
            return told, socket.if_nametoindex("eth0"), events.read()

    told, index, after = inside(lan.space("a"), watch)
    links = [each for each in told if isinstance(each, Link)]
    assert [each.is_gone for each in links] == [True, *[False] * (len(links) - 1)]
    assert (links[-1].index, links[-1].is_up) == (index, True)
    assert Assigned(index=index, address=address, is_gone=False) in after
