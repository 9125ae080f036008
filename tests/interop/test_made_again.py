"""An agent whose interface is destroyed and made again, or renamed and back, among routers that go on."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hafailover.vrrp.settings import Family, Version
from tests.interop.lan import LIMIT_S, Lan, ip, wait_for
from tests.interop.nodes import VIRTUAL_4, VIRTUAL_6, Dialect, Keepalived, OurNode, needs

pytestmark = pytest.mark.netns

V3 = Dialect(version=Version.V3, interval_ms=100)
OTHER_MAC = "02:00:00:00:00:77"
CONFIG = """
version: 1
nodes: {{a: {{lan: {own}, lan_ipv6: "{own_6}"}}}}
networks: {{lan: {{interface: eth0}}}}
paths: {{state: {folder}/state, run: {folder}/run}}
groups:
  gateway:
    vrid: 51
    priority: {priority}
    vrrp: {{version: 3, interval: 100ms, accept: {accept}}}
    addresses: [{virtual}]
"""
ADDRESSES = {Family.IPV4: f"{VIRTUAL_4}/24", Family.IPV6: f'"fe80::99:64/64", "{VIRTUAL_6}/64"'}


class Agent:
    """A plain router on node a."""

    def __init__(
        self,
        lan: Lan,
        folder: Path,
        priority: int,
        *,
        accept: bool = True,
        family: Family = Family.IPV4,
    ) -> None:
        self.lan, self.folder = lan, folder
        file = folder / "plain.yaml"
        file.write_text(
            CONFIG.format(
                own=lan.address("a"),
                own_6=lan.link_local("a"),
                folder=folder,
                virtual=ADDRESSES[family],
                priority=priority,
                accept=json.dumps(accept),
            )
        )
        command = (sys.executable, "-m", "hafailover", "run", "--config", str(file), "--node", "a")
        self.process = lan.spawn("a", command, folder / "agent.log")

    def status(self) -> dict[str, Any]:
        socket = self.folder / "run/control.sock"
        command = (sys.executable, "-m", "hafailover", "status", "--json", "--socket", str(socket))
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=2 * LIMIT_S
        )
        document: dict[str, Any] = json.loads(done.stdout)
        return {**document, "exit_status": done.returncode}

    def headline(self) -> str:
        groups = self.status()["groups"]
        return str(groups[0]["headline"]) if groups else ""

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def is_well(self) -> bool:
        return self.process.poll() is None and "internal error" not in self.log()


def destroy(lan: Lan) -> Callable[[], None]:
    lan.unplug("a")
    return lambda: lan.plug("a")


def destroy_for_another(lan: Lan) -> Callable[[], None]:
    lan.unplug("a")
    return lambda: lan.plug("a", OTHER_MAC)


def rename(lan: Lan) -> Callable[[], None]:
    """Linux renames only what is down, FreeBSD anything."""
    space = lan.space("a")
    for words in (("eth0", "down"), ("eth0", "name", "away"), ("away", "up")):
        ip("-n", space, "link", "set", *words)

    def back() -> None:
        for words in (("away", "down"), ("away", "name", "eth0"), ("eth0", "up")):
            ip("-n", space, "link", "set", *words)

    return back


def is_missed(agent: Agent) -> bool:
    return bool(agent.status()["agent"]["missing_interfaces"] == ["eth0"])


WAYS = [destroy, destroy_for_another, rename]


@pytest.mark.parametrize("take_away", WAYS)
def test_a_master_gets_its_address_back(
    lan: Lan, tmp_path: Path, take_away: Callable[[Lan], Callable[[], None]]
) -> None:
    other = OurNode(lan, "b", "a", V3, tmp_path)
    agent = Agent(lan, tmp_path, 150)
    wait_for(lambda: lan.owner(VIRTUAL_4) == lan.mac("a"), "the agent is Master")
    other.start(100)

    give_back = take_away(lan)

    wait_for(lambda: is_missed(agent), f"the status says so: {agent.log()}")
    assert agent.status()["exit_status"] == 2
    assert "interface eth0 is gone" in agent.log()
    assert "tried again" not in agent.log()
    wait_for(lambda: lan.owner(VIRTUAL_4) == other.mac, "the other router is Master")
    assert agent.is_well()

    give_back()

    mac = OTHER_MAC if take_away is destroy_for_another else lan.mac("a")
    wait_for(lambda: lan.owner(VIRTUAL_4) == mac, f"the agent is Master again: {agent.log()}")
    wait_for(lambda: other.roles()[-1] == "BecameBackup HIGHER_PRIORITY", "it is heard")
    assert lan.holds("a", VIRTUAL_4)
    assert "interface eth0 is back" in agent.log()
    assert agent.log().count("interface eth0 is gone") == 1
    assert agent.status()["agent"]["missing_interfaces"] == []
    assert agent.is_well()


@pytest.mark.parametrize("take_away", WAYS)
def test_a_backup_hears_again_and_takes_over(
    lan: Lan, tmp_path: Path, take_away: Callable[[Lan], Callable[[], None]]
) -> None:
    other = OurNode(lan, "b", "a", V3, tmp_path)
    other.start(150)
    wait_for(lambda: lan.owner(VIRTUAL_4) == other.mac, "the other router is Master")
    agent = Agent(lan, tmp_path, 50)
    (tmp_path / "run").mkdir(exist_ok=True)
    wait_for((tmp_path / "run/control.sock").exists, "the agent runs")
    wait_for(lambda: agent.headline() == "another router is Master", "the agent is Backup")

    give_back = take_away(lan)
    wait_for(lambda: is_missed(agent), f"the status says so: {agent.log()}")
    assert agent.headline() == "no Master is heard"
    give_back()

    wait_for(lambda: agent.headline() == "another router is Master", f"it hears: {agent.log()}")
    assert lan.owner(VIRTUAL_4) == other.mac
    other.resign()
    wait_for(lambda: lan.holds("a", VIRTUAL_4), "the agent takes over")
    assert agent.is_well()


def test_a_master_of_ipv6_gets_its_addresses_back(lan: Lan, tmp_path: Path) -> None:
    dialect = replace(V3, family=Family.IPV6)
    other = OurNode(lan, "b", "a", dialect, tmp_path)
    agent = Agent(lan, tmp_path, 150, family=Family.IPV6)
    wait_for(lambda: lan.owner(VIRTUAL_6) == lan.mac("a"), f"the agent is Master: {agent.log()}")
    other.start(100)
    give_back = destroy(lan)
    wait_for(lambda: lan.owner(VIRTUAL_6) == other.mac, "the other router is Master")
    give_back()
    wait_for(lambda: lan.owner(VIRTUAL_6) == lan.mac("a"), f"we are again: {agent.log()}")
    wait_for(lambda: other.roles()[-1] == "BecameBackup HIGHER_PRIORITY", "it is heard")
    assert lan.holds("a", VIRTUAL_6)
    assert agent.is_well()


def test_who_only_answers_for_its_address_answers_with_its_new_hardware_address(
    lan: Lan, tmp_path: Path
) -> None:
    agent = Agent(lan, tmp_path, 150, accept=False)
    wait_for(lambda: lan.owner(VIRTUAL_4) == lan.mac("a"), "the agent answers")
    destroy_for_another(lan)()
    wait_for(lambda: lan.owner(VIRTUAL_4) == OTHER_MAC, f"it answers again: {agent.log()}")
    assert agent.is_well()


@pytest.mark.slow
def test_another_makers_router_gives_way_to_what_came_back(lan: Lan, tmp_path: Path) -> None:
    needs("keepalived")
    other = Keepalived(lan, "b", "a", V3, tmp_path)
    agent = Agent(lan, tmp_path, 150)
    wait_for(lambda: lan.owner(VIRTUAL_4) == lan.mac("a"), "the agent is Master")
    other.start(100)
    for _ in range(2):
        give_back = destroy(lan)
        wait_for(lambda: lan.owner(VIRTUAL_4) == other.mac, "keepalived is Master")
        give_back()
        wait_for(lambda: lan.owner(VIRTUAL_4) == lan.mac("a"), f"we are again: {agent.log()}")
    assert agent.log().count("interface eth0 is back") == 2
