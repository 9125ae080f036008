"""What is seen of a simulated pair from outside: mounts, the address, answers to a client, writes?

It looks after every event and asks no agent, as the lab's observer and client do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafailover.lab.client import PERIOD_NS, Answered
from hafailover.lab.observer import Sight
from hafailover.lab.workload.records import Acknowledgement

if TYPE_CHECKING:
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

_MAC: Final = "simulated"
_WRITER: Final = "simulated"


class Witness:
    """Remembers every change."""

    def __init__(self, world: World) -> None:
        """Watch ``world``; nothing is seen before ``begin``."""
        self._world = world
        self.sights: list[Sight] = []
        self.answers: list[Answered] = []
        self.acknowledged: list[Acknowledgement] = []
        self._begun: dict[int, int] = {}
        self._newest = 0

    def begin(self) -> None:
        """Let the client ask, from now on and for ever."""
        now = self._world.timeline.now
        for node in self.addressed() & self.mounted():
            if self._world.host(node).link_up and self._world.host(node).answers:
                self.answers.append(Answered(at_ns=now, asked_ns=now, node=node, mac=_MAC))
        self._world.timeline.after(PERIOD_NS, self.begin)

    def look(self) -> None:
        """Look now; a sight like the last one is not kept."""
        hosts = self._world.hosts
        sight = Sight(
            at_ns=self._world.timeline.now,
            powered=frozenset(host.name for host in hosts if host.is_on),
            mounted=self.mounted(),
            addressed=self.addressed(),
        )
        if not self.sights or replace(self.sights[-1], at_ns=sight.at_ns) != sight:
            self.sights.append(sight)
        self._count()

    def mounted(self) -> frozenset[str]:
        """Return the nodes that have the volume mounted."""
        return frozenset(host.name for host in self._world.hosts if self._has_mount(host))

    def addressed(self) -> frozenset[str]:
        """Return the nodes that have the floating address."""
        return frozenset(host.name for host in self._world.hosts if host.is_on and host.virtual)

    def answering(self, recent_ns: int) -> frozenset[str]:
        """Return the node that answered the client last, if that was just now."""
        since = self._world.timeline.now - recent_ns
        return frozenset(each.node for each in self.answers[-1:] if each.at_ns >= since)

    def _has_mount(self, host: Host) -> bool:
        places = [volume.mount_point for volume in self._world.settings[host.name].volumes]
        kernel = host.kernel
        return kernel is not None and any(
            kernel.machine.mounts.at(place) is not None for place in places
        )

    def _count(self) -> None:
        """Take note of the record that was begun, and of the one that was acknowledged."""
        now, workload = self._world.timeline.now, self._world.workload
        self._begun.setdefault(workload.count, now)
        newest = max((max(each.values(), default=0) for each in workload.acked.values()), default=0)
        if newest > self._newest:
            self._newest = newest
            begun = self._begun.get(newest, now)
            self.acknowledged.append(
                Acknowledgement(number=newest, writer=_WRITER, begun_ns=begun, acknowledged_ns=now)
            )
