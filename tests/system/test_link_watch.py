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
from tests.system.test_route_messages import IFA, address, announcement, inet, link

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
                vanished=lambda: self.said.append("vanished"),
                appeared=lambda: self.said.append("appeared"),
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


DEPARTURE, ARRIVAL = 1, 0


def test_one_that_is_made_again_counts_once_it_was_taken_anew(rig: Rig) -> None:
    """FreeBSD gives it the lowest index that is free: the old one, or another."""
    assert rig.tell(announcement(DEPARTURE, b"em0", 3)) == ["vanished", False]
    assert rig.tell(link(index=3), announcement(ARRIVAL, b"em1", 3)) == []
    assert rig.tell(announcement(ARRIVAL, b"em0", 5)) == ["appeared"]
    assert rig.tell(link(index=5)) == ["appeared"]
    rig.watch.resume()
    assert rig.tell(link(index=5), link(index=3, state=1)) == [True]
    assert rig.tell(link(index=5, state=1)) == [False]


def test_one_that_is_down_again_before_it_was_taken_is_gone_again(rig: Rig) -> None:
    rig.tell(announcement(DEPARTURE, b"em0", 3), announcement(ARRIVAL, b"em0", 3))
    assert rig.tell(link(), link(state=1)) == ["appeared", "vanished", "appeared"]


def test_one_that_comes_without_having_gone_is_another_one(rig: Rig) -> None:
    assert rig.tell(announcement(ARRIVAL, b"em0", 5)) == ["vanished", False, "appeared"]


def test_one_whose_sockets_are_lost_is_taken_anew(rig: Rig) -> None:
    rig.watch.renew()
    rig.watch.renew()
    assert rig.tell() == ["vanished", False, "appeared"]


def test_an_interface_that_is_not_there_is_said(bench: Bench) -> None:
    watcher = LinkWatcher(
        link_changed=lambda _: None,
        address_changed=lambda *_: None,
        vanished=lambda: None,
        appeared=lambda: None,
    )
    with pytest.raises(EdgeError, match="nowhere0"):
        watch_link(bench.loop, "nowhere0", watcher, uses_netlink=False)
