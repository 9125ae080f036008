"""What FreeBSD's routing socket says, built by hand after net/if.h, net/route.h and rtsock.c."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.system.route_messages import AddressNotice, LinkNotice, PresenceNotice, notices

IFP, IFA, NETMASK, BROADCAST = 0x10, 0x20, 0x04, 0x80
UP_RUNNING = 0x8843


def message(kind: int, body: bytes, *, version: int = 5) -> bytes:
    return struct.pack("=HBB", 4 + len(body), version, kind) + body


def link(*, flags: int = UP_RUNNING, index: int = 3, state: int = 2) -> bytes:
    data = bytes([6, 0, 6, 14, state, 0]) + (152).to_bytes(2, "little") + bytes(144)
    return message(0x0E, struct.pack("=iiHxx", 0, flags, index) + data)


def inet(address: str) -> bytes:
    return bytes([16, 2, 0, 0]) + IPv4Address(address).packed + bytes(8)


def inet6(address: str) -> bytes:
    return bytes([28, 28, 0, 0]) + bytes(4) + IPv6Address(address).packed + bytes(4)


def link_address() -> bytes:
    """struct sockaddr_dl of em0: 54 bytes long, padded to a multiple of eight."""
    return (bytes([54, 18]) + struct.pack("=HBBBB", 3, 6, 3, 6, 0) + b"em0" + bytes(43)).ljust(
        56, b"\0"
    )


def address(kind: int, which: int, *parts: bytes, index: int = 3) -> bytes:
    padded = b"".join(part.ljust(len(part) + 7 & -8, b"\0") for part in parts)
    return message(kind, struct.pack("=iiHxxi", which, 0, index, 0) + padded)


@pytest.mark.parametrize(
    ("flags", "state", "is_up"),
    [
        (UP_RUNNING, 2, True),
        (UP_RUNNING, 1, False),
        (UP_RUNNING, 0, True),
        (UP_RUNNING & ~0x1, 2, False),
        (UP_RUNNING & ~0x40, 2, False),
    ],
)
def test_an_interface_is_up_if_it_runs_and_is_not_known_to_have_no_carrier(
    flags: int, state: int, is_up: bool
) -> None:
    assert list(notices(link(flags=flags, state=state))) == [LinkNotice(index=3, is_up=is_up)]


def announcement(what: int, name: bytes = b"epair0a", index: int = 7) -> bytes:
    return message(0x11, struct.pack("=H16sH", index, name, what))


def test_interfaces_come_and_go_by_name() -> None:
    told = list(notices(announcement(1) + announcement(0, b"em0", 8) + announcement(2)))

    assert told == [
        PresenceNotice(index=7, name="epair0a", is_there=False),
        PresenceNotice(index=8, name="em0", is_there=True),
    ]


def test_addresses_come_and_go() -> None:
    which = NETMASK | IFP | IFA | BROADCAST
    four = (inet("255.255.255.255"), link_address(), inet("192.0.2.9"), inet("192.0.2.9"))
    mask = inet6("ffff:ffff:ffff:ffff::")
    six = address(0x0D, NETMASK | IFP | IFA, mask, link_address(), inet6("2001:db8::9"))

    assert list(notices(address(0x0C, which, *four) + six)) == [
        AddressNotice(index=3, address=ip_interface("192.0.2.9/32"), is_gone=False),
        AddressNotice(index=3, address=ip_interface("2001:db8::9/64"), is_gone=True),
    ]


def test_an_address_without_a_mask_is_one_host() -> None:
    [notice] = notices(address(0x0C, IFA, inet("192.0.2.9")))
    assert isinstance(notice, AddressNotice)
    assert str(notice.address) == "192.0.2.9/32"


def test_other_families_versions_and_kinds_say_nothing() -> None:
    strange = address(0x0C, IFA, link_address())
    route = message(0x01, bytes(148))
    later = message(0x0E, link()[4:], version=6)
    assert list(notices(strange + route + later + link())) == [LinkNotice(index=3, is_up=True)]


def test_a_torn_message_ends_the_reading() -> None:
    assert list(notices(link() + link()[:-1])) == [LinkNotice(index=3, is_up=True)]


@given(st.binary(max_size=300))
def test_noise_is_survived(data: bytes) -> None:
    list(notices(data))


@given(st.sampled_from([0x0C, 0x0D, 0x0E, 0x11]), st.binary(max_size=200))
def test_noise_under_a_good_head_is_survived(kind: int, body: bytes) -> None:
    assert len(list(notices(message(kind, body)))) <= 1
