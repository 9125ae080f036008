"""What scapy builds is what the package reads, and what scapy reads is what the package reads."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from hafailover.errors import EdgeError
from hafailover.system.advert_socket import Received, read_ipv4
from hafailover.system.frame_set import FrameSet, Reading, Refusal, frame_order, virtual_mac
from hafailover.system.frames import (
    advertisement,
    build_frames,
    gratuitous_arp,
    neighbour_advertisement,
    read_through_scapy,
)
from hafailover.system.scapy_process import ask_scapy, build
from hafailover.system.scapy_start import ScapyStart
from hafailover.system.second_reading import SecondReading
from hafailover.units import CENTISECOND, SECOND
from hafailover.vrrp.acceptance import Accepted, accept
from hafailover.vrrp.advertisement import Advertisement, decode, internet_checksum
from hafailover.vrrp.settings import Family, RouterSettings, Version
from tests.vrrp import wire
from tests.vrrp.capture import frames as captured
from tests.vrrp.capture import packet

MAC = "02:00:00:00:00:01"
PLAIN = wire.settings(Version.V2)
SECRET = wire.settings(Version.V2, password=b"borkborkborkborkbork")
V3 = wire.settings(Version.V3, interval_ns=4095 * CENTISECOND)
V3_BARE = wire.settings(Version.V3, checksum_pseudo_header=False)
V6 = wire.settings(Version.V3, family=Family.IPV6)
MANY = wire.settings(
    Version.V3, addresses=tuple(IPv4Address("198.51.100.0") + n for n in range(255))
)
UNICAST = wire.settings(Version.V3, unicast_peers=(wire.THEIRS, ip_address("192.0.2.3")))
ALL = {
    "v2": PLAIN,
    "v2 password": SECRET,
    "v3": V3,
    "v3 bare": V3_BARE,
    "v6": V6,
    "255 addresses": MANY,
    "unicast": UNICAST,
}


def other_side(settings: RouterSettings) -> RouterSettings:
    """The settings of the router that receives what ``settings`` sends."""
    them = wire.THEIRS if settings.family is Family.IPV4 else wire.THEIRS_6
    us = settings.primary_address
    return replace(
        settings, primary_address=them, unicast_peers=(us,) if settings.unicast_peers else ()
    )


def received(settings: RouterSettings, data: bytes) -> Received:
    """What the socket of the other side makes of what ours sends."""
    if settings.family is Family.IPV6:
        return Received(
            payload=data,
            source=settings.primary_address,
            destination=settings.multicast_group,
            ttl=255,
        )
    found = read_ipv4(data)
    assert found is not None
    return found


def read(r: Received) -> Advertisement:
    found = decode(r.payload, source=r.source, destination=r.destination, ttl=r.ttl)
    assert isinstance(found, Advertisement), found
    return found


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("priority", [0, 1, 100, 255])
def test_what_we_send_counts_on_the_other_side(name: str, priority: int) -> None:
    settings = ALL[name]
    for destination in settings.unicast_peers[:1] or (settings.multicast_group,):
        data = advertisement(settings, priority, destination)
        found = read(received(settings, data))
        assert (found.priority, found.vrid) == (priority, 51)
        assert found.interval_ns == settings.interval_ns
        verdict = accept(other_side(settings), found)
        assert verdict == Accepted(advertisement=found)


def test_version_2_bytes_are_those_written_by_hand() -> None:
    data = advertisement(SECRET, 100, SECRET.multicast_group)
    found = read_ipv4(data)
    assert found is not None
    assert found.payload == wire.v2(auth_type=1, authentication=b"borkbork")
    assert data[1] == 0xC0
    assert found.ttl == 255


def test_the_bytes_that_crossed_a_wire_between_two_freebsd_hosts() -> None:
    """Sent through a raw socket on 14.0 and received by another one: 32 bytes from 10.77.0.1, TTL 255."""
    settings = wire.settings(
        Version.V3,
        interval_ns=SECOND,
        primary_address=IPv4Address("10.77.0.1"),
        addresses=(IPv4Address("10.77.0.100"),),
    )
    packet = advertisement(settings, 150, settings.multicast_group)
    found = read_ipv4(packet)
    assert found is not None
    assert found.payload == bytes.fromhex("31339601006442d90a4d0064")
    assert (len(packet), found.ttl, str(found.source)) == (32, 255, "10.77.0.1")
    assert read(found).priority == 150


@pytest.mark.parametrize(("settings", "pseudo"), [(V3_BARE, False), (UNICAST, True)])
def test_version_3_bytes_are_those_written_by_hand(
    settings: RouterSettings,
    pseudo: bool,
) -> None:
    destination = (settings.unicast_peers or (settings.multicast_group,))[0]
    found = read_ipv4(advertisement(settings, 7, destination))
    assert found is not None
    assert found.payload == wire.v3(
        priority=7, source=wire.OURS, destination=destination, pseudo=pseudo
    )
    assert (internet_checksum(found.payload) == 0) is not pseudo


def test_ipv6_bytes_are_those_written_by_hand() -> None:
    assert advertisement(V6, 100, V6.multicast_group) == wire.v3(
        addresses=wire.VIRTUAL_6, source=wire.OURS_6, destination=V6.multicast_group
    )


def test_a_gratuitous_arp_is_a_broadcast_request_for_its_own_sender() -> None:
    assert gratuitous_arp(IPv4Address("192.0.2.100"), MAC).hex() == (
        "ffffffffffff" "020000000001" "0806"
        "0001" "0800" "06" "04" "0001"
        "020000000001" "c0000264" "000000000000" "c0000264"
    )  # fmt: skip


def test_a_neighbour_advertisement_overrides_what_is_known() -> None:
    frame = neighbour_advertisement(IPv6Address("2001:db8::64"), MAC)
    assert frame[:14].hex() == "33330000000102000000000186dd"
    ip, icmp = frame[14:54], frame[54:]
    assert (ip[6], ip[7]) == (58, 255)
    assert IPv6Address(ip[8:24]) == IPv6Address(icmp[8:24]) == IPv6Address("2001:db8::64")
    assert IPv6Address(ip[24:40]) == IPv6Address("ff02::1")
    assert icmp[0] == 136
    assert icmp[4] == 0xA0  # router and override, not solicited
    assert icmp[24:].hex() == "0201020000000001"
    cover = ip[8:40] + len(icmp).to_bytes(4) + (58).to_bytes(4)
    assert internet_checksum(cover + icmp) == 0


def test_the_virtual_mac_addresses() -> None:
    assert virtual_mac(51, Family.IPV4) == "00:00:5e:00:01:33"
    assert virtual_mac(51, Family.IPV6) == "00:00:5e:00:02:33"


def test_a_set_has_every_priority_for_every_destination() -> None:
    made = build_frames(frame_order(UNICAST, MAC, 42))
    assert [(each.priority, str(each.destination)) for each in made.advertisements] == [
        (0, "192.0.2.2"),
        (0, "192.0.2.3"),
        (42, "192.0.2.2"),
        (42, "192.0.2.3"),
        (100, "192.0.2.2"),
        (100, "192.0.2.3"),
    ]
    assert [each.priority for each in made.with_priority(42)] == [42, 42]
    assert made.with_priority(43) == ()
    assert len(made.announcements) == 1


def test_scapy_reads_every_recorded_packet_as_we_do() -> None:
    count = 0
    for frame in captured("tcpdump-vrrp.pcap"):
        p = packet(frame)
        ours = decode(p.payload, source=p.source, destination=p.destination, ttl=p.ttl)
        assert read_through_scapy(p.payload, p.source, p.destination) == ours
        count += 1
    assert count == 165


def test_what_scapy_takes_for_something_else_is_said() -> None:
    with pytest.raises(ValueError, match="scapy sees"):
        read_through_scapy(b"\x31", wire.THEIRS, wire.OURS)


def test_the_child_builds_what_is_built_here() -> None:
    orders = [frame_order(SECRET, MAC), frame_order(V6, MAC)]
    made: list[FrameSet] = asyncio.run(build(orders))
    assert made == [build_frames(order) for order in orders]


def test_no_route_of_this_host_is_read() -> None:
    """Each becomes an object of scapy's while it is imported: minutes on a host with the routes of the Internet."""
    words = (
        "from scapy.config import conf; conf.route_autoload = conf.route6_autoload = True; "
        "import scapy.arch; read = []; "
        "scapy.arch.read_routes = scapy.arch.read_routes6 = lambda: read.append(1) or []; "
        "from hafailover.system import frames; print(len(read))"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_a_child_that_was_started_before_is_asked_and_gone() -> None:
    start = ScapyStart()
    order = frame_order(SECRET, MAC)
    assert asyncio.run(build([order], start)) == [build_frames(order)]
    assert start.is_reaped()
    start.give_up()


def test_a_child_that_is_never_asked_is_ended() -> None:
    start = ScapyStart()
    start.give_up()
    assert start.is_reaped()
    with pytest.raises(ChildProcessError):
        os.waitpid(start.pid, os.WNOHANG)


def test_the_child_answers_what_it_cannot_do() -> None:
    good = wire.v3()
    answers = asyncio.run(
        ask_scapy(
            [
                Reading(payload=b"\x31", source=wire.THEIRS, destination=wire.OURS),
                Reading(payload=good, source=wire.THEIRS, destination=V3.multicast_group),
            ]
        )
    )
    assert isinstance(answers[0], Refusal)
    assert isinstance(answers[1], Advertisement)
    assert answers[1].interval_ns == SECOND


def test_a_message_that_scapy_reads_differently_is_reported_once() -> None:
    """The second reading gets a falsified first one; equal messages are read once."""
    said: list[str] = []

    async def scenario() -> None:
        reported = asyncio.Event()

        def report(text: str) -> None:
            said.append(text)
            reported.set()

        second = SecondReading(report, delay_s=0)
        r = Received(payload=wire.v3(), source=wire.THEIRS, destination=V3.multicast_group, ttl=255)
        right = read(r)
        other = replace(r, payload=wire.v3(priority=9))
        second.note(r, right)
        second.note(other, replace(read(other), priority=10))
        for _ in range(100):
            second.note(r, replace(right, priority=1))
        async with asyncio.timeout(60):
            await reported.wait()
        await second.close()

    asyncio.run(scenario())
    assert len(said) == 1
    assert wire.v3(priority=9).hex() in said[0]


def test_a_child_that_cannot_run_is_an_operating_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(EdgeError, match="building frames failed"):
        asyncio.run(build([frame_order(PLAIN, MAC)]))
