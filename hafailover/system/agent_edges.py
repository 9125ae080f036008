"""Every edge of a running agent, made and connected: the composition root of its outside."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from hafailover.group.events import Event, OperatorAsked, OrderKind, RecordsWritten
from hafailover.group.work import TEST_WRITE
from hafailover.runtime.ports import Alarm, Clock, Ports
from hafailover.runtime.settings import NodeSettings
from hafailover.system import interfaces
from hafailover.system.alerts import AlertPort
from hafailover.system.arbiter_edges import arbiter_for, watchdog_for
from hafailover.system.comparing import Comparer
from hafailover.system.control import ControlServer, OperatorPort
from hafailover.system.courier_link import CourierLink
from hafailover.system.frame_building import Frames
from hafailover.system.geom_look import GeomLook
from hafailover.system.hardware_addresses import has_netlink
from hafailover.system.hash_exchange import HashExchange
from hafailover.system.host import HostPort
from hafailover.system.image_looks import ImageLooks
from hafailover.system.left_addresses import left_addresses, note_addresses, take_off
from hafailover.system.links import LinkEdges, Links
from hafailover.system.log import CRITICAL, Log
from hafailover.system.looks import GATHER_S
from hafailover.system.observer import GroupScope, HostObserver
from hafailover.system.pauses import PauseStore
from hafailover.system.peer_channel import PeerChannel, PeerNetwork
from hafailover.system.peer_connection import Identity
from hafailover.system.peer_key import read_key
from hafailover.system.plain_ports import DurablePort
from hafailover.system.prober import PeerPlace, ProberPort
from hafailover.system.records import RecordStore
from hafailover.system.runner import Runner, search_path
from hafailover.system.service_port import ServicePort
from hafailover.system.status_server import StatusServer
from hafailover.system.step_port import StepPort
from hafailover.system.vrrp_port import VrrpPort
from hafailover.system.wall_clock import WallClock
from hafailover.system.watchers import WatcherPort
from hafailover.system.worker_pool import WorkerPool

LAB_VARIABLE: Final = "HAFAILOVER_LAB"
"""Set by the lab: this Linux host answers FreeBSD's commands."""

Feed = Callable[[str, Event], None]


