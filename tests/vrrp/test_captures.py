"""What real routers sent: 165 packets of seven of them, and two files made by a fuzzer."""

from collections import Counter
from ipaddress import ip_address

import pytest

from hafailover.units import SECOND
from hafailover.vrrp.acceptance import Accepted, Ignored, IgnoredReason, accept
from hafailover.vrrp.advertisement import Advertisement, Defect, Malformed, decode
from hafailover.vrrp.settings import Family, RouterSettings, Version
from tests.vrrp.capture import frames, packet
from tests.vrrp.wire import settings

LISTS = {
    42: ("10.4.42.1", "10.4.42.2", "10.4.42.3"),
    43: ("10.4.43.150",),
    44: ("10.4.44.100", "10.4.44.200"),
    45: ("fe80::200:5eff:fe00:22d", "2001::abcd:a"),
    46: ("fe80::200:5eff:fe00:22e", *(f"2001::eeff:{last}" for last in "abcd")),
}


def router(vrid: int) -> RouterSettings:
    version = Version.V2 if vrid < 44 else Version.V3
    family = Family.IPV6 if vrid > 44 else Family.IPV4
    return settings(
        version,
        vrid=vrid,
        family=family,
        interval_ns=10 * SECOND,
        addresses=tuple(map(ip_address, LISTS[vrid])),
        password=b"abcdefgh" if vrid == 42 else None,
    )


def advertisements() -> list[Advertisement]:
    read = []
    for frame in frames("tcpdump-vrrp.pcap"):
        p = packet(frame)
        found = decode(p.payload, source=p.source, destination=p.destination, ttl=p.ttl)
        assert isinstance(found, Advertisement)
        read.append(found)
    return read


def test_all_packets_of_seven_routers_are_read() -> None:
    read = advertisements()
    assert len(read) == 165
    assert {found.priority for found in read} == set(range(191, 198))
    assert Counter((found.version, found.vrid) for found in read) == {
        (Version.V2, 42): 34,
        (Version.V2, 43): 34,
        (Version.V3, 44): 33,
        (Version.V3, 45): 32,
        (Version.V3, 46): 32,
    }


@pytest.mark.parametrize("vrid", sorted(LISTS))
def test_each_counts_for_its_own_router_and_for_no_other(vrid: int) -> None:
    ours = router(vrid)
    for found in advertisements():
        verdict = accept(ours, found)
        if found.vrid == vrid:
            assert verdict == Accepted(advertisement=found)
        else:
            assert isinstance(verdict, Ignored)
            assert verdict.reason in {IgnoredReason.VERSION, IgnoredReason.OTHER_VRID}


@pytest.mark.parametrize("password", [None, b"abcdefg", b"ABCDEFGH"])
def test_the_recorded_password_counts_only_where_it_is_configured(password: bytes | None) -> None:
    ours = settings(
        Version.V2,
        vrid=42,
        interval_ns=10 * SECOND,
        addresses=tuple(map(ip_address, LISTS[42])),
        password=password,
    )
    reasons = {
        verdict.reason
        for found in advertisements()
        if found.vrid == 42 and isinstance(verdict := accept(ours, found), Ignored)
    }
    assert reasons == {IgnoredReason.AUTH_TYPE if password is None else IgnoredReason.PASSWORD}


def test_the_recorded_ipv4_checksums_cover_the_pseudo_header() -> None:
    """With another destination they fail: it is covered, as RFC 5798 has it and RFC 9568 not."""
    recorded = [p for p in map(packet, frames("tcpdump-vrrp.pcap")) if p.payload[:2] == b"\x31\x2c"]
    assert len(recorded) == 33
    for p in recorded:
        elsewhere = ip_address("224.0.0.19")
        found = decode(p.payload, source=p.source, destination=elsewhere, ttl=p.ttl)
        assert isinstance(found, Malformed)
        assert found.defect is Defect.CHECKSUM


@pytest.mark.parametrize("name", ["vrrp-vrrp_print-oobr.pcap", "vrrp-vrrp_print-oobr-2.pcap"])
def test_fuzzed_bytes_are_refused_from_wherever_they_are_read(name: str) -> None:
    count = 0
    for frame in frames(name):
        for start in range(len(frame)):
            for source in ("192.0.2.2", "fe80::2"):
                address = ip_address(source)
                found = decode(frame[start:], source=address, destination=address, ttl=255)
                assert isinstance(found, Malformed)
                count += 1
    assert count > 100
