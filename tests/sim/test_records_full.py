"""The disk under one node's records is full, in a handover or from a boot on: the other serves."""

import pytest

from hafailover.group.actions import AlertKind
from hafailover.group.settings import ArbiterKind
from hafailover.lineage.record import CopyState
from hafailover.sim.agent import Agent
from hafailover.sim.operators import switch_over
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.test_mixed_copies import alerts, both_off, both_on
from tests.sim.worlds import MINUTE, copies, running, serving

ALL = list(ArbiterKind)
FULL = "No space left on device"


def full_from_write(world: World, node: str, number: int) -> None:
    """Hand the group over; from the node's so-many-th write of its records on, its disk is full."""
    writes: list[str] = []

    def note(agent: Agent, when: str, what: str) -> None:
        if agent.host.name == node and (when, what) == ("begins", "lineage records"):
            writes.append(what)
            if len(writes) == number:
                world.record_problem[node] = FULL

    world.on_moment = note
    switch_over(world)


def handed_over_on_a_full_disk(arbiter: ArbiterKind, node: str, number: int) -> World:
    """Return a pair whose handover met the full disk, and a minute has passed."""
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    full_from_write(world, node, number)
    world.run_for(MINUTE)
    return world


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("node", "other"), [("A", "B"), ("B", "A")])
def test_with_etcd_the_other_node_serves(node: str, other: str, number: int) -> None:
    """A closes in order and cannot record it, or B cannot record that it attaches, or commits.

    Both copies hold every write, and what is on the full disk says so, too, but for what is open; and etcd remembers
    who went on. All the same both stood by until the disk had room again.
    """
    world = handed_over_on_a_full_disk(ArbiterKind.ETCD, node, number)

    assert serving(world) == [other]
    assert not world.workload.lost(world.host(other))

    world.record_problem.clear()
    world.run_for(MINUTE)
    assert serving(world) == [other]
    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", [ArbiterKind.FENCE, ArbiterKind.PING, ArbiterKind.NONE])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("node", ["A", "B"])
def test_without_etcd_nobody_goes_on_that_the_full_disk_could_not_tell_of(
    node: str, number: int, arbiter: ArbiterKind
) -> None:
    """Who went on would be forgotten by the other agent's next life. It is told, and room on the disk ends it."""
    world = handed_over_on_a_full_disk(arbiter, node, number)

    assert serving(world) or AlertKind.WAITING_FOR_OPERATOR in alerts(world)

    world.record_problem.clear()
    world.run_for(MINUTE)
    assert len(serving(world)) == 1
    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("node", "other"), [("A", "B"), ("B", "A")])
@pytest.mark.parametrize("what", ["host", "agent"])
def test_a_node_whose_disk_was_full_overtakes_nobody(
    what: str, node: str, other: str, number: int, arbiter: ArbiterKind
) -> None:
    """The other one, if it serves, dies; then the first one begins anew, and its disk has room."""
    world = handed_over_on_a_full_disk(arbiter, node, number)
    if what == "host":
        world.power_off(node)
    else:
        world.kill_agent(node)
    world.power_off(other)
    world.record_problem.clear()
    if what == "host":
        world.power_on(node)
    else:
        world.start_agent(node)
    world.run_for(2 * MINUTE)

    assert world.checker.violations == []


@pytest.mark.parametrize("arbiter", ALL)
@pytest.mark.parametrize(("node", "other"), [("A", "B"), ("B", "A")])
def test_a_root_file_system_that_is_read_only_after_a_boot_leaves_nobody_waiting_in_silence(
    node: str, other: str, arbiter: ArbiterKind
) -> None:
    """Both were shut down in order: both copies are whole and closed.

    But one of them may be the cleaner one. If only its node cannot write, nobody serves: that is told.
    """
    world = running(arbiter=arbiter)
    world.run_for(3 * SECOND)
    world.fence.span_ns = SECOND
    both_off(world)
    assert set(copies(world).values()) == {CopyState.IN_SYNC}
    world.record_problem[node] = "Read-only file system"
    both_on(world)

    assert serving(world) == [other] or AlertKind.WAITING_FOR_OPERATOR in alerts(world)
    assert not world.workload.lost(world.host(other))
    assert world.checker.violations == []
