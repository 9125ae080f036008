"""Killed with kill -9 at any single step and started again, an agent brings the pair into the same state.

The moments are those of a run in which nobody is killed: the beginning and the end of every storage step and of every
write of the lineage records, on either node. At each of them either agent is killed once. A command that has begun goes
on without its agent; work of the agent itself dies with it.
"""

from collections.abc import Callable
from functools import cache

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.sim import pair
from hafailover.sim.agent import Agent
from hafailover.sim.operators import switch_over
from hafailover.sim.schedule import found, settle
from hafailover.sim.world import World
from hafailover.units import SECOND
from tests.sim.worlds import MINUTE, assert_in_order, running, serving

Watch = Callable[[Agent, str, str], None]


def start_of_both(watch: Watch) -> World:
    """Promotion on the one, export on the other, attach and rebuild."""
    world = found(1, arbiter=ArbiterKind.PING)
    world.on_moment = watch
    for node in pair.NODES:
        world.power_on(node)
    return world


def takeover(watch: Watch) -> World:
    """Promotion after the loss of a primary, and the rebuild of its copy when it is back."""
    world = running()
    world.on_moment = watch
    world.run_for(SECOND)
    world.power_off("A")
    world.run_until(lambda: serving(world) == ["B"], 20 * SECOND)
    world.power_on("A")
    return world


def loss(watch: Watch) -> World:
    """The loss of a secondary, its export, attach and rebuild when it is back."""
    world = running()
    world.sync_rate = 300_000
    world.on_moment = watch
    world.run_for(SECOND)
    world.power_off("B")
    world.run_for(5 * SECOND)
    world.power_on("B")
    return world


def switchover(watch: Watch) -> World:
    """Demotion on the one, promotion with both copies on the other, export the other way round."""
    world = running()
    world.on_moment = watch
    world.run_for(SECOND)
    switch_over(world)
    world.run_for(SECOND)
    return world


STORIES = {story.__name__: story for story in (start_of_both, takeover, loss, switchover)}


@cache
def moments(story: str) -> tuple[str, ...]:
    """Play a story with nobody killed, and return its moments."""
    seen: list[str] = []

    def watch(agent: Agent, phase: str, what: str) -> None:
        seen.append(f"{agent.host.name} {phase} {what}")

    world = STORIES[story](watch)
    assert settle(world, MINUTE)
    world.on_moment = None
    assert_in_order(world)
    return tuple(seen)


def play(story: str, index: int, victim: str) -> World:
    """Play a story in which ``victim`` is killed at one moment, and wait until all is in order again."""
    count = [0]
    worlds: list[World] = []

    def watch(agent: Agent, _phase: str, _what: str) -> None:
        if count[0] == index:
            worlds.append(agent.world)
            agent.world.kill_agent(victim)
        count[0] += 1

    world = STORIES[story](watch)
    assert settle(world, 2 * MINUTE)
    assert worlds == [world]
    return world


def test_the_stories_contain_every_kind_of_step() -> None:
    together = " ".join(moment for story in STORIES for moment in moments(story))

    for words in (
        "gmirror label",
        "gmirror insert",
        "gmirror forget",
        "gmirror destroy",
        "ggatec create",
        "ggatec destroy",
        "ggated",
        "mdconfig -a",
        "mdconfig -d",
        "fsck_ffs -p",
        "mount -t ufs",
        "umount",
        "TERM to ggated",
        "lineage records",
        "zero the last sector",
        "write the agent's marker",
    ):
        assert words in together, words


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for every moment of every story and either victim."""
    if "index" in metafunc.fixturenames:
        cases = [
            (story, index, victim)
            for story in STORIES
            for index in range(len(moments(story)))
            for victim in pair.NODES
        ]
        metafunc.parametrize(("story", "index", "victim"), cases)


def test_the_pair_ends_as_without_the_kill(story: str, index: int, victim: str) -> None:
    world = play(story, index, victim)

    assert_in_order(world)