class AgentEdges:
    """What stands between the driver and the world."""

    def __init__(
        self,
        settings: NodeSettings,
        environment: Mapping[str, str],
        *,
        log: Log,
        feed: Feed,
        status: Callable[[str | None], dict[str, Any]],
        state: Callable[[str], dict[str, Any]],
        finished: Callable[[], None],
    ) -> None:
        """Make them; sockets for VRRP, the peer and the operators are opened by ``open``.

        Args:
            settings: Of this node.
            environment: The agent's own, of which a few variables count.
            log: Where people read.
            feed: Takes every event.
            status: Returns the status document.
            state: Returns everything that one group knows.
            finished: Called when every group has said that it has nothing left to do.

        Raises:
            HaFailoverError: Something that is needed is not there.
        """
        loop = asyncio.get_running_loop()
        self._settings, self._feed, self._log = settings, feed, log
        path = search_path(environment)
        self.runner = Runner(loop, path=path)
        self.pool = WorkerPool(loop, path)
        self.pauses = PauseStore(
            loop, self.pool.records, settings.paths.state, ended=self._pause_ended
        )
        self.records = RecordStore(
            loop,
            self.pool.records,
            directory=settings.paths.state / "lineage",
            volumes={
                group.name: tuple(volume.name for volume in group.volumes)
                for group in settings.groups
            },
            feed=feed,
            trouble=self._tested_records,
        )
        self.vrrp = VrrpPort(loop, feed=feed, say=log.say, lost=self._lost_interface)
        self._watch_carp = partial(interfaces.watch_carp, loop, self.vrrp, log.say)
        self._end_carp_watch: Callable[[], None] = lambda: None
        self.networks = _peer_networks(settings, feed)
        self.peer = PeerChannel(self.networks)
        self._make_doors(status, state)
        self._courier = CourierLink(
            loop, settings.alerts, settings.paths.state / "alerts", log, environment
        )
        self.alerts = AlertPort(log, self._courier, node=settings.node, listener=self.control.tell)
        self._make_ports(loop, environment, finished)

    def _make_doors(
        self,
        status: Callable[[str | None], dict[str, Any]],
        state: Callable[[str], dict[str, Any]],
    ) -> None:
        """Make what operators come in by, and what compares copies for them."""
        settings, feed = self._settings, self._feed
        self._exchange = HashExchange(self.networks, settings.groups, self.pool.for_comparing)
        self.comparer = Comparer(
            self._exchange,
            {group.name: group for group in settings.groups},
            directory=settings.paths.state / "kept",
            worker=self.pool.for_comparing,
            feed=feed,
        )
        self._operators = OperatorPort(self.pauses, feed)
        names = [group.name for group in settings.groups]
        self.control = ControlServer(
            settings.paths.control_socket,
            self._operators,
            groups=names,
            status=status,
            state=state,
            compare=self.comparer.compare,
        )
        loop = asyncio.get_running_loop()
        self._status_server = StatusServer(loop, settings, self._log.say)

    def _make_ports(
        self,
        loop: asyncio.AbstractEventLoop,
        environment: Mapping[str, str],
        finished: Callable[[], None],
    ) -> None:
        settings, feed, runner = self._settings, self._feed, self.runner
        groups = settings.groups
        self._uses_ifconfig = not has_netlink() or bool(environment.get(LAB_VARIABLE))
        edges = interfaces.edges_for(
            loop, runner, groups, uses_ifconfig=self._uses_ifconfig, feed=feed, say=self._log.say
        )
        self.addresses = edges.addresses
        self._observer = HostObserver(
            loop,
            runner,
            geom=GeomLook(loop, self.pool.geom, gather_s=GATHER_S if len(groups) > 1 else 0.0),
            look_at_image=ImageLooks(loop, self.pool.for_looks),
            scopes={
                group.name: GroupScope(
                    interface=edges.looks[group.name], has_storage=group.has_storage
                )
                for group in groups
            },
            feed=feed,
        )
        self._steps = StepPort(loop, runner, self.pool.for_steps, feed)
        services = {(group.name, each.name): each for group in groups for each in group.services}
        self._services = ServicePort(
            loop, runner, services, feed, directory=settings.paths.run / "services"
        )
        self._wall_clock = WallClock(loop, groups, feed)
        self._watchers = WatcherPort(loop, {group.name: group.timers for group in groups}, feed)
        self._prober = ProberPort(
            loop, places=_places(settings), targets=settings.ping_targets, feed=feed
        )
        self._arbiter = arbiter_for(settings, loop, runner, feed)
        self._watchdog = watchdog_for(settings, loop, environment, feed=feed, say=self._alarm)
        self.host = HostPort(
            loop,
            runner,
            frozenset(group.name for group in groups),
            say=self._alarm,
            alarm=self.alerts.tell_reset,
            finished=finished,
        )
        self.links = Links(
            loop,
            groups,
            LinkEdges(runner=runner, vrrp=self.vrrp, addresses=self.addresses),
            feed=feed,
            say=self._log.say,
        )

    def ports(self, clock: Clock, alarm: Alarm) -> Ports:
        """Return the world as the driver sees it."""
        return Ports(
            clock=clock,
            alarm=alarm,
            wire=self.vrrp,
            addresses=self.addresses,
            announcer=self.vrrp,
            steps=self._steps,
            observer=self._observer,
            records=DurablePort(self.records, self.pauses),
            peer=self.peer,
            arbiter=self._arbiter,
            watchdog=self._watchdog,
            prober=self._prober,
            watchers=self._watchers,
            services=self._services,
            alerts=self.alerts,
            operators=self._operators,
            differences=self.comparer,
            host=self.host,
        )

    async def open(self, frames: Frames) -> None:
        """Open what listens.

        Raises:
            HaFailoverError: A socket cannot be opened.
        """
        groups = self._settings.groups
        self._take_off_left()
        networks = {network.interface: network.name for network in self._settings.networks}
        self.vrrp.open(
            groups,
            frames,
            networks,
            open_sender=interfaces.open_sender,
            open_wire=interfaces.open_wire,
        )
        self._end_carp_watch = self._watch_carp()
        await self.peer.start()
        await self.control.start()
        self._status_server.start()

    def _take_off_left(self) -> None:
        """Take down the virtual addresses of an earlier life that no group names any more."""
        left = left_addresses(self._settings)
        for interface, address in left:
            self._log.say(f"{address} is no group's any more: it is taken off {interface}")
        take_off(self.runner, left, uses_ifconfig=self._uses_ifconfig)
        try:
            note_addresses(self._settings)
        except OSError as error:
            self._log.say(f"the virtual addresses could not be noted: {error}")

    def tell_surroundings(self) -> None:
        """Tell the groups of interfaces that have no carrier, and what time it is."""
        self.links.tell()
        self._wall_clock.start()

    def read_quiet(self) -> None:
        """Take what has come and woke nobody, before anything is decided."""
        self._watchers.read()
        self._prober.read()

    async def close(self) -> None:
        """Close everything; children that still run are killed."""
        self._status_server.close()
        await self.control.close()
        self.comparer.close()
        self._exchange.close()
        await self.peer.close()
        self._end_carp_watch()
        self.links.close()
        await self.vrrp.close()
        self.addresses.close()
        self._wall_clock.close()
        await self._arbiter.close()
        self._watchdog.close()
        self._watchers.close()
        self._prober.close()
        self.records.close()
        self.pool.close()
        self.runner.close()
        self._courier.close()

    def _lost_interface(self, interface: str) -> None:
        self.links.lost(interface)

    def _alarm(self, text: str) -> None:
        self._log.say(text, CRITICAL)

    def _pause_ended(self, group: str) -> None:
        self._feed(group, OperatorAsked(id=0, kind=OrderKind.RESUME, reason="its time is over"))

    def _tested_records(self, group: str, problem: str) -> None:
        self._feed(group, RecordsWritten(id=TEST_WRITE, problem=problem))


def _peer_networks(settings: NodeSettings, feed: Feed) -> tuple[PeerNetwork, ...]:
    if not settings.peer or not settings.networks:
        return ()
    key = read_key(settings.channel.key_file)
    identity = Identity(node=settings.node, peer=settings.peer, key=key)
    return tuple(
        PeerNetwork(
            network,
            port=settings.channel.port,
            identity=identity,
            groups=[group.name for group in settings.groups],
            feed=feed,
        )
        for network in settings.networks
    )


def _places(settings: NodeSettings) -> tuple[PeerPlace, ...]:
    if not settings.peer:
        return ()
    return tuple(
        PeerPlace(
            network=network.name,
            own_address=network.own_address,
            peer_address=network.peer_address,
            port=settings.channel.port,
        )
        for network in settings.networks
    )
