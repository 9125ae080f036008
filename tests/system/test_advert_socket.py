"""What a socket for advertisements is set to, where the kernel would not let a test see the difference."""

import os
import socket
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address

import pytest

from hafailover.system.advert_socket import AdvertSocket
from hafailover.system.bpf_advert_socket import BpfAdvertSocket
from hafailover.vrrp.settings import Address, Family

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets need root")


class Deaf:
    """Stands for bpf(4), which Linux has not."""

    def __init__(self, *_: object) -> None:
        self.descriptor = -1

    def for_receiving(self, program: object) -> None:
        """Filter nothing: nothing arrives."""

    def close(self) -> None:
        """Nothing is open."""


def plain(family: Family, own: Address) -> AdvertSocket:
    return AdvertSocket("lo", family, own)


def beside_carp(family: Family, own: Address) -> AdvertSocket:
    return BpfAdvertSocket("lo", family, own)._raw


@pytest.mark.parametrize("opened", [plain, beside_carp])
@pytest.mark.parametrize(
    ("own", "level", "options"),
    [
        ("127.0.0.1", socket.IPPROTO_IP, (socket.IP_MULTICAST_TTL,)),
        ("::1", socket.IPPROTO_IPV6, (socket.IPV6_MULTICAST_HOPS, socket.IPV6_UNICAST_HOPS)),
    ],
    ids=["ipv4", "ipv6"],
)
def test_nothing_but_255_can_get_into_the_header(
    opened: Callable[[Family, Address], AdvertSocket],
    own: str,
    level: int,
    options: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FreeBSD takes the TTL of a multicast packet from the socket, whatever the header says."""
    monkeypatch.setattr("hafailover.system.bpf_advert_socket.Bpf", Deaf)
    address = ip_address(own)
    with closing(opened(Family(address.version), address)) as subject:
        assert {subject._socket.getsockopt(level, option) for option in options} == {255}
