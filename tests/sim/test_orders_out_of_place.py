"""Orders beside an agent that has just begun, and a volume that was enlarged on one node only."""

from dataclasses import replace

import pytest

from hafailover.emulation.superblock import OFFSET
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim import pair
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.schedule import settle
from hafailover.sim.striking import strike
from hafailover.sim.world import World
from hafailover.storage.tail import encode_marker
from hafailover.units import MILLISECOND, SECOND
from tests.sim.test_orders_in_between import mounted
from tests.sim.test_resolving import replies_of
from tests.sim.worlds import MINUTE, copies, role, running, serving


@pytest.mark.parametrize("arbiter", [ArbiterKind.FENCE, ArbiterKind.PING, ArbiterKind.NONE])
@pytest.mark.parametrize("is_forced", [False, True])
@pytest.mark.parametrize("delay_ms", [700, 1500, 5000])
def test_nobody_is_promoted_beside_an_agent_that_may_find_the_volumes_up(
    arbiter: ArbiterKind, delay_ms: int, *, is_forced: bool
) -> None:
    """A serves; its agent is killed while the GEOM tree cannot be read, begins anew, and is heard: 'promote' on B."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    strike(world, Fault(kind=FaultKind.BLIND, node="A", span_ns=20 * SECOND))
    world.run_for(100 * MILLISECOND)
    world.kill_agent("A")
    world.run_for(delay_ms * MILLISECOND)
    assert role(world, "A") is Role.STARTING
    replies = replies_of(world)
    agent = world.host("B").agent
    assert agent is not None
    agent.order(OrderKind.PROMOTE, force_copy=is_forced)
    assert not world.run_until(lambda: len(mounted(world)) == 2, 10 * SECOND)
    assert [each.accepted for each in replies] == [False]
    assert settle(world, 2 * MINUTE)
    assert world.fence.shots == []
    assert world.checker.violations == []


def enlarge(world: World, node: str) -> None:
    """Leave a node whose agent has stopped as 'hafailover grow' would, file system included."""
    host, settings, record = world.host(node), world.settings[node], world.records[node]["sites"]
    (volume,) = settings.volumes
    size = volume.size_bytes + (8 << 20)
    host.files._sizes[volume.image] = size
    host.files.pwrite(volume.image, OFFSET, pair.file_system(size))
    host.write_tail(volume.image, encode_marker("grown"))
    assert record.binding is not None
    binding = replace(record.binding, size_bytes=size, close_id="grown")
    world.records[node]["sites"] = replace(record, binding=binding)
    volumes = (replace(volume, size_bytes=size),)
    world.settings[node] = replace(settings, volumes=volumes, digest="grown")


def test_a_copy_that_is_still_to_be_enlarged_is_not_made_a_mixture() -> None:
    """A was enlarged and serves; B was forgotten, and its agent is started: 'grow' refuses what says syncing."""
    world = running(arbiter=ArbiterKind.ETCD)
    world.run_for(3 * SECOND)
    world.stop_agent("B")
    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, MINUTE)
    world.run_for(3 * SECOND)
    world.stop_agent("A")
    world.run_for(5 * SECOND)
    enlarge(world, "A")
    world.start_agent("A")
    assert world.run_until(lambda: serving(world) == ["A"], MINUTE)
    world.start_agent("B")
    world.run_for(30 * SECOND)
    assert copies(world) == {"A": CopyState.SOLE, "B": CopyState.STALE}
    world.stop_agent("B")
    world.run_for(5 * SECOND)
    enlarge(world, "B")
    world.start_agent("B")
    assert settle(world, 2 * MINUTE)
    assert world.checker.violations == []


def test_an_export_that_cannot_be_seen_is_not_withdrawn_much_later() -> None:
    """B cannot read its GEOM tree: a drill's order to end the export is refused, not carried out when it can again."""
    world = running(arbiter=ArbiterKind.PING)
    world.run_for(3 * SECOND)
    strike(world, Fault(kind=FaultKind.BLIND, node="B", span_ns=30 * SECOND))
    world.run_for(6 * SECOND)
    replies = replies_of(world)
    agent = world.host("B").agent
    assert agent is not None
    agent.order(OrderKind.WITHDRAW)
    assert [each.accepted for each in replies] == [False]
    world.run_for(MINUTE)
    assert set(copies(world).values()) == {CopyState.IN_SYNC}
