"""The few netlink messages that a router needs, as bytes."""

import errno
import struct
from ipaddress import ip_interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.system import rtnetlink
from hafailover.system.rtnetlink import Assigned, Interface, Link, Message

addresses = st.ip_addresses().flatmap(
    lambda ip: st.integers(0, ip.max_prefixlen).map(lambda bits: ip_interface(f"{ip}/{bits}"))
)


@given(addresses, st.integers(1, 1 << 30), st.booleans(), st.integers(1, 1 << 30))
def test_a_change_names_what_a_notice_of_it_would(
    address: Interface,
    index: int,
    add: bool,
    sequence: int,
) -> None:
    """The body of a request has the layout of the kernel's own notice, so it can be read back."""
    data = rtnetlink.change_address(add=add, index=index, address=address, sequence=sequence)
    (message,) = rtnetlink.messages(data)
    assert message.sequence == sequence
    assert message.kind == (rtnetlink.RTM_NEWADDR if add else rtnetlink.RTM_DELADDR)
    assert rtnetlink.read_address(message) == Assigned(
        index=index, address=address, is_gone=not add
    )


def test_ipv6_addresses_are_usable_at_once() -> None:
    """IFA_F_NODAD: a new Master cannot wait for duplicate address detection."""
    data = rtnetlink.change_address(
        add=True, index=7, address=ip_interface("2001:db8::1/64"), sequence=1
    )
    family, prefix, flags, scope, index = struct.unpack_from("=BBBBI", data, 16)
    assert (family, prefix, flags, scope, index) == (10, 64, 2, 0, 7)


def test_link_local_addresses_have_link_scope() -> None:
    data = rtnetlink.change_address(
        add=True, index=7, address=ip_interface("fe80::1/64"), sequence=1
    )
    assert data[19] == 253


def test_a_link_is_up_with_a_carrier_only() -> None:
    def link(flags: int) -> Link:
        name = struct.pack("=HH", 4 + 5, 3) + b"eth0\0" + bytes(3)
        mac = struct.pack("=HH", 4 + 6, 1) + bytes.fromhex("020000000061") + bytes(2)
        body = struct.pack("=BxHiII", 0, 1, 2, flags, 0) + name + mac
        return rtnetlink.read_link(Message(kind=rtnetlink.RTM_NEWLINK, sequence=1, body=body))

    assert link(0x11043) == Link(index=2, name="eth0", mac="02:00:00:00:00:61", is_up=True)
    assert not link(0x1003).is_up
    assert not link(0x11002).is_up


def test_an_interface_that_leaves_a_bridge_is_not_gone() -> None:
    def deleted(family: int) -> Message:
        body = struct.pack("=BxHiII", family, 1, 2, 0x1002, 0)
        return Message(kind=rtnetlink.RTM_DELLINK, sequence=0, body=body)

    assert rtnetlink.read_link(deleted(0)).is_gone
    assert not rtnetlink.is_of_bridge(deleted(0))
    assert rtnetlink.is_of_bridge(deleted(7))


def test_errors_are_errno() -> None:
    body = struct.pack("=i", -errno.EEXIST) + bytes(16)
    message = Message(kind=rtnetlink.NLMSG_ERROR, sequence=1, body=body)
    assert rtnetlink.error_number(message) == errno.EEXIST


@pytest.mark.parametrize("size", [0, 15, 16, 24])
def test_a_message_that_is_cut_off_ends_the_reading(size: int) -> None:
    whole = rtnetlink.change_address(
        add=True, index=1, address=ip_interface("192.0.2.1/24"), sequence=9
    )
    assert list(rtnetlink.messages(whole[:size])) == []
    assert [m.sequence for m in rtnetlink.messages(whole + whole[:size])] == [9]
