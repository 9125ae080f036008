"""Real routers by others take over from ours, ours from them, as a client on the LAN sees it."""

from pathlib import Path

import pytest

from hafailover.vrrp.settings import Family, Version
from tests.interop.lan import Lan, wait_for
from tests.interop.nodes import Dialect, Frr, Keepalived, Node, OurNode, needs

pytestmark = [pytest.mark.netns, pytest.mark.slow]

V2 = Dialect(version=Version.V2)
V2_PASSWORD = Dialect(version=Version.V2, password="secret12")  # noqa: S106
V2_UNICAST = Dialect(version=Version.V2, unicast=True)
V3 = Dialect(version=Version.V3, interval_ms=100)
V3_UNICAST = Dialect(version=Version.V3, interval_ms=100, unicast=True)
V3_IPV6 = Dialect(version=Version.V3, interval_ms=100, family=Family.IPV6)

PAIRS = [
    pytest.param(Keepalived, V2, id="keepalived-v2"),
    pytest.param(Keepalived, V2_PASSWORD, id="keepalived-v2-password"),
    pytest.param(Keepalived, V2_UNICAST, id="keepalived-v2-unicast"),
    pytest.param(Keepalived, V3, id="keepalived-v3"),
    pytest.param(Keepalived, V3_UNICAST, id="keepalived-v3-unicast"),
    pytest.param(Keepalived, V3_IPV6, id="keepalived-v3-ipv6"),
    pytest.param(Frr, V2, id="frr-v2"),
    pytest.param(Frr, V3, id="frr-v3"),
    pytest.param(Frr, V3_IPV6, id="frr-v3-ipv6"),
    pytest.param(OurNode, V3_IPV6, id="ours-v3-ipv6"),
]
PROGRAMS = {Keepalived: ("keepalived",), Frr: ("zebra", "vrrpd"), OurNode: ()}


def serves(lan: Lan, node: Node, address: str) -> None:
    """Wait until the client reaches the address at this node."""
    wait_for(lambda: lan.owner(address) == node.mac, f"{type(node).__name__} answers for {address}")


@pytest.mark.parametrize(("kind", "dialect"), PAIRS)
def test_we_take_over_from_a_better_router_and_give_way_to_it(
    lan: Lan, kind: type[Keepalived | Frr | OurNode], dialect: Dialect, tmp_path: Path
) -> None:
    needs(*PROGRAMS[kind])
    theirs = kind(lan, "b", "a", dialect, tmp_path)
    ours = OurNode(lan, "a", "b", dialect, tmp_path)
    theirs.start(150)
    serves(lan, theirs, dialect.virtual)

    ours.start(100)
    theirs.die()
    serves(lan, ours, dialect.virtual)
    assert ours.roles() == ["BecameBackup STARTUP", "BecameMaster MASTER_SILENT"]

    lan.heal("b")
    theirs.start(150)
    wait_for(lambda: len(ours.roles()) == 3, "we give way")
    serves(lan, theirs, dialect.virtual)
    assert ours.roles()[2] == "BecameBackup HIGHER_PRIORITY"
    assert not lan.holds("a", dialect.virtual)

    theirs.resign()
    serves(lan, ours, dialect.virtual)
    assert ours.roles()[3:] == ["BecameMaster MASTER_RESIGNED"]
    assert "difference" not in {line["what"] for line in ours.said()}


@pytest.mark.parametrize(("kind", "dialect"), PAIRS)
def test_a_lesser_router_takes_over_from_us_and_gives_way_to_us(
    lan: Lan, kind: type[Keepalived | Frr | OurNode], dialect: Dialect, tmp_path: Path
) -> None:
    needs(*PROGRAMS[kind])
    theirs = kind(lan, "b", "a", dialect, tmp_path)
    ours = OurNode(lan, "a", "b", dialect, tmp_path)
    ours.start(150)
    serves(lan, ours, dialect.virtual)

    theirs.start(100)
    ours.resign()
    assert not lan.holds("a", dialect.virtual)
    serves(lan, theirs, dialect.virtual)

    ours.start(150)
    serves(lan, ours, dialect.virtual)
    assert ours.roles()[-1] == "BecameMaster PREEMPTION"

    ours.die()
    serves(lan, theirs, dialect.virtual)
