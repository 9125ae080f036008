"""How is each fault of a scenario brought about in the simulator?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafailover.emulation import superblock
from hafailover.emulation.faults import Fault as CommandFault
from hafailover.emulation.faults import FaultKind
from hafailover.group.events import WallClockTold
from hafailover.lab.host.control import parse
from hafailover.lab.plan import Cut
from hafailover.lab.scenario import NODES, Fault, Verb
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.runtime.record_slots import SLOT_BYTES, SLOTS, encode_slot, read_slots, unknown
from hafailover.sim import etcd
from hafailover.sim.network import LAN, NETWORKS
from hafailover.sim.world import PLACES
from hafailover.storage.tail import encode_marker
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

_MINUTES: Final = 60
_LOSS: Final = 0.5
_SLOW_NS: Final = 15 * SECOND
"""A fence device that takes so long lets a kernel that looks every few seconds decide before it does."""


class CannotPlayError(Exception):
    """The scenario asks for something that the simulator does not know."""


class Faults:
    """Brings faults about in one world; remembers what images were told to be kept."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kept: dict[str, bytes] = {}
        self._backup: dict[str, str] = {}

    def cause(self, fault: Fault) -> None:
        """Bring one about.

        Raises:
            CannotPlayError: The simulator does not know it.
        """
        if not self._of_host(fault) and not self._of_network(fault) and not self._of_disk(fault):
            text = " ".join((fault.verb.value, *fault.words))
            raise CannotPlayError(f"the simulator cannot play {text}: only the lab can")

    def _of_host(self, fault: Fault) -> bool:
        """Whether it was a fault of a host or an agent, and is brought about."""
        world, words = self._world, fault.words
        match fault.verb, words:
            case Verb.POWER_OFF, (node,):
                world.power_off(node)
            case Verb.POWER_ON, (node,):
                world.power_on(node)
            case Verb.KILL_AGENT, (node,):
                world.kill_agent(node)
            case Verb.KILL_AGENT, (node, "for-good"):
                world.restarts = False
                world.kill_agent(node)
            case Verb.RESTART_AGENT, (node,):
                world.restart_agent(node)
            case Verb.STOP_AGENT, (node,):
                world.stop_agent(node)
            case Verb.START_AGENT, (node,):
                world.start_agent(node)
            case Verb.FREEZE, (node,):
                world.host(node).freeze()
            case Verb.THAW, (node,):
                world.host(node).thaw()
            case _:
                return False
        return True

    def _of_network(self, fault: Fault) -> bool:
        """Whether it was a fault of a network, or of what is around the hosts, and is brought about."""
        world, words = self._world, fault.words
        match fault.verb, words:
            case Verb.CUT, (network, node, *kind):
                self._cut(network, node, Cut(kind[0]) if kind else Cut.CARRIER)
            case Verb.HEAL, (network, node):
                self._heal(network, node)
            case Verb.LOSE, (network, node, percent):
                self._lose(network, node, int(percent) / 100)
            case Verb.ARBITER, ("etcd", "unheard", node):
                world.network.cut(LAN, etcd.PLACE, node)
            case Verb.ARBITER, ("etcd", "heard", node):
                world.network.heal(LAN, etcd.PLACE, node)
            case Verb.ARBITER, (kind, what):
                return self._of_arbiter(kind, what)
            case Verb.SERVICE, (node, "failing"):
                world.failing.add(node)
            case Verb.SERVICE, (node, "well"):
                world.failing.discard(node)
            case Verb.CLOCK, (node, time):
                self._tell_time(node, time)
            case _:
                return False
        return True

    def _of_arbiter(self, kind: str, what: str) -> bool:
        """Whether it was a fault of the arbiter, and is brought about."""
        cluster, device = self._world.etcd, self._world.fence
        match kind, what:
            case "etcd", "down":
                cluster.has_majority = False
            case "etcd", "lossy":
                cluster.loss = _LOSS
            case "etcd", "well":
                cluster.has_majority, cluster.loss = True, 0.0
            case "etcd", "keep":
                self._backup = cluster.backup()
            case "etcd", "restored":
                cluster.restore(self._backup)
            case "etcd", "newer":
                cluster.restore({key: _newer(text) for key, text in cluster.backup().items()})
            case "fence", "slow":
                device.span_ns = _SLOW_NS
            case "fence", "down":
                device.works = False
            case "fence", "well":
                device.works, device.span_ns = True, None
            case _:
                return False
        return True

    def _of_disk(self, fault: Fault) -> bool:
        """Whether it was a fault of a disk or a kernel, and is brought about."""
        world, words = self._world, fault.words
        match fault.verb, words:
            case Verb.DISK, (node, "hangs"):
                world.host(node).hang_disk()
            case Verb.DISK, (node, "full"):
                world.record_problem[node] = "No space left on device"
            case Verb.DISK, (node, "well"):
                world.record_problem.pop(node, None)
            case Verb.RECORD, (node, copy):
                self._put_record(node, copy)
            case Verb.IMAGE, (node, what):
                self._put_image(world.host(node), what)
            case Verb.KERNEL, (node, *rest):
                self._disturb(world.host(node), tuple(rest))
            case _:
                return False
        return True

    def _others(self, network: str, node: str) -> list[str]:
        others = [each for each in NODES if each != node]
        return [*others, *PLACES] if network == LAN and node in NODES else others

    def _cut(self, network: str, node: str, cut: Cut) -> None:
        world = self._world
        world.note("network", f"CUT {network} {node} {cut.value}")
        for other in self._others(network, node):
            if cut is not Cut.TO_NODE:
                world.network.cut(network, node, other)
            if cut is not Cut.FROM_NODE:
                world.network.cut(network, other, node)
        if network == LAN and cut is Cut.CARRIER and node in NODES:
            world.host(node).link_up = False
        world.checker.wired()

    def _heal(self, network: str, node: str) -> None:
        world = self._world
        world.note("network", f"HEAL {network} {node}")
        world.checker.wired()
        for other in self._others(network, node):
            world.network.heal(network, node, other)
            world.network.heal(network, other, node)
        if network == LAN and node in NODES:
            world.host(node).link_up = True

    def _lose(self, network: str, node: str, share: float) -> None:
        if network not in NETWORKS:
            raise CannotPlayError(f"there is no network {network}")
        for other in NODES:
            if other != node:
                self._world.network.direction(network, node, other).loss = share
                self._world.network.direction(network, other, node).loss = share

    def _tell_time(self, node: str, time: str) -> None:
        hours, _, minutes = time.partition(":")
        agent = self._world.host(node).agent
        if agent is not None:
            agent.feed(WallClockTold(minute=int(hours) * _MINUTES + int(minutes)))

    def _put_record(self, node: str, copy: str) -> None:
        """Change what a node finds on record when it is switched on."""
        for volume, record in self._world.records[node].items():
            match copy:
                case "missing":
                    put = unknown("there is no record")
                case "newer":
                    put = _of_another_version(volume, record)
                case _:
                    put = replace(record, copy=CopyState(copy))
            self._world.records[node][volume] = put

    def _put_image(self, host: Host, what: str) -> None:
        """Keep the images as they are, or put what was kept back: into the file, or as another file."""
        for image in self._world.images(host.name):
            if what == "keep":
                self._kept[image] = host.files.pread(image, 0, host.files.stat(image).size)
                continue
            content = self._kept.get(image)
            if content is None:
                raise CannotPlayError(f"image {host.name} keep comes before image {what}")
            if what == "swapped":
                host.files.create(image, len(content))
            host.files.pwrite(image, 0, content)
            host.files.fsync(image)
            if what == "restored":
                host.write_tail(image, encode_marker("another-closing"))

    def _disturb(self, host: Host, words: tuple[str, ...]) -> None:
        """Put a fault into a host's kernel, in the words of the lab."""
        volume = self._world.settings[host.name].volumes[0]
        names = {"IMAGE": volume.image, "MOUNT": volume.mount_point, "DEVICE": volume.device}
        order = parse(tuple(names.get(word, word) for word in words))
        match order:
            case {"fault": fields} if host.kernel is not None:
                kind, said = FaultKind(fields.pop("kind")), tuple(fields.pop("words", ()))
                host.kernel.add_fault(CommandFault(kind=kind, words=said, **fields))
            case {"clear": _} if host.kernel is not None:
                host.kernel.clear_faults(host.now)
                host.drain()
            case {"disk": errors}:
                for path, error in errors.items():
                    host.files.fail(path, error)
            case {"damage": _}:
                for each in self._world.hosts:
                    _damage(each, self._world.images(each.name))
            case _:
                raise CannotPlayError(f"the kernel of {host.name} is off")


def _of_another_version(volume: str, record: LineageRecord) -> LineageRecord:
    """Return what this version reads where the next one has written the record."""
    magic, version, rest = encode_slot("web", volume, record).split(b" ", 2)
    slot = b" ".join((magic, str(int(version) + 1).encode(), rest))
    content = slot[:SLOT_BYTES].ljust(SLOTS * SLOT_BYTES, b"\0")
    return read_slots(content, group="web", volume=volume).record


def _newer(text: str) -> str:
    """Return what another version may make of a text in etcd: the same, and a field that is not known here."""
    return json.dumps({**json.loads(text), "weight": 1})


def _damage(host: Host, images: tuple[str, ...]) -> None:
    """Leave the file systems as a crash may: dirty, and beyond what preening repairs."""
    for image in images:
        block = superblock.decode(host.files.pread(image, superblock.OFFSET, superblock.LENGTH))
        if block is None:
            continue
        worse = replace(block, flags=block.flags | superblock.UNCLEAN | superblock.NEEDS_FULL_CHECK)
        host.files.pwrite(image, superblock.OFFSET, worse.encode())
        host.files.fsync(image)
