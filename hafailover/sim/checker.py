"""Do the promises hold? Looks only at disks, mounts, writers and addresses.

Of the agent it knows nothing but whether it is still on its way at the end, when there is nothing to wait for, and
whether a look of its own can have shown it what its kernel did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.emulation import superblock
from hafailover.group.report import Role
from hafailover.lineage.record import CopyState
from hafailover.sim.network import LAN, NETWORKS
from hafailover.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.sim.host import Host
    from hafailover.sim.world import World


GRACE_NS = 10 * SECOND
"""A host that stood still, and nodes that were parted, have so long afterwards to give way."""
REACTION_NS = 3 * SECOND // 2
"""A primary looks at its own volumes every second: so soon it sees that the kernel took a mount away by itself."""
_EQUAL = (CopyState.IN_SYNC, CopyState.TOUCHED)
"""What no record may say of a copy that has what the other one lacks."""
_ON_THE_WAY = (Role.STARTING, Role.PROMOTING, Role.DEMOTING)
"""Roles that a node passes through: it gets on, or gives up with a reason."""


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
        self.is_split = False
        """Whether both nodes served in a partition that the arbiter does not guard against."""
        self.was_apart = False
        """Whether the nodes could not talk at some time, or one that had stood still wrote alone when it went on."""
        self._mounted: tuple[str, ...] = ()
        self._is_odd = False
        self._seen: tuple[object, ...] = ()
        self._parted_at: int | None = None
        self._meddled_at: int | None = None
        self._typed: list[tuple[str, int]] = []
        """Host and its life of every command that was typed past an agent and has not ended."""
        self._unmounted: dict[str, tuple[int, int]] = {}
        """By node, how many mounts its kernel took away by itself, their device being gone, and when the last one."""
        self._mixtures: set[str] = set()
        """Nodes whose copy is in the middle of a rebuild."""
        self._outlived: set[str] = set()
        """Nodes from which the other one took over while they stood still with the volume mounted."""
        self._alone: set[str] = set()
        """Nodes that went on without the peer's copy by a step of their own; the kernel's own drop is none."""
        self._ahead: dict[str, tuple[int, int]] = {}
        """By node, the first record that only it has since its kernel dropped the peer's copy by itself, and when."""

    def look(self) -> None:
        """Look at everything, as it is between two events."""
        if self._ahead:
            self._hear_admissions()
        one, other = self.world.hosts
        seen = (_mounts_of(one), bool(one.virtual), _mounts_of(other), bool(other.virtual))
        if seen == self._seen and not self._is_odd:
            return  # As after most events.
        self._seen = seen
        self._compare(self.world.hosts)

    def _compare(self, hosts: list[Host]) -> None:
        mounted = tuple(host.name for host in hosts if self._mounts(host))
        for host in hosts:
            if host.name in mounted and host.name not in self._mounted:
                self._mounting(host)
            is_typed = (host.name, host.life) in self._typed
            if is_typed and host.name in self._mounted and host.name not in mounted:
                self._meddled_at = (
                    self.world.timeline.now
                )  # An unmount that was typed may have hung until now.
        self._mounted = mounted
        addressed = [
            host
            for host in hosts
            if host.virtual and host.is_on and not self._keeps_addresses(host)
        ]
        bare = [host.name for host in addressed if host.name not in mounted]
        self._is_odd = len(mounted) > 1 or len(addressed) > 1 or bool(bare)
        if not self._is_odd or any(self._stood_still(host) for host in hosts):
            return
        if len(mounted) > 1 or len(addressed) > 1:
            if self._were_parted():
                self.is_split = True
                return
            if len(mounted) > 1:
                self._broken("S1", f"mounted read-write on {' and '.join(mounted)}")
            if len(addressed) > 1:
                self._broken("S6", "the address is up on both nodes")
        for name in bare if not self._was_meddled() else ():
            if self._was_unmounted(self.world.host(name)):
                continue
            self._broken("S6", f"the address is up on {name}, where the volume is not mounted")

    def meddled(self, host: Host) -> Callable[[object], None]:
        """A human types a command past the agent, which needs a moment to see it. Return what to call at its end."""
        typed = (host.name, host.life)
        self._meddled_at = self.world.timeline.now
        self._typed.append(typed)

        def ended(_: object) -> None:
            self._typed.remove(typed)

        return ended

    def _was_unmounted(self, host: Host) -> bool:
        """Whether the kernel took a mount away by itself a moment ago: its agent has to see that first."""
        lost = 0 if host.kernel is None else host.kernel.machine.mounts.lost
        now = self.world.timeline.now
        known, at = self._unmounted.get(host.name, (0, now))
        if lost > known:
            at = now
        self._unmounted[host.name] = lost, at
        return lost > 0 and now - at < REACTION_NS

    def _was_meddled(self) -> bool:
        at = self._meddled_at
        return at is not None and self.world.timeline.now - at < GRACE_NS

    def wired(self) -> None:
        """The network is about to be mended, or was just cut: note a parting while it lasts."""
        if self._is_parted():
            self._parted_at = self.world.timeline.now

    def _is_parted(self) -> bool:
        """Whether the nodes cannot talk, and nothing third tells the one to stop.

        With ping targets that means: each of the two reaches them.
        """
        if self.world.is_strict:
            return False
        network, gateway = self.world.network, self.world.gateway
        one, other = (host.name for host in self.world.hosts)
        if any(network.is_open_both_ways(each, one, other) for each in NETWORKS):
            return False
        self.was_apart = True
        return gateway is None or all(
            network.is_open_both_ways(LAN, name, gateway) for name in (one, other)
        )

    def _were_parted(self) -> bool:
        if self._is_parted():
            self._parted_at = self.world.timeline.now
        at = self._parted_at
        return at is not None and self.world.timeline.now - at < GRACE_NS

    def _stood_still(self, host: Host) -> bool:
        """Whether a host stands still, or did a moment ago: nothing on it can act then."""
        at = host.thawed_at
        return host.is_frozen or (at is not None and self.world.timeline.now - at < GRACE_NS)

    def _keeps_addresses(self, host: Host) -> bool:
        """Whether a host's addresses cannot be taken away, or could not a moment ago: nothing on it can do that."""
        at = host.stubbornness.ended_at
        lately = at is not None and self.world.timeline.now - at < GRACE_NS
        return host.stubbornness.keeps_addresses or lately

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

    def attached(self, host: Host) -> None:
        """An image may just have been attached: every ggated that served it must be gone by then."""
        if host.kernel is None:
            return
        served = {each.image for each in host.processes.servers if each.is_alive}
        for unit in host.kernel.machine.md.units.values():
            if unit.path in served:
                self._broken(
                    "S2", f"{unit.path} on {host.name} was attached beside a ggated that serves it"
                )

    def _mounting(self, host: Host) -> None:
        """A volume was just mounted: it must have been clean, and no mixture of old and new."""
        other = self.world.other(host)
        if other.is_frozen and self._mounts(other):
            self._outlived.add(other.name)
        if host.name in self._mixtures:
            self._broken("S7", f"{host.name} mounted a copy in the middle of a rebuild")
        self._lacking(host)
        if host.kernel is None:
            return
        for mount in host.kernel.machine.mounts.entries:
            block = mount.block
            if mount.consumer and block and block.flags & superblock.UNCLEAN:
                self._broken("S4", f"{mount.directory} on {host.name} was mounted dirty")

    def _lacking(self, host: Host) -> None:
        """A node serves from now on: no record that was acknowledged may be missing there.

        Later it would be hidden by what is written from then on, and so would what is overwritten on the other node.
        """
        lost = self.world.workload.lost(host)
        if lost and not self.was_apart and not self._was_meddled():
            self._broken("S5", f"{host.name} was mounted without {len(lost)} records: {lost[:3]}")

    def rebuild_began(self, source: Host) -> None:
        """The kernel of ``source`` begins to overwrite the peer's copy with its own."""
        target = self.world.other(source)
        self._mixtures.add(target.name)
        if source.name in self._mixtures:
            self._broken("S7", f"a mixture on {source.name} is the source of a rebuild")
        self._overwritten(source, target, "overwritten")

    def rebuild_ended(self, source: Host) -> None:
        """The peer's copy is complete."""
        self._mixtures.discard(self.world.other(source).name)
        self._alone.discard(source.name)
        self._ahead.clear()

    def dropped(self, host: Host) -> None:
        """A kernel let a component go. If that of a host whose time is over did so by itself, it writes alone now."""
        if host.name in self._outlived - self._alone:
            self.was_apart = True

    def went_alone(self, host: Host) -> None:
        """A mirror was launched with this host's copy only, or the peer's was taken out of it by a step."""
        self._alone.add(host.name)

    def acknowledged(self, host: Host, volume: str, block: int, number: int) -> None:
        """A record was acknowledged: if only one copy has it, by a step of its agent, the lineage on disk says so.

        If the kernel dropped the other copy by itself the lineage says so later, and then that it is late.
        """
        record = self.world.records[host.name][volume]
        if self._was_meddled():
            return
        if record.copy not in _EQUAL:
            self._hear_admissions()
            ahead = self._ahead.pop(host.name, None)
            if ahead is not None and record.copy is CopyState.SOLE:
                text = f"only {host.name} had record {ahead[0]} before its lineage said so"
                self._broken("S8", f"{text}: that is hidden")
            return
        other = self.world.other(host)
        image = self.world.image_of(other, volume)
        if self.world.workload.read_record(other, image, block) >= number:
            return
        if host.name in self._alone:
            says = record.copy.value
            self._broken("S8", f"only {host.name} has record {number}, and its lineage says {says}")
        elif other.is_on:  # Or it had the record, and lost it with its power.
            self._ahead.setdefault(host.name, (number, self.world.timeline.now))

    def _hear_admissions(self) -> None:
        """Note whose lineage says by now that it went on alone before its lineage said so, or could not know it."""
        for node, (_, since) in tuple(self._ahead.items()):
            records = self.world.records[node].values()
            is_told = all(record.copy is CopyState.SOLE for record in records)
            is_admitted = any(record.doubt for record in records)
            if is_admitted or (is_told and not self._has_looked(self.world.host(node), since)):
                del self._ahead[node]

    def _has_looked(self, host: Host, since: int) -> bool:
        """Whether the agent has seen all of its storage between ``since`` and its decision to go on alone."""
        if host.agent is None or not host.agent.is_usable:
            return True
        state = host.agent.state
        if host.when_clock_says(state.looked_at) <= since or state.seen_at < state.looked_at:
            return False
        return state.dropping is None or state.seen_at <= state.dropping.since

    def joined(self, host: Host) -> None:
        """A mirror of two components was launched without copying: they have to be equal."""
        self._alone.discard(host.name)
        other = self.world.other(host)
        self._overwritten(host, other, "joined as equal")
        self._overwritten(other, host, "joined as equal")

    def _overwritten(self, source: Host, target: Host, how: str) -> None:
        lost = set(self.world.workload.only_on(target, source)) - self.world.kept
        if lost:
            text = f"the copy on {target.name} was {how}, although only it had {sorted(lost)[:3]}"
            self._broken("S3", text)

    def spinning(self, host: Host) -> None:
        """An agent asks to be woken again and again without doing anything."""
        self._broken("S9", f"the agent on {host.name} spins")

    def ended(self) -> None:
        """At the end of a run that was left alone for long enough."""
        for host in self.world.hosts:
            if host.agent is not None and host.agent.state.role in _ON_THE_WAY:
                self._broken("S9", f"{host.name} is {host.agent.state.role.value} for ever")
        serving = [host for host in self.world.hosts if self._mounts(host) and host.virtual]
        if len(serving) != 1:
            self._broken("L1", f"{len(serving)} nodes serve at the end")
            return
        if not self.world.workload.runs_on(serving[0]):
            self._broken("L1", f"the service does not run on {serving[0].name}")
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


def _mounts_of(host: Host) -> int:
    """Return how many file systems a host has mounted."""
    return 0 if host.kernel is None else len(host.kernel.machine.mounts.entries)
