"""A virtual router in a real event loop, with everything around it replaced by values."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from hafailover.errors import EdgeError
from hafailover.system.advert_receiver import AdvertReceiver
from hafailover.system.advert_socket import Received
from hafailover.system.eventloop import new_event_loop
from hafailover.system.frame_set import FrameSet, Outgoing
from hafailover.system.virtual_router import RouterEdges, VirtualRouter
from hafailover.units import MILLISECOND, SECOND, Instant
from hafailover.vrrp.acceptance import Ignored, IgnoredReason
from hafailover.vrrp.actions import Action, BecameMaster
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.events import Demote, Shutdown, Startup
from hafailover.vrrp.settings import GROUP_IPV4, AnnounceSettings, RouterSettings
from hafailover.vrrp.states import Backup, Master
from tests.vrrp import wire

ANNOUNCE = AnnounceSettings(burst_count=1, repeat_delay_ns=0, refresh_interval_ns=0)


@dataclass
class World:
    """Stands for wire, addresses, announcer and watcher; writes down what is asked of it."""

    log: list[str] = field(default_factory=list)
    arriving: list[Received] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    now: Instant = Instant(1_000 * SECOND)
    on_action: Callable[[Action], None] = lambda _: None

    def _do(self, what: str) -> None:
        self.log.append(what)
        if what in self.broken:
            raise EdgeError(f"{what} failed")

    def send(self, sent: Outgoing | tuple[bytes, ...]) -> None:
        announced = isinstance(sent, tuple)
        self._do("announce" if announced else f"send {sent.priority}")  # type: ignore[union-attr]

    def receive(self) -> list[Received]:
        taken, self.arriving = self.arriving, []
        return taken

    def assign(self) -> None:
        self._do("assign")

    def release(self) -> None:
        self._do("release")

    def acted(self, action: Action, now: Instant) -> None:
        assert now >= 0
        self.on_action(action)

    def accepted(self, received: Received, advertisement: Advertisement) -> None:
        assert received.source == advertisement.source
        self.log.append("accepted")

    def ignored(self, verdict: Ignored) -> None:
        self.log.append(f"ignored {verdict.reason.name}")

    def failed(self, error: EdgeError) -> None:
        self.log.append(error.message)


def router(world: World, settings: RouterSettings) -> tuple[VirtualRouter, AdvertReceiver]:
    frames = FrameSet(
        advertisements=tuple(
            Outgoing(priority=priority, destination=GROUP_IPV4, data=b"")
            for priority in {0, settings.priority}
        ),
        announcements=(b"frame",),
    )
    receiver = AdvertReceiver(world, world.failed)
    edges = RouterEdges(
        wire=world,  # type: ignore[arg-type]
        receiver=receiver,
        addresses=world,
        announcer=world,
        watcher=world,
    )
    made = VirtualRouter(
        settings=settings, announce=ANNOUNCE, frames=frames, edges=edges, now=lambda: world.now
    )
    return made, receiver


def arrived(payload: bytes) -> Received:
    return Received(payload=payload, source=wire.THEIRS, destination=GROUP_IPV4, ttl=255)


def in_loop(work: Callable[[], None]) -> None:
    async def scenario() -> None:
        work()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(scenario())


def test_the_order_of_becoming_and_ceasing_to_be_master() -> None:
    world = World()

    def work() -> None:
        made, _ = router(world, wire.settings(priority=255))
        made.feed(Startup())
        made.feed(Shutdown())
        made.stop_timer()

    in_loop(work)
    assert world.log == ["send 255", "assign", "announce", "send 0", "release"]


def test_the_addresses_of_an_earlier_life_are_taken_off_at_the_start() -> None:
    world = World()

    def work() -> None:
        made, _ = router(world, wire.settings())
        made.feed(Startup())
        made.stop_timer()

    in_loop(work)
    assert world.log == ["release"]


def test_what_the_system_refuses_keeps_nothing_else_from_being_done() -> None:
    world = World(broken={"send 255", "assign", "send 0"})

    def work() -> None:
        made, _ = router(world, wire.settings(priority=255))
        made.feed(Startup())
        made.feed(Demote())
        made.stop_timer()
        assert isinstance(made.state, Backup)

    in_loop(work)
    assert world.log == [
        "send 255",
        "send 255 failed",
        "assign",
        "announce",
        "assign failed",
        "send 0",
        "send 0 failed",
        "release",
    ]


def test_what_arrived_before_a_deadline_counts_before_it() -> None:
    """A process that was stopped finds both a full socket and a deadline that has passed."""
    world = World()

    def work() -> None:
        made, _ = router(world, wire.settings())
        made.feed(Startup())
        world.now = Instant(world.now + 60 * SECOND)
        world.arriving = [arrived(wire.v3(priority=200))]
        made._on_time(world.now)
        made.stop_timer()
        assert isinstance(made.state, Backup)

    in_loop(work)
    assert world.log == ["release", "accepted"]


def test_messages_find_their_router_or_are_counted() -> None:
    world = World()

    def work() -> None:
        made, receiver = router(world, wire.settings())
        made.feed(Startup())
        world.arriving = [
            arrived(wire.v3(vrid=52)),
            arrived(b""),
            arrived(wire.v2()),
            arrived(wire.v3()[:-1]),
            arrived(wire.v3()),
        ]
        receiver.read()
        made.stop_timer()
        assert receiver.strangers == {52: 1, None: 1}
        assert made.ignored == {IgnoredReason.VERSION: 1, IgnoredReason.LENGTH: 1}

    in_loop(work)
    assert world.log == ["release", "ignored VERSION", "ignored LENGTH", "accepted"]


def test_the_deadline_makes_a_master_in_real_time() -> None:
    async def scenario() -> float:
        world = World()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        world.now = Instant(round(begun * SECOND))
        became: asyncio.Future[None] = loop.create_future()

        def look(action: Action) -> None:
            if isinstance(action, BecameMaster):
                became.set_result(None)

        world.on_action = look
        made, _ = router(world, wire.settings(interval_ns=10 * MILLISECOND))
        made.feed(Startup())
        async with asyncio.timeout(60):
            await became
        made.stop_timer()
        assert isinstance(made.state, Master)
        return loop.time() - begun

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(scenario()) >= 0.036


def test_the_agent_s_process_never_loads_scapy() -> None:
    """It would cost as much memory as all the rest."""
    code = (
        "import sys, hafailover.system.router_process\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in"
        " {'scapy', 'pyroute2'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
