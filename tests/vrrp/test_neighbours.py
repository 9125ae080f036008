"""Who asks for an address that no interface has: frames as scapy builds them, answers as it reads them."""

import warnings
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hafailover.vrrp.neighbours import answer, solicited_group

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import (
        ICMPv6ND_NA,
        ICMPv6ND_NS,
        ICMPv6NDOptDstLLAddr,
        ICMPv6NDOptSrcLLAddr,
        IPv6,
    )
    from scapy.layers.l2 import ARP, Ether
    from scapy.packet import Raw

MAC, CLIENT = "02:00:00:00:00:0a", "02:00:00:00:00:0c"
VIRTUAL, VIRTUAL_6, LINK_LOCAL = "192.0.2.1", "2001:db8::1", "fe80::10"
ASKER, ASKER_6 = "192.0.2.9", "fe80::c"
OURS = frozenset(map(ip_address, (VIRTUAL, VIRTUAL_6, LINK_LOCAL)))


def said(frame: Any) -> Any:
    """Return the answer as scapy reads it, its checksum made anew; None if there is none."""
    back = answer(bytes(frame), OURS, bytes.fromhex(MAC.replace(":", "")))
    if back is None:
        return None
    read = Ether(back)
    assert bytes(read) == back
    if ICMPv6ND_NA in read:
        checked = Ether(back)
        del checked[ICMPv6ND_NA].cksum
        assert bytes(checked) == back
    return read


def arp(*, to: str = "ff:ff:ff:ff:ff:ff", **changes: Any) -> Any:
    fields = {"op": 1, "hwsrc": CLIENT, "psrc": ASKER, "pdst": VIRTUAL, **changes}
    return Ether(src=CLIENT, dst=to) / ARP(**fields)


def solicitation(target: str = VIRTUAL_6, **changes: Any) -> Any:
    fields = {
        "src": ASKER_6,
        "dst": str(solicited_group(IPv6Address(target))),
        "hlim": 255,
        **changes,
    }
    return Ether(src=CLIENT, dst="33:33:ff:00:00:01") / IPv6(**fields) / ICMPv6ND_NS(tgt=target)


def with_link(frame: Any, mac: str = CLIENT) -> Any:
    return frame / ICMPv6NDOptSrcLLAddr(lladdr=mac)


@pytest.mark.parametrize("to", ["ff:ff:ff:ff:ff:ff", MAC])
def test_an_arp_request_is_answered_to_who_asked(to: str) -> None:
    reply = said(arp(to=to))
    assert (reply.dst, reply.src) == (CLIENT, MAC)
    body = reply[ARP]
    assert (body.op, body.hwsrc, body.psrc, body.hwdst, body.pdst) == (
        (2, MAC, VIRTUAL, CLIENT, ASKER)
    )  # fmt: skip


def test_a_probe_of_who_wants_the_address_for_itself_is_answered() -> None:
    """RFC 5227 section 2.1.1: the sender's address is 0.0.0.0."""
    assert said(arp(psrc="0.0.0.0"))[ARP].psrc == VIRTUAL


@pytest.mark.parametrize("target", [VIRTUAL_6, LINK_LOCAL])
def test_a_solicitation_is_answered_by_a_router(target: str) -> None:
    reply = said(with_link(solicitation(target)))
    body = reply[ICMPv6ND_NA]
    assert (reply.dst, reply[IPv6].src, reply[IPv6].dst) == (CLIENT, target, ASKER_6)
    assert (reply[IPv6].hlim, body.tgt, body.R, body.S, body.O) == (255, target, 1, 1, 1)
    assert reply[ICMPv6NDOptDstLLAddr].lladdr == MAC


def test_a_solicitation_without_its_senders_mac_goes_back_to_where_it_came_from() -> None:
    assert said(solicitation()).dst == CLIENT


def test_a_solicitation_names_another_card_to_answer_to() -> None:
    assert said(with_link(solicitation(), "02:00:00:00:00:0d")).dst == "02:00:00:00:00:0d"


def test_the_address_is_defended_before_everybody() -> None:
    """RFC 4862 section 5.4.4: who wants it for itself asks from the unspecified address."""
    reply = said(solicitation(src="::"))
    assert (reply.dst, reply[IPv6].dst, reply[ICMPv6ND_NA].S) == (
        "33:33:00:00:00:01",
        "ff02::1",
        0,
    )


@pytest.mark.parametrize(
    "frame",
    [
        arp(pdst="192.0.2.2"),
        arp(op=2),
        arp(psrc=VIRTUAL),
        arp(to="02:00:00:00:00:0b"),
        arp(hwsrc="ff:ff:ff:ff:ff:ff"),
        arp(hwtype=6),
        arp(ptype=0x86DD),
        bytes(arp())[:30],
        solicitation("2001:db8::2"),
        solicitation(hlim=64),
        solicitation(src="::", dst=VIRTUAL_6),
        with_link(solicitation(src="::")),
        with_link(solicitation(), "33:33:00:00:00:01"),
        bytes(solicitation())[:-1],
        bytes(solicitation())[:-1] + b"\x09",
        Ether(src=CLIENT, dst=MAC) / IPv6(src=ASKER_6, dst=VIRTUAL_6) / ICMPv6ND_NA(tgt=VIRTUAL_6),
        Ether(src=CLIENT, dst=MAC) / IP(src=ASKER, dst=VIRTUAL) / UDP(),
        b"",
    ],
)  # fmt: skip
def test_everything_else_is_left_to_others(frame: Any) -> None:
    assert said(frame) is None


def test_an_option_of_no_length_ends_it() -> None:
    """RFC 4861 section 4.6: such a message is discarded; reading on would never end."""
    assert said(solicitation() / Raw(bytes(8))) is None
    assert said(solicitation() / Raw(bytes((99, 1, 0, 0, 0, 0, 0, 0)))).dst == CLIENT


@given(st.binary(max_size=120))
@example(bytes(solicitation()) + b"\x01")
def test_noise_is_survived(noise: bytes) -> None:
    mac = bytes.fromhex(MAC.replace(":", ""))
    for head in (bytes(arp())[:20], bytes(solicitation())[:54], b""):
        back = answer(head + noise, OURS, mac)
        assert back is None or back[6:12] == mac


def test_the_group_of_questions() -> None:
    assert solicited_group(IPv6Address("2001:db8::1:2:345:6789")) == IPv6Address(
        "ff02::1:ff45:6789"
    )
