"""The table of roles says what simulated pairs do."""

import re

from hafailover.group.actions import Action, Note
from hafailover.group.events import OrderKind
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind
from hafailover.group.transitions import TRANSITIONS, ways_out
from hafailover.sim.agent import Agent
from hafailover.sim.network import LAN, REPLICATION
from hafailover.sim.schedule import found, settle
from hafailover.sim.striking import mend
from hafailover.units import SECOND

KNOWN = {(before, after) for before, after, _ in TRANSITIONS}
MOVE = re.compile(r"([a-z]+) -> ([a-z]+): ")


def test_every_change_of_role_is_in_the_table_and_the_usual_ones_are_seen() -> None:
    world = found(5, arbiter=ArbiterKind.PING)
    seen: set[tuple[Role, Role]] = set()
    said = world.said

    def listen(agent: Agent, action: Action) -> None:
        match = MOVE.match(action.text) if isinstance(action, Note) else None
        if match is not None:
            seen.add((Role(match[1]), Role(match[2])))
        said(agent, action)

    world.said = listen  # type: ignore[method-assign]
    for node in ("A", "B"):
        world.power_on(node)
    assert settle(world, 60 * SECOND)
    agent = world.host("A").agent
    assert agent is not None
    agent.order(OrderKind.SWITCHOVER)
    world.run_for(10 * SECOND)
    world.kill_agent("B")
    world.run_for(2 * SECOND)
    world.start_agent("B")
    world.run_for(10 * SECOND)
    world.isolate("B", LAN)
    world.cut(REPLICATION)
    world.run_for(20 * SECOND)
    mend(world)
    assert settle(world, 120 * SECOND)
    for node in ("A", "B"):
        world.stop_agent(node)
    world.run_for(20 * SECOND)

    assert seen <= KNOWN, seen - KNOWN
    assert {
        (Role.STARTING, Role.STANDBY),
        (Role.STARTING, Role.PRIMARY),
        (Role.STANDBY, Role.PROMOTING),
        (Role.PROMOTING, Role.PRIMARY),
        (Role.PRIMARY, Role.DEMOTING),
        (Role.DEMOTING, Role.STANDBY),
        (Role.DEMOTING, Role.STOPPED),
    } <= seen


def test_every_role_but_the_last_has_a_way_out() -> None:
    for role in set(Role) - {Role.STOPPED, Role.FENCED}:
        assert ways_out(role)
