"""Where questions for addresses come in: the filter runs in this kernel, bpf(4) is stood in for."""

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from hafailover.errors import EdgeError, NotPermittedError
from hafailover.system import answering
from hafailover.system.answering import Answerer, open_door
from hafailover.system.neighbour_filter import program
from hafailover.vrrp.settings import Address, Family
from tests.system.test_bpf_frames import read

DESCRIPTOR = 1_000_000
MAC = "02:00:00:00:00:0a"
CLIENT = bytes.fromhex("02000000000c")
MANY_4 = tuple(IPv4Address("192.0.2.0") + number for number in range(1, 256))
MANY_6 = tuple(IPv6Address("2001:db8::") + number for number in range(1, 256))


def arp(target: str, operation: int = 1) -> bytes:
    head = b"\xff" * 6 + CLIENT + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
    return head + CLIENT + bytes((192, 0, 2, 9)) + bytes(6) + IPv4Address(target).packed


def solicitation(target: str, kind: int = 135) -> bytes:
    head = (
        b"\x33\x33\xff\0\0\x01" + CLIENT + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, 24, 58, 255)
    )
    return head + bytes(32) + bytes((kind, *bytes(7))) + IPv6Address(target).packed


def let_through(addresses: Sequence[Address], frames: Sequence[bytes]) -> list[bytes]:
    """Send frames through a pair of sockets with the filter on it."""
    instructions = program(Family(addresses[0].version), addresses)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    got = []
    with ours, theirs:
        code = ctypes.create_string_buffer(instructions)
        attach = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(code))
        ours.setsockopt(socket.SOL_SOCKET, 26, attach)
        ours.settimeout(0)
        for frame in frames:
            with contextlib.suppress(PermissionError):
                theirs.send(frame)
        with contextlib.suppress(BlockingIOError):
            while True:
                got.append(ours.recv(2000))
    return got


@pytest.mark.skipif(sys.platform != "linux", reason="SO_ATTACH_FILTER is Linux's")
@pytest.mark.parametrize("listed", [MANY_4, MANY_4[:1], MANY_4[100:102]])
def test_only_arp_for_the_addresses_wakes_the_agent(listed: tuple[IPv4Address, ...]) -> None:
    wanted = [arp(str(listed[0])), arp(str(listed[-1]))]
    others = [arp("192.0.3.7"), solicitation("2001:db8::1"), b"short", arp("192.0.2.1")[:30]]
    assert let_through(listed, [*wanted, *others]) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="SO_ATTACH_FILTER is Linux's")
@pytest.mark.parametrize("listed", [MANY_6, MANY_6[:1]])
def test_only_solicitations_for_the_addresses_wake_the_agent(
    listed: tuple[IPv6Address, ...],
) -> None:
    wanted = [solicitation(str(listed[0])), solicitation(str(listed[-1]))]
    others = [solicitation("2001:db8::1:1"), solicitation("2001:db8::1", 136), arp("192.0.2.1")]
    tcp = bytearray(solicitation("2001:db8::1"))
    tcp[20] = 6
    assert let_through(listed, [*wanted, *others, bytes(tcp)]) == wanted


class Kernel:
    """Stands for /dev/bpf."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[object] = []
        self.reads: list[bytes | int] = []
        self.refuses: set[object] = set()
        monkeypatch.setattr(answering, "has_netlink", lambda: False)
        monkeypatch.setattr(os, "open", self.open)
        monkeypatch.setattr(os, "read", self.read)
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "close", lambda _: self.log.append("closed"))
        monkeypatch.setattr(os, "set_blocking", lambda *_: None)
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)

    def _refuse(self, what: object) -> None:
        if what in self.refuses:
            raise OSError(errno.ENXIO, "Device not configured")

    def open(self, path: str, flags: int) -> int:
        if "open" in self.refuses:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.log.append((path, flags & os.O_ACCMODE))
        return DESCRIPTOR

    def ioctl(self, descriptor: int, request: int, argument: bytes) -> bytes:
        assert descriptor == DESCRIPTOR
        self._refuse(request)
        self.log.append(request)
        return (4096).to_bytes(4, sys.byteorder) if request == 0x40044266 else argument

    def read(self, _descriptor: int, _size: int) -> bytes:
        if not self.reads:
            raise BlockingIOError
        value = self.reads.pop(0)
        if isinstance(value, int):
            raise OSError(value, os.strerror(value))
        return value

    def write(self, _descriptor: int, data: bytes) -> int:
        self._refuse("write")
        self.log.append(data)
        return len(data)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def answerer(said: list[str]) -> Answerer:
    return Answerer("vtnet1", [ip_address("192.0.2.1")], MAC, said.append)


def test_freebsd_hears_questions_and_answers_through_one_bpf(kernel: Kernel) -> None:
    said: list[str] = []
    ours = answerer(said)
    assert kernel.log == [
        ("/dev/bpf", os.O_RDWR),
        0xC0044266,
        0x80104267,
        0x8020426C,
        0x80044270,
        0x80044277,
        0x40044266,
        0x80044275,
    ]
    assert ours.fileno() == DESCRIPTOR
    kernel.reads = [read(arp("192.0.2.1"), arp("192.0.2.3")), read(arp("192.0.2.1"))]
    ours.readable()
    sent = [each for each in kernel.log if isinstance(each, bytes)]
    assert [(each[:6], each[20:22]) for each in sent] == [(CLIENT, b"\0\x02")] * 2
    ours.close()
    assert kernel.log[-1] == "closed"
    assert not said


def test_an_interface_that_is_gone_is_said_once(kernel: Kernel) -> None:
    said: list[str] = []
    ours = answerer(said)
    for number in (errno.ENXIO, errno.ENXIO):
        kernel.reads = [number]
        ours.readable()
    assert len(said) == 1
    assert "vtnet1: cannot hear questions" in said[0]
    kernel.refuses = {"write"}
    kernel.reads = [read(arp("192.0.2.1"))]
    ours.readable()
    assert "vtnet1: cannot answer" in said[1]


@pytest.mark.parametrize("request_", [0x80104267, 0x80044275])
def test_nothing_stays_open_when_bpf_refuses(kernel: Kernel, request_: int) -> None:
    kernel.refuses = {request_}
    with pytest.raises(EdgeError, match="vtnet1: cannot attach"):
        answerer([])
    assert kernel.log[-1] == "closed"


def test_bpf_belongs_to_root(kernel: Kernel) -> None:
    kernel.refuses = {"open"}
    with pytest.raises(NotPermittedError):
        open_door("vtnet1", Family.IPV4, [ip_address("192.0.2.1")])


def test_a_group_of_questions_that_cannot_be_joined_leaves_nothing_open(kernel: Kernel) -> None:
    """There is no interface of this name here, so the system refuses."""
    with pytest.raises(EdgeError, match="vtnet1: cannot join"):
        Answerer("vtnet1", [ip_address("fe80::10")], MAC, print)
    assert kernel.log[-1] == "closed"
