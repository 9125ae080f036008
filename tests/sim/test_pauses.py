"""Both hosts stand still at once, as virtual machines of one busy host do: nobody has fallen silent then."""

import pytest

from hafailover.group.settings import ArbiterKind
from hafailover.units import MILLISECOND, SECOND
from tests.sim.worlds import running, serving

COMMAND = 400 * MILLISECOND
"""How long each command takes: the demotion has to be under way for a while."""


@pytest.mark.parametrize("arbiter", [ArbiterKind.PING, ArbiterKind.ETCD, ArbiterKind.FENCE])
@pytest.mark.parametrize("span", [1900, 4000])
def test_a_node_that_stood_still_as_it_stopped_does_not_take_its_successor_for_lost(
    span: int, arbiter: ArbiterKind
) -> None:
    """It let the copy of a healthy peer go when it went on, stopped, and left nobody that had the latest data."""
    for moment in range(0, 2200, 200):
        world = running(arbiter=arbiter)
        world.command_ns = COMMAND
        world.stop_agent("A")
        world.run_for(moment * MILLISECOND)
        for host in world.hosts:
            host.freeze()
            world.timeline.after(span * MILLISECOND, host.thaw)

        world.run_for(span * MILLISECOND + 25 * SECOND)

        assert serving(world) == ["B"], moment
        assert world.checker.violations == []
