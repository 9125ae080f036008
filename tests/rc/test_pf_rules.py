"""The rules for pf in docs/security.md, asked about the pair that they are written for."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hafailover.config.load import read_text
from tests.rc.pf import Packet, Rules

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = read_text((DOCS / "examples" / "web-pair.yaml").read_text(), "example").settings(
    "Server_A"
)
LAN, REPLICATION = (
    next(network for network in SETTINGS.networks if network.name == name)
    for name in ("lan", "replication")
)
GGATE = SETTINGS.groups[0].volumes[0].port
CHANNEL = SETTINGS.channel.port
STRANGER = "192.168.1.77"
TO_GGATED = Packet(
    interface=REPLICATION.interface,
    protocol="tcp",
    source=REPLICATION.peer_address,
    target=REPLICATION.own_address,
    port=GGATE,
)
ON_THE_LAN = Packet(
    interface=LAN.interface,
    protocol="tcp",
    source=LAN.peer_address,
    target=LAN.own_address,
    port=CHANNEL,
)
VRRP = replace(ON_THE_LAN, protocol="carp", target="224.0.0.18", port=None)


@pytest.fixture(scope="module")
def rules() -> Rules:
    text = (DOCS / "security.md").read_text()
    chapter = text.split("## The second lock: pf")[1].split("\n## ")[0]
    block = re.findall(r"^    (.*)$", chapter, re.MULTILINE)
    own = {network.interface: network.own_address for network in (LAN, REPLICATION)}
    return Rules("\n".join(block), own)


@pytest.mark.parametrize(
    "packet",
    [
        TO_GGATED,
        replace(TO_GGATED, port=CHANNEL),
        ON_THE_LAN,
        VRRP,
        replace(VRRP, source=LAN.own_address, is_coming=False),
        replace(ON_THE_LAN, protocol="icmp", port=None),
        replace(TO_GGATED, protocol="icmp", port=None),
        # What the agent tries its own export by: from and to the same address, over lo0.
        replace(TO_GGATED, interface="lo0", source=REPLICATION.own_address),
        replace(ON_THE_LAN, source=STRANGER, port=443),
    ],
    ids=str,
)
def test_the_rules_let_pass_what_the_pair_needs(rules: Rules, packet: Packet) -> None:
    assert rules.pass_on(packet)


@pytest.mark.parametrize(
    "packet",
    [
        replace(TO_GGATED, source="10.10.10.77"),
        replace(TO_GGATED, interface=LAN.interface),
        replace(ON_THE_LAN, port=GGATE),
        replace(ON_THE_LAN, source=STRANGER),
        replace(TO_GGATED, source="10.10.10.77", port=CHANNEL),
        replace(VRRP, source=STRANGER),
        replace(VRRP, interface=REPLICATION.interface),
    ],
    ids=str,
)
def test_the_rules_keep_strangers_away(rules: Rules, packet: Packet) -> None:
    assert not rules.pass_on(packet)
