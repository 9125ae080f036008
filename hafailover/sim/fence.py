"""A fence device: a switch on each host's power, slow, and sometimes out of reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.arbiter.answers import Answer, IsOff, IsOn, NotOff
from hafailover.arbiter.requests import PowerOff
from hafailover.sim.network import LAN
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.arbiter.requests import PowerOn
    from hafailover.sim.agent import Agent
    from hafailover.sim.world import World

PLACE = "fence"
"""Its place on the LAN."""
_FASTEST = 300 * MILLISECOND
_SLOWEST = 6 * SECOND
_UNREACHED = 2 * SECOND


class FenceDevice:
    """The device. ``lies``: it says that a node is off without doing anything, the one fault nothing guards against."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.works = True
        self.span_ns: int | None = None
        """How long it takes to do what it is asked; None: drawn each time."""
        self.lies = False
        self.shots: list[tuple[str, str]] = []
        """(who, whom) of every power-off that was carried out."""

    def ask(
        self, agent: Agent, request: PowerOff | PowerOn, give: Callable[[Answer], None]
    ) -> None:
        """Do as an agent asks; ``give`` is called once."""
        world, host = self.world, agent.host
        if not self.works or not world.network.is_open_both_ways(LAN, host.name, PLACE):
            world.timeline.after(_UNREACHED, lambda: give(NotOff(reason="cannot be reached")))
            return

        def act() -> None:
            if not isinstance(request, PowerOff):
                world.power_on(request.node)
                give(IsOn())
                return
            if not self.lies:
                self.shots.append((host.name, request.node))
                world.power_off(request.node)
            give(IsOff())

        span = self.span_ns
        drawn = world.timeline.dice.randrange(_FASTEST, _SLOWEST)
        world.timeline.after(drawn if span is None else span, act)
