"""Two nodes that are about to do the same at the same moment: one of them goes first, and nothing is used twice."""

from dataclasses import replace

import pytest

from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.operators import switch_over
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import MINUTE, copies, role, running, serving


@pytest.mark.parametrize("arbiter", [ArbiterKind.FENCE, ArbiterKind.PING, ArbiterKind.NONE])
def test_of_two_forced_promotions_at_the_same_moment_one_gives_way(arbiter: ArbiterKind) -> None:
    """Neither copy is usable, and an operator loses patience on both nodes at once."""
    world = running(arbiter=arbiter)
    for node in ("B", "A"):
        world.stop_agent(node)
        world.run_for(6 * SECOND)
    for node in pair.NODES:
        world.power_off(node)
        for volume, record in world.records[node].items():
            world.records[node][volume] = replace(record, copy=CopyState.STALE)
        world.power_on(node)
    world.run_for(8 * SECOND)

    for node in pair.NODES:
        agent = world.host(node).agent
        assert agent is not None
        agent.order(OrderKind.PROMOTE, force_copy=True)
        assert agent.state.role is Role.PROMOTING

    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    assert world.checker.violations == []
    assert role(world, "B") is Role.STANDBY


@pytest.mark.parametrize("moment", ["umount", "mdconfig -d"])
def test_nodes_that_are_parted_in_a_handover_do_not_shoot_each_other(moment: str) -> None:
    """Both stand by when the delay begins; who acted last has to expect that it was seen acting, and shoots later."""
    world = running(arbiter=ArbiterKind.FENCE)
    world.run_for(3 * SECOND)
    began: list[str] = []
    world.on_moment = lambda agent, phase, what: (
        began.append(what) if agent.host.name == "A" and phase == "ended" else None
    )
    switch_over(world)
    assert world.run_until(lambda: any(what.startswith(moment) for what in began), 5 * SECOND)
    world.run_for(8 * MILLISECOND)
    world.cut(REPLICATION)
    world.cut(LAN)

    assert world.run_until(lambda: serving(world) != [], 2 * MINUTE)
    world.run_for(30 * SECOND)

    assert len(serving(world)) == 1
    assert len(world.fence.shots) == 1
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", [ArbiterKind.ETCD, ArbiterKind.PING])
def test_a_restarted_agent_uses_no_session_that_an_earlier_life_let_go(
    arbiter: ArbiterKind,
) -> None:
    """The secondary stands still in the middle of a rebuild: its ggated may hold writes of the session that is over."""
    said: list[str] = []
    world = running(arbiter=arbiter, tell=said.append)
    world.run_for(3 * SECOND)
    world.sync_rate = 30_000
    for host in world.hosts:
        host.set_sync_rate()
    for span in (8000, 4900):  # The first time little has been written yet, and little is copied.
        world.power_off("B")
        world.run_for(4 * SECOND)
        said.clear()
        world.power_on("B")
        assert world.run_until(lambda: any("rebuilding" in line for line in said), 30 * SECOND)
        world.run_for(span * MILLISECOND)
    world.host("B").freeze()
    world.run_for(4 * SECOND)
    assert any("ggatec destroy -f" in line for line in said)
    assert copies(world)["B"] is CopyState.SYNCING

    world.kill_agent("A")
    world.run_for(1500 * MILLISECOND)
    world.host("B").thaw()
    assert world.run_until(lambda: set(copies(world).values()) == {CopyState.IN_SYNC}, 2 * MINUTE)

    used = [line.rsplit(" ", 1)[-1] for line in said if "$ ggatec create" in line]
    assert len(used) == len(set(used))
