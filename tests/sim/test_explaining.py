"""What is explained is what is decided: the conditions of an explanation against the core's own refusal."""

import pytest

from hafailover.group.explaining import Explanation, explain
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.sim import pair
from hafailover.sim.schedule import found
from hafailover.sim.world import World
from hafailover.units import SECOND, Instant
from tests.sim.worlds import running


def explained(world: World, node: str) -> Explanation:
    agent = world.host(node).agent
    assert agent is not None
    return explain(agent.state, agent.settings, Instant(world.timeline.now))


def unmet(explanation: Explanation) -> list[str]:
    return [each.what for each in explanation.conditions if not each.is_met]


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.NONE])
def test_all_conditions_hold_only_where_the_core_refuses_nothing(arbiter: ArbiterKind) -> None:
    world = found(3, arbiter=arbiter)
    compared = 0

    def compare() -> None:
        nonlocal compared
        for node in pair.NODES:
            agent = world.host(node).agent
            if agent is None or agent.state.role is not Role.STANDBY or agent.state.must_look:
                continue
            # At the moment of the core's last step: what only time brings has not come since.
            explanation = explain(agent.state, agent.settings, agent.state.moved_at)
            assert bool(explanation.verdict) == bool(unmet(explanation)), explanation
            compared += 1

    world.power_on("A")
    for at in range(80):
        world.run_for(SECOND // 2)
        compare()
        if at == 10:
            world.power_on("B")
        if at == 50:
            world.power_off("A")
    assert compared > 50


def test_a_standby_beside_a_primary_is_told_what_is_missing() -> None:
    world = running()

    explanation = explained(world, "B")

    missing = unmet(explanation)
    assert (missing[0], missing[-1]) == ("A serves nothing", "A has agreed")
    assert explanation.verdict == "A is primary"


def test_a_node_beside_silence_is_told_how_long_it_waits() -> None:
    world = running()
    world.power_off("A")
    world.run_for(3 * SECOND)

    explanation = explained(world, "B")

    assert "A has been silent on every channel for 5.25 s" in unmet(explanation)
    assert "waits" in explanation.verdict


def test_a_primary_without_a_peer_is_told_why_it_could_not_hand_over() -> None:
    world = running()
    assert unmet(explained(world, "A")) == []
    world.power_off("B")
    world.run_for(10 * SECOND)

    explanation = explained(world, "A")

    assert unmet(explanation) == ["for a handover: B could take over"]
    assert explanation.verdict in ("the copy of B is not in sync", "B is not heard")
