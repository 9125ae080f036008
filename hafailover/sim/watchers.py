"""What does a simulated agent keep writing or syncing while it watches a volume or an image?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.group import events as happened
from hafailover.group.stalling import IMAGE_PERIOD
from hafailover.sim import looking

if TYPE_CHECKING:
    from hafailover.group.actions import WatchCanary, WatchImage
    from hafailover.sim.agent import Agent


class Watchers:
    """The canaries and image syncs of one life of an agent. A later order ends the earlier one of the same name."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self._orders: dict[str, int] = {}
        self._count = 0

    def canary(self, action: WatchCanary) -> None:
        """Begin or end to write and flush a volume's canary."""
        token = self._order(f"canary {action.volume}", is_on=action.is_on)
        if not token:
            return
        agent, name = self.agent, action.volume
        volume = next(each for each in agent.settings.volumes if each.name == name)
        after = agent.world.timeline.after

        def write() -> None:
            if self._holds(f"canary {name}", token):
                began = agent.host.now
                agent.world.workload.write_canary(
                    agent.host, volume, lambda error: written(error, agent.host.now - began)
                )

        def written(error: int, took_ns: int) -> None:
            if self._holds(f"canary {name}", token):
                problem = f"error {error}" if error else ""
                agent.feed(happened.CanaryWritten(volume=name, problem=problem, took_ns=took_ns))
                after(agent.settings.timers.canary_period, write)

        after(agent.settings.timers.canary_period, write)

    def image(self, action: WatchImage) -> None:
        """Begin or end to fsync an image again and again."""
        token = self._order(f"image {action.volume}", is_on=action.is_on)
        if not token:
            return
        agent, after = self.agent, self.agent.world.timeline.after

        def sync() -> None:
            if not self._holds(f"image {action.volume}", token):
                return
            if not agent.host.is_frozen and not agent.host.hangs(action.image):
                problem = looking.sync(agent.host, action.image)
                agent.feed(happened.ImageSynced(volume=action.volume, problem=problem))
            after(IMAGE_PERIOD, sync)

        after(IMAGE_PERIOD, sync)

    def _order(self, what: str, *, is_on: bool) -> int:
        """Note an order and return its number; 0 if it ends the watch."""
        self._count += 1
        if is_on:
            self._orders[what] = self._count
            return self._count
        self._orders.pop(what, None)
        return 0

    def _holds(self, what: str, token: int) -> bool:
        return self.agent.is_usable and self._orders.get(what) == token
