"""What is asked of bpf(4) when carp(4) has protocol 112, where there is neither."""

import errno
import fcntl
import os
import struct
import subprocess
from ipaddress import IPv4Address

import pytest

from hafailover.errors import EdgeError
from hafailover.system import interfaces
from hafailover.system.advert_socket import AdvertSocket
from hafailover.system.bpf_advert_socket import BpfAdvertSocket
from hafailover.system.frame_set import Outgoing
from hafailover.vrrp.settings import GROUP_IPV4, Family
from tests.system.test_bpf_frames import OWN4, PEER4, ipv4, read

DESCRIPTOR = 1_000_000


class Raw:
    """Stands for the raw socket."""

    made: list["Raw"]

    def __init__(self, interface: str, family: Family, address: IPv4Address) -> None:
        self.log: list[object] = [(interface, family, address)]
        Raw.made.append(self)

    def send(self, outgoing: Outgoing) -> None:
        self.log.append(outgoing)

    def close(self) -> None:
        self.log.append("closed")


class Kernel:
    """Stands for /dev/bpf."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[object] = []
        self.reads: list[bytes | int] = []
        self.refuses = False
        Raw.made = []
        monkeypatch.setattr("hafailover.system.bpf_advert_socket.AdvertSocket", Raw)
        monkeypatch.setattr(os, "open", lambda *_: DESCRIPTOR)
        monkeypatch.setattr(os, "read", self.read)
        monkeypatch.setattr(os, "close", lambda _: self.log.append("closed"))
        monkeypatch.setattr(os, "set_blocking", lambda _, on: self.log.append(("blocking", on)))
        monkeypatch.setattr(fcntl, "ioctl", self.ioctl)

    def ioctl(self, descriptor: int, request: int, argument: bytes) -> bytes:
        assert descriptor == DESCRIPTOR
        self.log.append(request)
        if self.refuses:
            raise OSError(errno.ENXIO, "Device not configured")
        if request == 0x80104267:
            count, address = struct.unpack("@IP", argument)
            assert (count, address != 0) == (6, True)
        return (4096).to_bytes(4, "little") if request == 0x40044266 else argument

    def read(self, descriptor: int, size: int) -> bytes:
        assert (descriptor, size) == (DESCRIPTOR, 4096)
        if not self.reads:
            raise BlockingIOError
        value = self.reads.pop(0)
        if isinstance(value, int):
            raise OSError(value, os.strerror(value))
        return value


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def opened() -> BpfAdvertSocket:
    return BpfAdvertSocket("vtnet1", Family.IPV4, OWN4)


def test_the_size_comes_before_the_interface_and_reading_never_waits(kernel: Kernel) -> None:
    wire = opened()
    assert kernel.log == [
        0xC0044266,
        0x80104267,
        0x8020426C,
        0x80044270,
        0x80044277,
        0x40044266,
        ("blocking", False),
    ]
    assert wire.fileno() == DESCRIPTOR
    assert Raw.made[0].log == [("vtnet1", Family.IPV4, OWN4)]


def test_what_is_heard_comes_from_bpf_and_what_is_said_goes_through_the_raw_socket(
    kernel: Kernel,
) -> None:
    wire = opened()
    kernel.reads = [read(ipv4(), ipv4(protocol=17)), read(ipv4(target=OWN4))]
    assert [(each.source, each.destination) for each in wire.receive()] == [
        (PEER4, GROUP_IPV4),
        (PEER4, OWN4),
    ]
    sent = Outgoing(priority=1, destination=GROUP_IPV4, data=b"x")
    wire.send(sent)
    wire.close()
    assert Raw.made[0].log[1:] == [sent, "closed"]
    assert kernel.log[-1] == "closed"


def test_an_interface_that_is_gone_is_said(kernel: Kernel) -> None:
    wire = opened()
    kernel.reads = [errno.ENXIO]
    with pytest.raises(EdgeError, match="VRRP on vtnet1: cannot receive"):
        wire.receive()


def test_nothing_stays_open_when_bpf_refuses(kernel: Kernel) -> None:
    kernel.refuses = True
    with pytest.raises(EdgeError, match="cannot attach"):
        opened()
    assert kernel.log[-1] == "closed"
    assert Raw.made[0].log[-1] == "closed"


@pytest.mark.parametrize(("is_loaded", "kind"), [(True, BpfAdvertSocket), (False, AdvertSocket)])
def test_freebsd_takes_the_raw_socket_only_without_carp_and_waits_for_no_program(
    monkeypatch: pytest.MonkeyPatch, is_loaded: bool, kind: type[object]
) -> None:
    made: list[type[object]] = []

    def waits(*_: object, **__: object) -> None:
        pytest.fail("an interface that comes back would hold up those that are there")

    monkeypatch.setattr("platform.system", lambda: "FreeBSD")
    monkeypatch.setattr(subprocess, "run", waits)
    monkeypatch.setattr(interfaces, "has_carp", lambda: is_loaded)
    for each in (BpfAdvertSocket, AdvertSocket):
        monkeypatch.setattr(interfaces, each.__name__, lambda *_, each=each: made.append(each))
    interfaces.open_wire("vtnet1", Family.IPV4, OWN4)
    assert made == [kind]
