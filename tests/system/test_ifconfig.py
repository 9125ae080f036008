"""The words of ifconfig(8), as FreeBSD 14 was seen to speak and understand them."""

import re
from ipaddress import ip_interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.system.ifconfig import (
    InterfaceView,
    NotUnderstood,
    assign_command,
    look_command,
    parse_interface,
    release_command,
)

VTNET1 = """\
vtnet1: flags=8963<UP,BROADCAST,RUNNING,PROMISC,SIMPLEX,MULTICAST> metric 0 mtu 1500
\toptions=80028<VLAN_MTU,JUMBO_MTU,LINKSTATE>
\tether 52:54:00:bb:00:02
\tinet 10.77.0.2 netmask 0xffffff00 broadcast 10.77.0.255
\tinet 10.77.0.200 netmask 0xffffffff broadcast 10.77.0.200 vhid 1
\tinet6 fe80::5054:ff:febb:2%vtnet1 prefixlen 64 scopeid 0x2
\tinet6 2001:db8::10 prefixlen 128 tentative
\tinet6 2001:db8::11 prefixlen 128 duplicated
\tcarp: BACKUP vhid 1 advbase 1 advskew 100
\tmedia: Ethernet autoselect (10Gbase-T <full-duplex>)
\tstatus: active
\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>
"""


RECORDED = Path(__file__).parents[1] / "data" / "freebsd-14.0" / "ifconfig.txt"


def test_everything_that_was_recorded_of_an_interface_is_understood() -> None:
    answers = re.findall(
        r"^# ifconfig vtnet1(?: inet)?\n(.*?)\[exit (\d)]",
        RECORDED.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert len(answers) == 4
    for text, status in answers:
        view = parse_interface(text)
        assert status == "0"
        assert isinstance(view, InterfaceView)
        assert ip_interface("10.77.0.2/24") in view.addresses
        assert view.is_up
        assert view.tentative == view.duplicated == ()


@pytest.mark.parametrize(
    ("address", "assign", "release"),
    [
        (
            "192.0.2.10/32",
            "ifconfig em0 inet 192.0.2.10/32 alias",
            "ifconfig em0 inet 192.0.2.10 -alias",
        ),
        (
            "2001:db8::10/128",
            "ifconfig em0 inet6 2001:db8::10/128 alias",
            "ifconfig em0 inet6 2001:db8::10 -alias",
        ),
    ],
)
def test_the_command_lines(address: str, assign: str, release: str) -> None:
    interface = ip_interface(address)
    assert " ".join(assign_command("em0", interface)) == assign
    assert " ".join(release_command("em0", interface)) == release
    assert look_command("em0") == ("ifconfig", "em0")


def test_what_an_interface_has() -> None:
    addresses = tuple(
        map(
            ip_interface,
            (
                "10.77.0.2/24",
                "10.77.0.200/32",
                "fe80::5054:ff:febb:2/64",
                "2001:db8::10/128",
                "2001:db8::11/128",
            ),
        )
    )
    assert parse_interface(VTNET1) == InterfaceView(
        name="vtnet1",
        is_up=True,
        mac="52:54:00:bb:00:02",
        addresses=addresses,
        tentative=addresses[3:4],
        duplicated=addresses[4:],
        has_carrier=True,
    )


@pytest.mark.parametrize("name", ["lan-0", "igb0.100", "to_b"])
def test_an_interface_may_have_any_name_that_can_be_configured(name: str) -> None:
    """The kernel refuses an empty name and one that is taken, nothing else (SIOCSIFNAME)."""
    view = parse_interface(VTNET1.replace("vtnet1: flags", f"{name}: flags"))
    assert isinstance(view, InterfaceView)
    assert (view.name, view.is_up) == (name, True)


@pytest.mark.parametrize(
    ("said", "has_carrier"),
    [
        ("associated", True),
        ("running", True),
        ("", True),
        ("no carrier (Cable is unplugged.)", False),
        ("no ring", False),
    ],
)
def test_the_carrier_of_other_media(said: str, has_carrier: bool) -> None:
    """Wireless is associated or running, never active; an unknown medium says nothing (libifconfig_media.c)."""
    view = parse_interface(VTNET1.replace("status: active", f"status: {said}"))
    assert isinstance(view, InterfaceView)
    assert view.has_carrier is has_carrier


def test_no_carrier_and_down() -> None:
    text = VTNET1.replace("RUNNING,", "").replace("active", "no carrier")
    view = parse_interface(text)
    assert isinstance(view, InterfaceView)
    assert (view.is_up, view.has_carrier) == (False, False)


def test_a_driver_that_does_not_tell_its_carrier() -> None:
    view = parse_interface("lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> metric 0 mtu 16384\n")
    assert isinstance(view, InterfaceView)
    assert (view.has_carrier, view.mac, view.addresses) == (None, "", ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ifconfig: interface vtnet9 does not exist\n",
        VTNET1.replace("netmask 0xffffff00", "netmask 255.255.255.0"),
        VTNET1.replace("10.77.0.2 netmask 0xffffff00", "10.77.0.2/24"),
        VTNET1.replace("prefixlen 64", "/64"),
    ],
)
def test_what_is_not_understood_is_no_empty_interface(text: str) -> None:
    assert parse_interface(text) == NotUnderstood(text=text)


@given(st.text())
def test_noise_is_not_understood(text: str) -> None:
    assert parse_interface(text) == NotUnderstood(text=text)
