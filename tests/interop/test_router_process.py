"""Our router as a process: what it costs, and what it bears."""

import select
import time
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from hafailover.system.advert_socket import AdvertSocket
from hafailover.system.frame_set import Outgoing, frame_order
from hafailover.system.frames import build_frames
from hafailover.system.router_process import settings_from, settings_text
from hafailover.vrrp.settings import Family, Version
from tests.interop.inside import enter, inside
from tests.interop.lan import CLIENT, Lan, ip, wait_for
from tests.interop.nodes import VIRTUAL_4, Dialect, OurNode

pytestmark = pytest.mark.netns

DIALECT = Dialect(version=Version.V3, interval_ms=100)
MEMORY_KB = 50_000


@pytest.fixture
def ours(lan: Lan, tmp_path: Path) -> OurNode:
    """A router that is Master."""
    node = OurNode(lan, "a", "b", DIALECT, tmp_path)
    node.start(150)
    wait_for(lambda: node.roles()[-1:] == ["BecameMaster MASTER_SILENT"], "we are Master")
    return node


def test_it_is_small(ours: OurNode) -> None:
    lines = Path(f"/proc/{ours.pid}/status").read_text().splitlines()
    (resident,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    assert resident < MEMORY_KB


def test_a_flood_of_bad_messages_does_not_starve_it(lan: Lan, ours: OurNode) -> None:
    """Whoever sends what does not count, faster than the interval, must not silence a Master."""
    router = replace(ours.settings(100).routers[0], primary_address=ip_address(lan.address("b")))
    good = build_frames(frame_order(router, lan.mac("b"))).with_priority(100)[0]
    bad = Outgoing(priority=1, destination=good.destination, data=good.data[:-1] + b"\0")

    def listen() -> int:
        listening = AdvertSocket("eth0", Family.IPV4, ip_address(lan.address(CLIENT)))
        enter(lan.space("b"))
        # The socket stays in the namespace that it was made in.
        flooding = AdvertSocket("eth0", Family.IPV4, ip_address(lan.address("b")))
        heard, end, next_bad = 0, time.monotonic() + 3, 0.0
        while time.monotonic() < end:
            if time.monotonic() >= next_bad:
                flooding.send(bad)
                next_bad = time.monotonic() + 0.005
            select.select([listening], [], [], 0.005)
            heard += sum(str(each.source) == lan.address("a") for each in listening.receive())
        return heard

    heard = inside(lan.space(CLIENT), listen)
    # Thirty are due in three seconds; a loaded machine may owe us some.
    assert heard >= 15
    ignored = [line for line in ours.said() if line["what"] == "Ignored"]
    assert len(ignored) > 100
    assert {line["reason"] for line in ignored} == {"CHECKSUM"}
    assert ours.roles()[-1] == "BecameMaster MASTER_SILENT"


def test_an_address_that_somebody_takes_away_comes_back(lan: Lan, ours: OurNode) -> None:
    ip("-n", lan.space("a"), "addr", "del", f"{VIRTUAL_4}/24", "dev", "eth0")
    wait_for(lambda: lan.holds("a", VIRTUAL_4), "the address is back")
    assert ours.roles()[-1] == "BecameMaster MASTER_SILENT"


def test_a_link_that_fails_ends_mastership_and_comes_back_as_a_listener(
    lan: Lan, ours: OurNode
) -> None:
    lan.cut("a")
    wait_for(lambda: ours.roles()[-1] == "BecameInitialize", "the loss of the link is noticed")
    assert not lan.holds("a", VIRTUAL_4)
    lan.heal("a")
    wait_for(lambda: ours.roles()[-1] == "BecameMaster MASTER_SILENT", "we are Master again")
    assert ours.roles()[-2] == "BecameBackup STARTUP"


def test_addresses_of_a_life_that_ended_badly_are_taken_off(lan: Lan, ours: OurNode) -> None:
    ours.kill()
    assert lan.holds("a", VIRTUAL_4)
    ours.start(150)
    assert not lan.holds("a", VIRTUAL_4)


def test_the_settings_survive_the_file(lan: Lan, tmp_path: Path) -> None:
    for dialect in (DIALECT, Dialect(version=Version.V2, password="secret12", unicast=True)):  # noqa: S106
        settings = OurNode(lan, "a", "b", dialect, tmp_path).settings(100)
        assert settings_from(settings_text(settings)) == settings
