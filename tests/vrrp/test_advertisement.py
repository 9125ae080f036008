"""RFC 9568 sections 5 and 7.1, RFC 3768 section 5: what bytes say."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.units import CENTISECOND, SECOND
from hafailover.vrrp.advertisement import Advertisement, Defect, Malformed, decode
from hafailover.vrrp.settings import GROUP_IPV4, GROUP_IPV6, Address, Version
from tests.vrrp import wire

CARP = bytes.fromhex("2133000700010000" + "00" * 28)


def read(
    payload: bytes, source: Address = wire.THEIRS, ttl: int = 255
) -> Advertisement | Malformed:
    group = GROUP_IPV4 if source.version == 4 else GROUP_IPV6
    return decode(payload, source=source, destination=group, ttl=ttl)


def defect(payload: bytes, source: Address = wire.THEIRS, ttl: int = 255) -> Defect:
    found = read(payload, source, ttl)
    assert isinstance(found, Malformed)
    return found.defect


def test_version_2_golden_bytes() -> None:
    payload = bytes.fromhex("2133640101017ad1" + "c0000264" + "736563726574" + "3132")
    payload = payload[:6] + wire.checksum(payload[:6] + payload[8:]).to_bytes(2) + payload[8:]
    assert read(payload) == Advertisement(
        version=Version.V2,
        vrid=51,
        priority=100,
        interval_ns=SECOND,
        addresses=(IPv4Address("192.0.2.100"),),
        source=wire.THEIRS,
        destination=GROUP_IPV4,
        auth_type=1,
        authentication=b"secret12",
    )


def test_version_3_over_ipv6_golden_bytes() -> None:
    payload = wire.v3(
        source=wire.THEIRS_6, destination=GROUP_IPV6, addresses=wire.VIRTUAL_6, centiseconds=4095
    )
    assert payload[:6].hex() == "313364020fff"
    assert read(payload, wire.THEIRS_6) == Advertisement(
        version=Version.V3,
        vrid=51,
        priority=100,
        interval_ns=4095 * CENTISECOND,
        addresses=wire.VIRTUAL_6,
        source=wire.THEIRS_6,
        destination=GROUP_IPV6,
    )


@pytest.mark.parametrize("pseudo", [True, False])
def test_both_forms_of_the_version_3_ipv4_checksum_are_read(pseudo: bool) -> None:
    assert isinstance(read(wire.v3(pseudo=pseudo)), Advertisement)


def test_version_3_over_ipv6_needs_the_pseudo_header() -> None:
    payload = wire.v3(
        source=wire.THEIRS_6, destination=GROUP_IPV6, addresses=wire.VIRTUAL_6, pseudo=False
    )
    assert defect(payload, wire.THEIRS_6) is Defect.CHECKSUM


def test_the_pseudo_header_covers_the_destination() -> None:
    unicast = wire.v3(destination=wire.OURS)
    assert defect(unicast) is Defect.CHECKSUM
    found = decode(unicast, source=wire.THEIRS, destination=wire.OURS, ttl=255)
    assert isinstance(found, Advertisement)


def test_version_2_has_no_pseudo_header() -> None:
    message = wire.v3()
    assert isinstance(read(message), Advertisement)
    # The same cover over a version 2 message does not count.
    plain = wire.v2()
    cover = wire.THEIRS.packed + GROUP_IPV4.packed + (112).to_bytes(2) + len(plain).to_bytes(2)
    with_cover = wire.checksum(cover + plain[:6] + bytes(2) + plain[8:]).to_bytes(2)
    assert defect(plain[:6] + with_cover + plain[8:]) is Defect.CHECKSUM


@pytest.mark.parametrize("ttl", [0, 1, 64, 254])
def test_a_packet_that_crossed_a_router_is_refused(ttl: int) -> None:
    assert defect(wire.v3(), ttl=ttl) is Defect.TTL


@pytest.mark.parametrize("size", range(8))
def test_less_than_a_header_is_refused(size: int) -> None:
    assert defect(wire.v3()[:size]) is Defect.TOO_SHORT


@pytest.mark.parametrize("first", [0x01, 0x11, 0x41, 0xF1])
def test_other_versions_are_refused(first: int) -> None:
    assert defect(bytes([first]) + wire.v3()[1:]) is Defect.VERSION


def test_version_2_does_not_exist_over_ipv6() -> None:
    assert defect(wire.v2(), wire.THEIRS_6) is Defect.VERSION


@pytest.mark.parametrize("first", [0x20, 0x22, 0x30, 0x3F])
def test_other_types_are_refused(first: int) -> None:
    assert defect(bytes([first]) + wire.v3()[1:]) is Defect.TYPE


@pytest.mark.parametrize("extra", [1, 4, 8, 14])
@pytest.mark.parametrize("payload", [wire.v2(), wire.v3()])
def test_bytes_behind_the_message_are_refused(payload: bytes, extra: int) -> None:
    assert defect(payload + bytes(extra)) is Defect.LENGTH


def test_a_truncated_address_list_is_refused() -> None:
    assert defect(wire.v3(addresses=wire.VIRTUAL * 3)[:-4]) is Defect.LENGTH


def test_version_2_without_authentication_bytes_is_refused() -> None:
    assert defect(wire.v2(authentication=b"")) is Defect.LENGTH


def test_carp_is_not_taken_for_a_resignation() -> None:
    carp = CARP[:6] + wire.checksum(CARP).to_bytes(2) + CARP[8:]
    assert carp[2] == 0
    assert wire.checksum(carp) == 0
    assert defect(carp) is Defect.CARP


def test_the_reserved_bits_of_version_3_are_ignored() -> None:
    found = read(wire.v3(centiseconds=0xF064))
    assert isinstance(found, Advertisement)
    assert found.interval_ns == SECOND


def test_an_empty_list_and_a_zero_interval_are_well_formed() -> None:
    found = read(wire.v3(addresses=(), centiseconds=0))
    assert isinstance(found, Advertisement)
    assert (found.addresses, found.interval_ns) == ((), 0)


def test_malformed_bytes_tell_as_much_as_they_can() -> None:
    found = read(wire.v2(vrid=77)[:9])
    assert found == Malformed(defect=Defect.LENGTH, source=wire.THEIRS, version=2, vrid=77)
    assert read(b"") == Malformed(
        defect=Defect.TOO_SHORT, source=wire.THEIRS, version=None, vrid=None
    )


@given(st.binary(max_size=300), st.ip_addresses(), st.integers(0, 255))
def test_decode_never_raises(payload: bytes, source: Address, ttl: int) -> None:
    read(payload, source, ttl)


@given(
    st.binary(min_size=8, max_size=80),
    st.sampled_from([0x21, 0x31]),
    st.sampled_from([wire.THEIRS, wire.THEIRS_6]),
)
def test_what_looks_like_a_message_never_raises(
    payload: bytes, first: int, source: Address
) -> None:
    read(bytes([first]) + payload[1:], source)


@given(
    vrid=st.integers(1, 255),
    priority=st.integers(0, 255),
    addresses=st.lists(st.ip_addresses(v=4), max_size=255),
    centiseconds=st.integers(0, 4095),
    pseudo=st.booleans(),
)
def test_every_version_3_message_is_read_back(
    vrid: int, priority: int, addresses: list[IPv4Address], centiseconds: int, *, pseudo: bool
) -> None:
    found = read(
        wire.v3(
            vrid=vrid,
            priority=priority,
            addresses=tuple(addresses),
            centiseconds=centiseconds,
            pseudo=pseudo,
        )
    )
    assert isinstance(found, Advertisement)
    assert (found.vrid, found.priority) == (vrid, priority)
    assert found.interval_ns == centiseconds * CENTISECOND
    assert list(found.addresses) == addresses


@given(
    addresses=st.lists(st.ip_addresses(v=4), max_size=255),
    seconds=st.integers(0, 255),
    authentication=st.binary(min_size=8, max_size=8),
)
def test_every_version_2_message_is_read_back(
    addresses: list[IPv4Address], seconds: int, authentication: bytes
) -> None:
    found = read(
        wire.v2(addresses=tuple(addresses), seconds=seconds, authentication=authentication)
    )
    assert isinstance(found, Advertisement)
    assert found.interval_ns == seconds * SECOND
    assert list(found.addresses) == addresses
    assert found.authentication == authentication


@given(st.integers(0, 19), st.integers(1, 255))
def test_a_damaged_byte_never_changes_what_is_read(position: int, flip: int) -> None:
    payload = bytearray(wire.v2())
    payload[position] ^= flip
    assert isinstance(read(bytes(payload)), Malformed)


def test_addresses_of_ipv6_are_read_in_full() -> None:
    listed: tuple[IPv6Address, ...] = tuple(IPv6Address(f"2001:db8::{n}") for n in range(1, 21))
    payload = wire.v3(
        source=wire.THEIRS_6,
        destination=GROUP_IPV6,
        addresses=(ip_address("fe80::1"), *listed),
    )
    found = read(payload, wire.THEIRS_6)
    assert isinstance(found, Advertisement)
    assert found.addresses[1:] == listed
