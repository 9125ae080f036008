"""What is asked of FreeBSD's bpf(4), where there is none."""

import errno
import fcntl
import os
import sys
from dataclasses import dataclass, field

import pytest

from hafailover.errors import EdgeError, NotPermittedError
from hafailover.system.bpf_announce import BpfAnnouncer
from hafailover.system.interfaces import open_sender

DESCRIPTOR = 1_000_000


@dataclass
class Kernel:
    """Stands for /dev/bpf and writes down what is asked of it."""

    log: list[tuple[object, ...]] = field(default_factory=list)
    refuses: dict[str, int] = field(default_factory=dict)

    def _do(self, name: str, *arguments: object) -> int:
        self.log.append((name, *arguments))
        if name in self.refuses:
            number = self.refuses[name]
            raise OSError(number, os.strerror(number))
        return DESCRIPTOR

    def open(self, path: str, flags: int) -> int:
        return self._do("open", path, flags & os.O_ACCMODE)

    def ioctl(self, descriptor: int, request: int, argument: bytes) -> int:
        return self._do("ioctl", descriptor, request, argument)

    def write(self, descriptor: int, data: bytes) -> int:
        return self._do("write", descriptor, data)

    def close(self, descriptor: int) -> None:
        self._do("close", descriptor)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    for name in ("open", "write", "close"):
        monkeypatch.setattr(os, name, getattr(made, name))
    monkeypatch.setattr(fcntl, "ioctl", made.ioctl)
    return made


def test_a_descriptor_is_bound_and_frames_are_written_whole(kernel: Kernel) -> None:
    announcer = BpfAnnouncer("vtnet1")
    announcer.send((b"one", b"two"))
    announcer.close()
    assert kernel.log == [
        ("open", "/dev/bpf", os.O_WRONLY),
        ("ioctl", DESCRIPTOR, 0x8020426C, b"vtnet1" + bytes(26)),
        ("ioctl", DESCRIPTOR, 0x80044275, (1).to_bytes(4, sys.byteorder)),
        ("write", DESCRIPTOR, b"one"),
        ("write", DESCRIPTOR, b"two"),
        ("close", DESCRIPTOR),
    ]


def test_without_privilege(kernel: Kernel) -> None:
    kernel.refuses["open"] = errno.EACCES
    with pytest.raises(NotPermittedError, match="/dev/bpf"):
        BpfAnnouncer("vtnet1")


def test_an_interface_that_is_not_there_leaves_nothing_open(kernel: Kernel) -> None:
    kernel.refuses["ioctl"] = errno.ENXIO
    with pytest.raises(EdgeError, match="VRRP on vtnet9: cannot attach"):
        BpfAnnouncer("vtnet9")
    assert kernel.log[-1] == ("close", DESCRIPTOR)


def test_a_name_that_no_interface_has_is_not_cut_short(kernel: Kernel) -> None:
    with pytest.raises(EdgeError, match="longer"):
        BpfAnnouncer("x" * 16)
    assert kernel.log == []


def test_an_interface_that_is_down_is_said(kernel: Kernel) -> None:
    announcer = BpfAnnouncer("vtnet1")
    kernel.refuses["write"] = errno.ENETDOWN
    with pytest.raises(EdgeError, match="the interface is down"):
        announcer.send((b"one",))


def test_freebsd_announces_through_it(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "FreeBSD")
    sender = open_sender("vtnet1")
    sender.send((b"one",))
    assert isinstance(sender, BpfAnnouncer)
    assert kernel.log[-1] == ("write", DESCRIPTOR, b"one")
