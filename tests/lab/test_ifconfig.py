"""ifconfig in a node answers as FreeBSD's, and changes the node's real interfaces."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface
from typing import TYPE_CHECKING

import pytest

from hafailover.lab.ifconfig.arguments import (
    Change,
    ChangeAddress,
    ListNames,
    Order,
    Refused,
    SetLink,
    Show,
    parse,
)
from hafailover.lab.ifconfig.render import Address, Interface
from tests.lab.test_node import pair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CARD = Interface(
    name="vtnet1",
    index=2,
    mac="52:54:00:bb:00:02",
    mtu=1500,
    is_up=True,
    has_carrier=True,
    addresses=(
        Address(value=IPv4Interface("10.77.0.2/24")),
        Address(value=IPv4Interface("10.77.0.100/32")),
        Address(value=IPv6Interface("fe80::1/64"), tentative=True),
    ),
)


def test_an_interface_is_printed_as_freebsd_prints_it() -> None:
    assert CARD.render().splitlines() == [
        "vtnet1: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500",
        "\toptions=80028<VLAN_MTU,JUMBO_MTU,LINKSTATE>",
        "\tether 52:54:00:bb:00:02",
        "\tinet 10.77.0.2 netmask 0xffffff00 broadcast 10.77.0.255",
        "\tinet 10.77.0.100 netmask 0xffffffff broadcast 10.77.0.100",
        "\tinet6 fe80::1%vtnet1 prefixlen 64 tentative scopeid 0x2",
        "\tmedia: Ethernet autoselect (1000baseT <full-duplex>)",
        "\tstatus: active",
        "\tnd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>",
    ]


def test_one_family_is_printed_without_the_rest() -> None:
    assert CARD.render(family=4, cidr=True).splitlines() == [
        "vtnet1: flags=8863<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500",
        "\toptions=80028<VLAN_MTU,JUMBO_MTU,LINKSTATE>",
        "\tinet 10.77.0.2/24 broadcast 10.77.0.255",
        "\tinet 10.77.0.100/32 broadcast 10.77.0.100",
    ]


def _change(address: str, change: Change) -> ChangeAddress:
    kind = IPv6Interface if ":" in address else IPv4Interface
    return ChangeAddress(interface="e0", address=kind(address), change=change)


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("-l", ListNames()),
        ("", Show()),
        ("e0", Show(interface="e0")),
        ("-f inet:cidr e0", Show(interface="e0", cidr=True)),
        ("e0 inet6", Show(interface="e0", family=6)),
        ("e0 down", SetLink(interface="e0", up=False)),
        ("e0 inet 10.0.0.1/32 alias", _change("10.0.0.1/32", Change.ADD)),
        ("e0 inet 10.0.0.1 netmask 255.255.255.255 alias", _change("10.0.0.1/32", Change.ADD)),
        ("e0 inet 10.0.0.1 netmask 0xffffff00 add", _change("10.0.0.1/24", Change.ADD)),
        ("e0 inet 10.0.0.1 -alias", _change("10.0.0.1/8", Change.REMOVE)),
        ("e0 inet 10.0.0.1/32", _change("10.0.0.1/32", Change.REPLACE)),
        ("e0 inet6 fd00::1 prefixlen 128 alias", _change("fd00::1/128", Change.ADD)),
        ("e0 inet6 fd00::1 -alias", _change("fd00::1/64", Change.REMOVE)),
        ("e9", Refused(sentence="ifconfig: interface e9 does not exist")),
        ("e0 inet 10.0.0.300/32 alias", Refused(sentence="ifconfig: 10.0.0.300/32: bad value")),
        ("e0 inet fd00::1 alias", Refused(sentence="ifconfig: fd00::1: bad value")),
    ],
)
def test_command_lines(line: str, order: Order) -> None:
    assert parse(line.split(), ["e0", "lo0"]) == order


@pytest.mark.lab
def test_addresses_come_and_go_on_a_node(
    tmp_path: Path, in_own_namespaces: Callable[..., None]
) -> None:
    async def story() -> None:
        async with pair(tmp_path) as both:

            async def run(line: str) -> tuple[int, str, str]:
                ended = await both.a.run("ifconfig", *line.split())
                return ended.status, ended.output, ended.error

            assert await run("-l") == (0, "lnc1 lnc2 lo0\n", "")
            address = "192.168.1.102"
            assert await run(f"lnc1 inet {address}/32 alias") == (0, "", "")
            assert await run(f"lnc1 inet {address}/32 alias") == (0, "", "")
            line = f"\tinet {address} netmask 0xffffffff broadcast {address}\n"
            assert line in (await run("lnc1"))[1]
            assert (await both.b.run("ping", "-c", "1", "-W", "5", address)).status == 0
            assert await run(f"lnc1 inet {address} -alias") == (0, "", "")
            assert line not in (await run("lnc1"))[1]
            sentence = "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address\n"
            assert await run(f"lnc1 inet {address} -alias") == (1, "", sentence)
            assert await run("lnc1 inet6 fd00::7/128 alias") == (0, "", "")
            assert "\tinet6 fd00::7 prefixlen 128" in (await run("lnc1 inet6"))[1]
            assert (await run("lnc9 up"))[0] == 1

    in_own_namespaces(story)
