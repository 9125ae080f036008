"""What bpf(4) reads, built by hand after net/bpf.h; the filter runs in this kernel."""

import ctypes
import socket
import struct
import sys
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.system.bpf_frames import captured, program, read_frame
from hafailover.vrrp.advertisement import internet_checksum
from hafailover.vrrp.settings import GROUP_IPV4, GROUP_IPV6, Family

OWN4, PEER4 = IPv4Address("192.0.2.2"), IPv4Address("192.0.2.3")
OWN6, PEER6 = IPv6Address("fe80::2"), IPv6Address("fe80::3")
PAYLOAD = bytes.fromhex("31339601006442d90a4d0064")


def ipv4(
    *, protocol: int = 112, target: IPv4Address = GROUP_IPV4, offset: int = 0, ttl: int = 255
) -> bytes:
    total = 20 + len(PAYLOAD)
    head = struct.pack("!BBHHHBBH", 0x45, 0xC0, total, 1, offset, ttl, protocol, 0)
    head += PEER4.packed + target.packed
    checksum = internet_checksum(head).to_bytes(2)
    return bytes(12) + b"\x08\x00" + head[:10] + checksum + head[12:] + PAYLOAD


def ipv6(*, protocol: int = 112, target: IPv6Address = GROUP_IPV6) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(PAYLOAD), protocol, 255)
    return bytes(12) + b"\x86\xdd" + head + PEER6.packed + target.packed + PAYLOAD


def read(*frames: bytes) -> bytes:
    """Lay frames out as one read of bpf gives them: head of 26 bytes, padded to 32, then to eight."""
    data = b""
    for frame in frames:
        head = struct.pack("=qqIIH", 1, 2, len(frame), len(frame), 32).ljust(32, b"\0")
        data += (head + frame).ljust(len(head + frame) + 7 & -8, b"\0")
    return data


def test_frames_of_one_read() -> None:
    assert list(captured(read(ipv4(), b"odd length!", ipv6()))) == [ipv4(), b"odd length!", ipv6()]


def test_a_frame_that_was_cut_is_left_out() -> None:
    head = struct.pack("=qqIIH", 1, 2, 8, 9, 32).ljust(32, b"\0")
    assert list(captured(head + b"12345678" + read(b"whole"))) == [b"whole"]


@given(st.binary(max_size=200))
def test_noise_is_survived(data: bytes) -> None:
    for frame in captured(data):
        read_frame(frame, Family.IPV4, OWN4)
        read_frame(frame, Family.IPV6, OWN6)


def test_a_message_over_ipv4() -> None:
    received = read_frame(ipv4() + bytes(14), Family.IPV4, OWN4)
    assert received is not None
    assert (received.payload, received.source, received.destination) == (PAYLOAD, PEER4, GROUP_IPV4)
    assert received.ttl == 255


def test_a_message_over_ipv6() -> None:
    received = read_frame(ipv6(target=OWN6), Family.IPV6, OWN6)
    assert received is not None
    assert (received.payload, received.source, received.destination) == (PAYLOAD, PEER6, OWN6)
    assert received.ttl == 255


@pytest.mark.parametrize(
    "frame",
    [
        ipv4(protocol=17),
        ipv4(target=IPv4Address("192.0.2.4")),
        ipv4(offset=0x2000),
        ipv4(offset=0x0001),
        ipv4()[:-1],
        ipv4()[:24] + b"\0\0" + ipv4()[26:],
        ipv6(),
        b"",
    ],
)
def test_what_is_not_for_this_host_or_not_whole_is_no_message(frame: bytes) -> None:
    assert read_frame(frame, Family.IPV4, OWN4) is None


@pytest.mark.parametrize("frame", [ipv6(protocol=58), ipv6(target=PEER6), ipv6()[:-1], ipv4()])
def test_the_same_over_ipv6(frame: bytes) -> None:
    assert read_frame(frame, Family.IPV6, OWN6) is None


@pytest.mark.skipif(sys.platform != "linux", reason="SO_ATTACH_FILTER is Linux's")
@pytest.mark.parametrize(("family", "kept"), [(Family.IPV4, [ipv4()]), (Family.IPV6, [ipv6()])])
def test_the_filter_lets_just_vrrp_of_its_family_through(family: Family, kept: list[bytes]) -> None:
    """Linux runs the same instructions (socket(7)), on datagrams of a pair of sockets too."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        code = ctypes.create_string_buffer(program(family))
        attach = struct.pack("@HP", len(program(family)) // 8, ctypes.addressof(code))
        ours.setsockopt(socket.SOL_SOCKET, 26, attach)
        ours.settimeout(0)
        for frame in (ipv4(), ipv6(), ipv4(protocol=6), ipv6(protocol=6), b"short"):
            try:
                theirs.send(frame)
            except PermissionError:
                continue
        got = []
        while True:
            try:
                got.append(ours.recv(2000))
            except BlockingIOError:
                break
    assert got == kept
