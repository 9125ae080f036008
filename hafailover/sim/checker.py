"""Do the promises hold? Looks only at disks, mounts, writers and addresses, and knows nothing of the agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.emulation import superblock
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.host import Host
    from hafailover.sim.world import World


THAW_NS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which, when (ns), and what was seen."""

    invariant: str
    at: int
    text: str


class Checker:
    """Watches a world; ``violations`` holds the first of each kind."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: list[Violation] = []

    def look(self) -> None:
        """Look at everything, as it is between two events."""
        if any(self._is_excused(host) for host in self.world.hosts):
            return
        mounted = [host.name for host in self.world.hosts if self._mounts(host)]
        if len(mounted) > 1:
            self._broken("S1", f"mounted read-write on {' and '.join(mounted)}")
        addressed = [host for host in self.world.hosts if host.virtual and host.is_on]
        if len(addressed) > 1:
            self._broken("S6", "the address is up on both nodes")
        for host in addressed:
            if host.name not in mounted:
                self._broken(
                    "S6", f"the address is up on {host.name}, where the volume is not mounted"
                )

    def _is_excused(self, host: Host) -> bool:
        """Whether a host stands still, or did a moment ago.

        Nothing on a host can act while the host stands still; the promises name that exception. It has until
        ``THAW_NS`` after its thaw to give way.
        """
        thawed_at = host.thawed_at
        return host.is_frozen or (
            thawed_at is not None and self.world.timeline.now - thawed_at < THAW_NS
        )

    def image_written(self, node: str, image: str, writer: str) -> None:
        """A ggated wrote an image: nobody else may have it attached."""
        host = self.world.host(node)
        if host.kernel is None:
            return
        for unit in host.kernel.machine.md.units.values():
            if unit.path == image:
                self._broken(
                    "S2", f"{image} on {node} is written by {writer} while md{unit.unit} has it"
                )

    def mounting(self, host: Host) -> None:
        """A volume was just mounted: it must have been clean (checked on the bytes just before)."""
        kernel = host.kernel
        if kernel is None:
            return
        for mount in kernel.machine.mounts.entries:
            block = mount.block
            if (
                mount.consumer is not None
                and block is not None
                and block.flags & superblock.UNCLEAN
            ):
                self._broken("S4", f"{mount.directory} on {host.name} was mounted dirty")

    def spinning(self, host: Host) -> None:
        """An agent asks to be woken again and again without doing anything."""
        self._broken("S9", f"the agent on {host.name} spins")

    def ended(self) -> None:
        """At the end of a run that was left alone for long enough."""
        serving = [host for host in self.world.hosts if self._mounts(host) and host.virtual]
        if len(serving) != 1:
            self._broken("L1", f"{len(serving)} nodes serve at the end")
            return
        lost = self.world.workload.lost(serving[0])
        if lost:
            self._broken(
                "S5", f"{len(lost)} acknowledged records are not on {serving[0].name}: {lost[:3]}"
            )

    def in_sync(self) -> None:
        """Both copies hold every acknowledged record."""
        for host in self.world.hosts:
            lost = self.world.workload.lost(host)
            if lost:
                self._broken("L2", f"the copy on {host.name} lacks {len(lost)} records")

    @staticmethod
    def _mounts(host: Host) -> bool:
        if host.kernel is None:
            return False
        return any(
            mount.consumer is not None and not mount.readonly
            for mount in host.kernel.machine.mounts.entries
        )

    def _broken(self, invariant: str, text: str) -> None:
        if not any(each.invariant == invariant for each in self.violations):
            self.violations.append(Violation(invariant, self.world.timeline.now, text))
            self.world.note("checker", f"{invariant} BROKEN: {text}")
