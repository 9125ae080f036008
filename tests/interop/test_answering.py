"""A Master that answers for its addresses and accepts nothing: ``accept: false``, as a client sees it."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hafailover.vrrp.settings import Family, Version
from tests.interop.lan import CLIENT, Lan, ip, wait_for
from tests.interop.nodes import (
    VIRTUAL_4,
    VIRTUAL_6,
    Dialect,
    Frr,
    Keepalived,
    OurNode,
    needs,
)

pytestmark = pytest.mark.netns

V3 = Dialect(version=Version.V3, interval_ms=100)
V3_IPV6 = replace(V3, family=Family.IPV6)
CONFIG = """
version: 1
nodes:
  a: {{lan: {own}, lan_ipv6: "{own_6}"}}
networks: {{lan: {{interface: eth0}}}}
paths: {{state: {folder}/state, run: {folder}/run}}
groups:
  gateway:
    vrid: 51
    priority: 150
    vrrp: {{version: 3, interval: 100ms, accept: false}}
    addresses: [{virtual}/24, "fe80::99:64/64", "{virtual_6}/64"]
"""


def pinged(lan: Lan, address: str) -> bool:
    text = lan.run(CLIENT, "ping", "-n", "-c", "1", "-W", "1", "-I", "eth0", address, check=False)
    return " 0 received" not in text


def wait_for_us(lan: Lan, address: str) -> None:
    wait_for(lambda: lan.owner(address) == lan.mac("a"), f"an answer for {address}")


def start_agent(lan: Lan, folder: Path) -> None:
    file = folder / "plain.yaml"
    file.write_text(
        CONFIG.format(
            own=lan.address("a"),
            own_6=lan.link_local("a"),
            folder=folder,
            virtual=VIRTUAL_4,
            virtual_6=VIRTUAL_6,
        )
    )
    command = (sys.executable, "-m", "hafailover", "run", "--config", str(file), "--node", "a")
    lan.spawn("a", command, folder / "agent.log")


def test_the_agent_answers_for_both_families_and_is_not_reached(lan: Lan, tmp_path: Path) -> None:
    """An address that a life with another configuration left on the interface is taken off."""
    ip("-n", lan.space("a"), "addr", "add", f"{VIRTUAL_4}/24", "dev", "eth0")
    start_agent(lan, tmp_path)
    wait_for(lambda: not lan.holds("a", VIRTUAL_4), "the address is off the interface")
    for address in (VIRTUAL_4, VIRTUAL_6, "fe80::99:64"):
        wait_for_us(lan, address)
        assert not pinged(lan, address)
        assert not lan.holds("a", address)
    assert pinged(lan, lan.address("a"))
    shown = ip("-n", lan.space(CLIENT), "-6", "neigh", "show", VIRTUAL_6, "dev", "eth0")
    assert "router" in shown.split()


OTHERS = [
    pytest.param(Keepalived, V3, ("keepalived",), id="keepalived-ipv4"),
    pytest.param(Keepalived, V3_IPV6, ("keepalived",), id="keepalived-ipv6"),
    pytest.param(Frr, V3, ("zebra", "vrrpd"), id="frr-ipv4"),
    pytest.param(Frr, V3_IPV6, ("zebra", "vrrpd"), id="frr-ipv6"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "dialect", "programs"), OTHERS)
def test_the_answers_move_between_another_router_and_us(
    lan: Lan,
    kind: type[Keepalived | Frr],
    dialect: Dialect,
    programs: tuple[str, ...],
    tmp_path: Path,
) -> None:
    needs(*programs)
    theirs = kind(lan, "b", "a", dialect, tmp_path)
    ours = OurNode(lan, "a", "b", dialect, tmp_path)
    theirs.start(100)
    wait_for(lambda: lan.owner(dialect.virtual) == theirs.mac, "the other router answers")
    settings = ours.settings(150)
    ours.start_with(replace(settings, routers=(replace(settings.routers[0], accept=False),)))
    wait_for(lambda: lan.owner(dialect.virtual) == ours.mac, "we answer")
    assert not pinged(lan, dialect.virtual)
    assert not lan.holds("a", dialect.virtual)
    ours.resign()
    wait_for(lambda: lan.owner(dialect.virtual) == theirs.mac, "the other router answers again")
    assert pinged(lan, dialect.virtual)


def test_what_is_sent_through_it_is_forwarded(lan: Lan, tmp_path: Path) -> None:
    """The client's way to a network behind b leads over the virtual address, which it cannot reach."""
    ip("-n", lan.space("b"), "addr", "add", "203.0.113.1/32", "dev", "lo")
    ip("-n", lan.space("a"), "route", "add", "203.0.113.0/24", "via", lan.address("b"))
    for setting in ("ip_forward=1", "conf.all.send_redirects=0", "conf.eth0.send_redirects=0"):
        lan.run("a", "sysctl", "-qw", f"net.ipv4.{setting}")
    start_agent(lan, tmp_path)
    ip("-n", lan.space(CLIENT), "route", "add", "203.0.113.0/24", "via", VIRTUAL_4)
    wait_for(lambda: pinged(lan, "203.0.113.1"), "the network behind us answers")
    assert not pinged(lan, VIRTUAL_4)


def test_the_address_is_defended(lan: Lan, tmp_path: Path) -> None:
    """Who gives itself the address finds out that it is taken (RFC 4862 section 5.4)."""
    start_agent(lan, tmp_path)
    wait_for_us(lan, VIRTUAL_6)
    lan.run(
        "b", "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=1", "net.ipv6.conf.eth0.accept_dad=1"
    )
    ip("-n", lan.space("b"), "addr", "add", f"{VIRTUAL_6}/64", "dev", "eth0")

    def state() -> str:
        return ip("-n", lan.space("b"), "-6", "addr", "show", "to", VIRTUAL_6, "dev", "eth0")

    wait_for(lambda: "dadfailed" in state(), "the other host is told")
