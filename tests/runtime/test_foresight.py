"""What is foreseen is what happens: the plan on a state, against the steps of a simulated pair from that state."""

import pytest

from hafailover.group.events import OrderKind
from hafailover.group.settings import ArbiterKind
from hafailover.runtime.foresight import Foresight, Goal, foresee
from hafailover.sim.agent import Agent
from hafailover.sim.world import World
from hafailover.units import SECOND, Instant
from tests.sim.worlds import running, serving


def foreseen(world: World, node: str, goal: Goal) -> Foresight:
    agent = world.host(node).agent
    assert agent is not None
    return foresee(agent.state, agent.settings, Instant(world.timeline.now), goal)


def argv_of(found: Foresight) -> list[str]:
    """Return the commands alone, without what differs from life to life: session names."""
    return [each.what.split(" 198.")[0] for each in found.steps if each.kind == "command"]


def steps_of(world: World, node: str) -> list[str]:
    seen: list[str] = []

    def note(agent: Agent, phase: str, what: str) -> None:
        if phase == "begins" and agent.host.name == node:
            seen.append(what.split(" 198.", maxsplit=1)[0])

    world.on_moment = note
    return seen


def test_a_switchover_runs_the_commands_that_were_foreseen() -> None:
    world = running()
    found = foreseen(world, "A", Goal.SECONDARY)
    seen = steps_of(world, "A")
    agent = world.host("A").agent
    assert agent is not None

    agent.order(OrderKind.SWITCHOVER)
    assert world.run_until(lambda: serving(world) == ["B"], 15 * SECOND)

    assert (found.refusal, found.stopped_at) == ("", "")
    commands = argv_of(found)
    assert "umount /home/sites" in commands
    assert [each for each in seen if each in set(commands)][: len(commands)] == commands
    kinds = [each.kind for each in found.steps]
    assert kinds.index("address") < kinds.index("service") < kinds.index("command")


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.NONE])
def test_a_takeover_runs_the_commands_that_were_foreseen(arbiter: ArbiterKind) -> None:
    world = running(arbiter=arbiter)
    found = foreseen(world, "B", Goal.PRIMARY)
    seen = steps_of(world, "B")

    world.power_off("A")
    assert world.run_until(lambda: serving(world) == ["B"], 15 * SECOND)

    assert "A is primary" in found.refusal
    assert found.imagined == "A were off, and nothing else were different"
    assert found.stopped_at == ""
    commands = argv_of(found)
    assert commands[-1] == "mount -t ufs /dev/mirror/sites /home/sites"
    assert [each for each in seen if each in set(commands)] == commands
    assert found.steps[-1].kind == "address"


def test_a_goal_that_is_reached_needs_nothing() -> None:
    world = running()

    assert foreseen(world, "A", Goal.PRIMARY).steps == ()
    assert foreseen(world, "B", Goal.SECONDARY).steps == ()


def test_what_stands_against_a_plan_is_said() -> None:
    world = running()
    world.power_off("B")
    world.run_for(10 * SECOND)

    found = foreseen(world, "A", Goal.SECONDARY)

    assert found.refusal == "no switchover: B is not heard"
    assert found.imagined.startswith("the agent were stopped")
    assert "gmirror destroy sites" in argv_of(found)


@pytest.mark.parametrize(
    ("arbiter", "asked"),
    [
        (ArbiterKind.ETCD, ["etcd: take", "etcd: commit"]),
        (
            ArbiterKind.FENCE,
            ["fence device: power A off, and prove it", "fence device: power A on again"],
        ),
    ],
)
def test_what_a_strict_arbiter_would_be_asked_is_said_and_taken_for_granted(
    arbiter: ArbiterKind, asked: list[str]
) -> None:
    world = running(arbiter=arbiter)
    world.run_for(8 * SECOND)
    found = foreseen(world, "B", Goal.PRIMARY)
    seen = steps_of(world, "B")

    world.power_off("A")
    assert world.run_until(lambda: serving(world) == ["B"], 60 * SECOND)

    assert "the arbiter granted it" in found.imagined
    assert found.stopped_at == ""
    assert [each.what for each in found.steps if each.kind == "arbiter"] == asked
    commands = argv_of(found)
    assert commands[-1] == "mount -t ufs /dev/mirror/sites /home/sites"
    assert [each for each in seen if each in set(commands)] == commands


def test_a_switchover_gives_the_grant_back() -> None:
    world = running(arbiter=ArbiterKind.ETCD)
    world.run_for(8 * SECOND)
    found = foreseen(world, "A", Goal.SECONDARY)

    assert (found.refusal, found.stopped_at) == ("", "")
    assert found.steps[-1].what == "etcd: release"
