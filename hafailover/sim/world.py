"""The simulated world of one group: two hosts with their agents, the network between them, a workload and a checker.

Further groups on the same two hosts are worlds of their own *beside* it: they share time, network, etcd and the fence
device, and what happens to a host or to its agent happens in all of them. Each has disks and a kernel of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.emulation.superblock import OFFSET
from hafailover.group.settings import ArbiterKind
from hafailover.group.work import describe
from hafailover.sim import etcd, fence, pair
from hafailover.sim.agent import Agent
from hafailover.sim.checker import Checker
from hafailover.sim.etcd import Etcd
from hafailover.sim.fence import FenceDevice
from hafailover.sim.host import Host
from hafailover.sim.network import LAN, NETWORKS, Network
from hafailover.sim.timeline import Timeline
from hafailover.sim.workload import Workload
from hafailover.storage.steps import CommandStep, FileStep
from hafailover.storage.tail import encode_marker
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.group import actions as ask
    from hafailover.group import events as happened
    from hafailover.group.settings import GroupSettings
    from hafailover.lineage.record import LineageRecord
    from hafailover.storage.steps import Step

GATEWAY = "gateway"
PLACES = (GATEWAY, etcd.PLACE, fence.PLACE)
"""What else there is on the LAN."""
_BOOT_NS = 5 * SECOND
_RESTART_NS = SECOND // 2


class World:
    """Everything there is. ``tell`` receives every line of the story."""

    def __init__(
        self,
        seed: int,
        settings: dict[str, GroupSettings],
        *,
        tell: Callable[[str], None] | None = None,
        gateway: str | None = GATEWAY,
        beside: World | None = None,
    ) -> None:
        """Make a world with both hosts off; it shares what all groups share with the one that it is ``beside``."""
        self.timeline: Timeline = Timeline(seed) if beside is None else beside.timeline
        self.network: Network = Network(self.timeline) if beside is None else beside.network
        self.groups: list[World] = [] if beside is None else beside.groups
        """The worlds of all groups on these hosts, this one among them."""
        self.groups.append(self)
        self.settings = settings
        self.gateway = gateway
        self.tell = tell
        self.sync_rate: int | None = None
        self.command_ns = 5 * MILLISECOND
        self.service_ns = 20 * MILLISECOND
        self.records: dict[str, dict[str, LineageRecord]] = {}
        self.record_problem: dict[str, str] = {}
        self.pauses: dict[str, int | None] = {}
        self.restarts = True
        self.gone: set[str] = set()
        """Hosts that cannot be powered on."""
        self.kept: set[tuple[str, int, int]] = set()
        """Records (volume, block, number) that an operator gave up, and that were kept before."""
        self.is_strict = settings["A"].arbiter in (ArbiterKind.ETCD, ArbiterKind.FENCE)
        """Whether the arbiter promises that no partition splits the pair."""
        self.etcd: Etcd = Etcd(self) if beside is None else beside.etcd
        self.fence: FenceDevice = FenceDevice(self) if beside is None else beside.fence
        self.workload = Workload(self, settings["A"], 64)
        self.checker = Checker(self)
        self.hosts = [Host(self, name, pair.ADDRESSES[name]) for name in pair.NODES]
        self.on_moment: Callable[[Agent, str, str], None] | None = None
        """Called with ``begins`` or ``ended`` and what it was, at every step and every write of the records."""
        self.on_said: Callable[[Agent, ask.Action], None] | None = None
        """Called with every alert, note and reply of an agent."""
        self.failing: set[str] = set()
        """Nodes on which the checks of the services find something wrong."""
        self._orders = 0
        self._found()

    def _found(self) -> None:
        """Make both images, identical, with their records, as ``init`` would leave them."""
        for host in self.hosts:
            self.records[host.name] = {}
            self.pauses[host.name] = None
            for volume in self.settings[host.name].volumes:
                host.files.create(volume.image, volume.size_bytes)
                host.files.pwrite(volume.image, OFFSET, pair.file_system(volume.size_bytes))
                host.files.fsync(volume.image)
                host.write_tail(volume.image, encode_marker(f"founded-{host.name}"))
                inode = host.files.stat(volume.image).inode
                self.records[host.name][volume.name] = pair.founding_record(host.name, inode)
        volumes = tuple(volume.name for volume in self.settings["A"].volumes)
        self.etcd.put(self.settings["A"].name, pair.founding_text(volumes))

    def power_on(self, name: str) -> None:
        """Switch a host on; its agent starts a moment later."""
        for world in self.groups:
            host = world.host(name)
            if not host.is_on and name not in world.gone:
                world.note(name, "POWER ON")
                host.boot()
                self.timeline.after(SECOND // 2, world.starter(host, host.life))

    def power_off(self, name: str) -> None:
        """Take a host's power away."""
        for world in self.groups:
            host = world.host(name)
            if host.is_on:
                world.note(name, "POWER OFF")
                host.power_off()

    def reset(self, host: Host) -> None:
        """A host resets itself: as a loss of power, but it comes back."""
        self.note(host.name, "HOST RESET")
        self.power_off(host.name)
        self.timeline.after(_BOOT_NS, lambda: self.power_on(host.name))

    def kill_agent(self, name: str) -> None:
        """Kill -9 the agent; its supervisor starts it again."""
        for world in self.groups:
            host = world.host(name)
            if host.agent is not None:
                world.note(name, "AGENT KILLED")
                host.agent.kill()
                host.agent = None
                if world.restarts:
                    self.timeline.after(_RESTART_NS, world.starter(host, host.life))

    def stop_agent(self, name: str) -> None:
        """Tell an agent to stop in order."""
        for world in self.groups:
            agent = world.host(name).agent
            if agent is not None:
                world.note(name, "AGENT TOLD TO STOP")
                agent.shut_down()

    def restart_agent(self, name: str) -> None:
        """Tell an agent to make way for its next life and to leave everything up; its supervisor starts it again."""
        for world in self.groups:
            agent = world.host(name).agent
            if agent is not None:
                world.note(name, "AGENT RESTARTED")
                agent.make_way()

    def comes_back(self, host: Host) -> None:
        """The agent of a host has ended by itself, and its supervisor starts it again."""
        host.agent = None
        self.timeline.after(_RESTART_NS, self.starter(host, host.life))

    def start_agent(self, name: str) -> None:
        """Start the agent of a running host whose agent has stopped, or was told to and has not: then it is killed."""
        for world in self.groups:
            host = world.host(name)
            agent = host.agent
            if host.is_on and agent is not None and (agent.is_stopped or agent.state.is_stopping):
                world.note(name, "AGENT STARTED")
                agent.kill()
                host.agent = None
                world.starter(host, host.life)()

    def starter(self, host: Host, life: int) -> Callable[[], None]:
        """Return a call that starts this group's agent, if that life of its host still lasts and has none."""

        def start() -> None:
            if host.life == life and host.agent is None:
                host.agent = Agent(self, host, self.settings[host.name])
                host.agent.start()

        return start

    def cut(self, network: str, *, one_way: str = "") -> None:
        """Cut the cable between the nodes; ``one_way`` names the node whose packets are lost."""
        self.note("network", f"CUT {network} {one_way and 'from ' + one_way}")
        for source, target in (("A", "B"), ("B", "A")):
            if one_way in ("", source):
                self.network.cut(network, source, target)
        self._wired()

    def isolate(self, name: str, network: str) -> None:
        """Cut a node's own cable to a network: it reaches nobody there."""
        self.note("network", f"ISOLATE {name} on {network}")
        others = [each.name for each in self.hosts if each.name != name] + [*PLACES]
        for other in others:
            self.network.cut(network, name, other)
            self.network.cut(network, other, name)
        if network == LAN:
            for world in self.groups:
                world.host(name).link_up = False
        self._wired()

    def heal(self) -> None:
        """Mend every cable."""
        self.note("network", "HEAL")
        self._wired()
        places = [host.name for host in self.hosts] + [*PLACES]
        for network in NETWORKS:
            for source in places:
                for target in places:
                    if source != target:
                        self.network.heal(network, source, target)
        for world in self.groups:
            for host in world.hosts:
                host.link_up = True

    def _wired(self) -> None:
        for world in self.groups:
            world.checker.wired()

    def run_until(self, holds: Callable[[], bool], limit_ns: int) -> bool:
        """Let the world go on until ``holds``, at most for ``limit_ns``."""
        timeline, looks = self.timeline, [each.checker.look for each in self.groups]
        end = timeline.now + limit_ns
        while not holds():
            due = timeline.next_at()
            if due is None or due > end:
                return holds()
            timeline.advance()
            for look in looks:
                look()
        return True

    def step_once(self) -> bool:
        """Let the next thing happen and have the checkers look; False if nothing is to come."""
        is_one = self.timeline.advance()
        for world in self.groups:
            world.checker.look()
        return is_one

    def run_for(self, span_ns: int) -> None:
        """Let the world go on for a while."""
        self.run_until(lambda: False, span_ns)

    def compare_problem(self, host: Host) -> str:
        """Return why the copies cannot be compared from ``host``; empty if they can."""
        other = self.other(host)
        is_open = any(
            self.network.is_open_both_ways(each, host.name, other.name) for each in NETWORKS
        )
        if other.agent is None or not other.answers or not is_open:
            return "the peer's agent is not reached"
        return ""

    def keep(self, host: Host) -> None:
        """Keep what only the images of ``host`` hold: overwriting it costs nobody anything from now on."""
        self.kept.update(self.workload.only_on(host, self.other(host)))

    def host(self, name: str) -> Host:
        """Return a host by its name."""
        return next(host for host in self.hosts if host.name == name)

    def everywhere(self, name: str) -> list[Host]:
        """Return a host by its name, as the world of each group has it."""
        return [each.host(name) for each in self.groups]

    def other(self, host: Host) -> Host:
        """Return the other host."""
        return next(each for each in self.hosts if each is not host)

    def host_at(self, address: str) -> Host | None:
        """Return the host that has ``address``."""
        return next((host for host in self.hosts if address in host.addresses.values()), None)

    def name_at(self, address: str) -> str:
        """Return the name of the host that has ``address``."""
        host = self.host_at(address)
        return host.name if host else ""

    def images(self, name: str) -> tuple[str, ...]:
        """Return the image paths of a host."""
        return tuple(volume.image for volume in self.settings[name].volumes)

    def image_of(self, host: Host, volume: str) -> str:
        """Return the path of a volume's image on a host."""
        return next(each.image for each in self.settings[host.name].volumes if each.name == volume)

    def next_order(self) -> int:
        """Return a fresh order id."""
        self._orders += 1
        return self._orders

    def note(self, who: str, text: str) -> None:
        """Add a line to the story."""
        if self.tell is not None:
            self.tell(f"{self.timeline.now / SECOND:9.3f} {who:9} {text}")

    def stepped(self, agent: Agent, event: happened.Event, actions: tuple[ask.Action, ...]) -> None:
        """Hook for whoever watches the core at work."""
        del agent, event, actions

    def said(self, agent: Agent, action: ask.Action) -> None:
        """Put what an agent has to say into the story."""
        if self.on_said is not None:
            self.on_said(agent, action)
        text = getattr(action, "text", "")
        if text:
            self.note(agent.host.name, f"{type(action).__name__}: {text}")

    def step_began(self, agent: Agent, step: Step) -> None:
        """Put a storage step into the story."""
        if getattr(step, "verb", "") == "ggatec destroy -f":
            self.checker.went_alone(agent.host)
        if self.tell is not None:
            self.note(agent.host.name, _told_step(step))
        self._moment(agent, "begins", describe(step))

    def step_ended(self, agent: Agent, step: Step) -> None:
        """A storage step has ended and its agent is about to hear of it."""
        self._moment(agent, "ended", describe(step))

    def records_began(self, agent: Agent) -> None:
        """The lineage records are about to be written."""
        self._moment(agent, "begins", "lineage records")

    def records_ended(self, agent: Agent) -> None:
        """The lineage records are on disk and their agent is about to hear of it."""
        self._moment(agent, "ended", "lineage records")

    def _moment(self, agent: Agent, phase: str, what: str) -> None:
        if self.on_moment is not None:
            self.on_moment(agent, phase, what)


def _told_step(step: Step) -> str:
    """Put a step into words: a command as it is typed, other work as what it is for."""
    if isinstance(step, CommandStep):
        return f"$ {' '.join(step.argv)}"
    if isinstance(step, FileStep):
        return f"{step.task.value}: {step.path}"
    return f"send {step.signal} to {step.what}"
