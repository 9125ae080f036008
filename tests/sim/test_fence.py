"""What a fence device does for a pair: nobody goes on alone before the other one is proved off, or has agreed."""

from hafailover.emulation.errors import EIO
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.schedule import settle
from hafailover.sim.striking import mend
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, assert_in_order, copies, role, running, serving


def pair_in_service(gate_timeout_s: int | None = None) -> World:
    world = running(arbiter=ArbiterKind.FENCE, gate_timeout_s=gate_timeout_s)
    world.run_for(3 * SECOND)
    assert world.fence.shots == []
    return world


def test_the_secondary_serves_once_the_primary_is_proved_off() -> None:
    world = pair_in_service()
    world.restarts = False
    world.kill_agent("A")

    assert world.run_until(lambda: serving(world) == ["B"], MINUTE)
    assert world.fence.shots == [("B", "A")]

    world.restarts = True
    assert settle(world, 2 * MINUTE)  # It was powered on again, and is rebuilt.
    assert_in_order(world)


def test_the_primary_shoots_first_and_serves_on() -> None:
    """The kernel acknowledges nothing before the verdict (attack 2)."""
    world = pair_in_service()
    world.cut(REPLICATION)
    world.cut(LAN)

    assert world.run_until(lambda: world.fence.shots != [], 20 * SECOND)
    world.run_for(3 * SECOND)

    assert world.fence.shots == [("A", "B")]
    assert serving(world) == ["A"]
    assert copies(world)["A"] is CopyState.SOLE
    mend(world)
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_a_peer_that_is_heard_and_agrees_is_not_shot() -> None:
    world = pair_in_service()
    world.cut(REPLICATION)

    world.run_for(10 * SECOND)

    assert serving(world) == ["A"]
    assert world.fence.shots == []
    assert copies(world)["A"] is CopyState.SOLE
    assert copies(world)["B"] in (CopyState.STALE, CopyState.SYNCING)


def test_a_primary_whose_agent_is_stopped_in_order_is_not_shot_for_it() -> None:
    """It hands over, and gives its word for its copy before it ends: its host needs no lesson."""
    world = pair_in_service()
    world.stop_agent("A")

    assert world.run_until(lambda: serving(world) == ["B"], 10 * SECOND)
    world.run_for(30 * SECOND)

    assert world.fence.shots == []
    assert copies(world)["A"] is CopyState.STALE
    world.start_agent("A")
    assert settle(world, 2 * MINUTE)
    assert_in_order(world)


def test_who_was_shot_does_not_shoot_back_when_it_boots_behind_a_cut() -> None:
    """Its record still says in_sync, but it cannot know what happened since (attack 3)."""
    world = pair_in_service()
    world.restarts = False
    world.kill_agent("A")
    assert world.run_until(lambda: ("B", "A") in world.fence.shots, MINUTE)
    world.cut(REPLICATION)
    world.cut(LAN)

    world.run_for(3 * MINUTE)

    assert world.fence.shots == [("B", "A")]
    assert serving(world) == ["B"]
    assert role(world, "A") is Role.STANDBY


def test_a_device_out_of_reach_leaves_the_choice_to_an_operator() -> None:
    world = pair_in_service()
    world.fence.works = False
    world.power_off("A")

    world.run_for(2 * MINUTE)
    assert serving(world) == []

    world.fence.works = True
    world.power_on("A")
    assert settle(world, 3 * MINUTE)
    assert_in_order(world)


def test_an_operators_word_stands_for_a_device_out_of_reach() -> None:
    """A device that loses its power together with the node that it switches must not keep the data from everybody."""
    world = pair_in_service()
    world.fence.works = False
    world.power_off("A")
    world.run_for(20 * SECOND)
    assert world.run_until(lambda: role(world, "B") is Role.STANDBY, MINUTE)
    agent = world.host("B").agent
    assert agent is not None

    agent.order(OrderKind.PROMOTE, peer_is_off=True)

    assert world.run_until(lambda: serving(world) == ["B"], 10 * SECOND)
    assert copies(world)["B"] is CopyState.SOLE
    world.fence.works = True
    world.power_on("A")
    assert settle(world, 3 * MINUTE)
    assert_in_order(world)


def test_a_primary_that_cannot_prove_its_peer_off_acknowledges_nothing_and_resets() -> None:
    world = pair_in_service()
    world.fence.works = False
    world.power_off("B")
    before, life = len(world.workload.acknowledged), world.host("A").life

    world.run_for(30 * SECOND)

    assert world.host("A").life > life
    assert len(world.workload.acknowledged) - before <= 2
    mend(world)
    assert settle(world, 3 * MINUTE)
    assert_in_order(world)


def test_nothing_is_acknowledged_if_the_kernel_lets_the_peer_go_before_the_verdict() -> None:
    """A kernel that looks every second instead of every ten minutes drops the copy long before the device answers."""
    world = pair_in_service(gate_timeout_s=1)
    world.fence.works = False
    world.cut(LAN)
    world.cut(REPLICATION)
    before = len(world.workload.acknowledged)

    world.run_for(30 * SECOND)

    assert len(world.workload.acknowledged) - before <= 2
    assert serving(world) == []
    world.fence.works = True
    assert world.run_until(lambda: len(serving(world)) == 1, MINUTE)
    # What completed in the moment of the drop itself may be on the losing side: never an overwritten copy, though.
    mend(world)
    world.run_for(2 * MINUTE)
    assert {each.invariant for each in world.checker.violations} <= {"S5"}


def test_a_peer_whose_disk_fails_is_heard_and_costs_nothing_though_the_kernel_drops_it() -> None:
    world = pair_in_service()
    world.fence.works = False
    for image in world.images("B"):
        world.host("B").files.fail(image, EIO)

    assert world.run_until(lambda: copies(world)["A"] is CopyState.SOLE, 5 * SECOND)
    world.run_for(5 * SECOND)

    assert serving(world) == ["A"]
    assert copies(world)["B"] in (CopyState.STALE, CopyState.SYNCING)
    assert world.checker.violations == []


def test_a_device_that_lies_splits_the_pair_and_the_checker_sees_it() -> None:
    """The one thing that nothing guards against; so the model can break what it is to show unbroken."""
    world = pair_in_service()
    world.fence.lies = True
    world.restarts = False
    world.kill_agent("A")

    world.run_for(2 * MINUTE)

    assert [each.invariant for each in world.checker.violations][:1] == ["S1"]
