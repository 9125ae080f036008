"""Links and addresses as the kernel tells of them, on a socket that stands for the routing socket."""

import socket
from collections.abc import Iterator
from ipaddress import ip_interface

import pytest

from hafailover.errors import EdgeError
from hafailover.system import link_watch
from hafailover.system.ifconfig import InterfaceView
from hafailover.system.link_watch import LinkWatch, LinkWatcher, watch_link
from hafailover.system.route_messages import PF_ROUTE
from tests.system.conftest import Bench
from tests.system.test_route_messages import IFA, address, inet, link

REAL_SOCKET = socket.socket


class Rig:
    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch, *, carrier: bool) -> None:
        self.bench = bench
        self.said: list[object] = []
        kernel, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        view = InterfaceView(
            name="em0",
            is_up=True,
            mac="",
            addresses=(),
            tentative=(),
            duplicated=(),
            has_carrier=carrier,
        )

        def opened(family: int, *rest: int) -> socket.socket:
            assert (family, rest) == (PF_ROUTE, (socket.SOCK_RAW, 0))
            return kernel

        with monkeypatch.context() as patch:
            patch.setattr(socket, "if_nametoindex", lambda _: 3)
            patch.setattr(socket, "socket", opened)
            patch.setattr(link_watch, "look_once", lambda _: view)
            watcher = LinkWatcher(
                link_changed=self.said.append,
                address_changed=lambda address, is_gone: self.said.append((str(address), is_gone)),
            )
            self.watch: LinkWatch = watch_link(bench.loop, "em0", watcher, uses_netlink=False)

    def tell(self, *messages: bytes) -> list[object]:
        for message in messages:
            self.end.send(message)
        self.bench.turn()
        self.bench.turn()
        said, self.said[:] = list(self.said), []
        return said


@pytest.fixture
def rig(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    subject = Rig(bench, monkeypatch, carrier=True)
    yield subject
    subject.watch.close()
    subject.end.close()


def test_a_carrier_that_is_lost_and_comes_back_is_told_once_each(rig: Rig) -> None:
    assert rig.tell(link(state=1), link(state=1)) == [False]
    assert rig.tell(link(state=2)) == [True]
    assert rig.tell(link(state=2)) == []


def test_other_interfaces_are_not_ours(rig: Rig) -> None:
    assert rig.tell(link(state=1, index=4), address(0x0D, IFA, inet("192.0.2.1"), index=4)) == []


def test_an_address_that_goes_and_comes_at_once_is_there(rig: Rig) -> None:
    """The kernel does so when an IPv4 address is put on that is there."""
    gone, back = address(0x0D, IFA, inet("192.0.2.1")), address(0x0C, IFA, inet("192.0.2.1"))
    assert rig.tell(gone, back) == [(str(ip_interface("192.0.2.1/32")), False)]
    assert rig.tell(gone) == [(str(ip_interface("192.0.2.1/32")), True)]


def test_who_has_just_begun_is_told_of_a_missing_carrier(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(bench, monkeypatch, carrier=False)
    rig.watch.tell()
    assert rig.said == [False]
    assert rig.tell(link(state=2)) == [False, True]
    rig.watch.close()
    rig.end.close()


def test_an_interface_that_is_not_there_is_said(bench: Bench) -> None:
    watcher = LinkWatcher(link_changed=lambda _: None, address_changed=lambda *_: None)
    with pytest.raises(EdgeError, match="nowhere0"):
        watch_link(bench.loop, "nowhere0", watcher, uses_netlink=False)
