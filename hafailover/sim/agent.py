"""One simulated agent: the real core, with its ports made of values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafailover.group import actions as ask
from hafailover.group import events as happened
from hafailover.group import machine
from hafailover.sim import looking
from hafailover.sim.network import LAN, NETWORKS
from hafailover.storage.steps import CommandStep, FileStep, FileTask, SignalStep, Step, StepOutcome
from hafailover.storage.tail import ZERO_SECTOR, encode_marker
from hafailover.units import MILLISECOND, SECOND, Instant, Nanoseconds
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.settings import Family, Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.emulation.effects import CommandFinished
    from hafailover.group.report import GroupReport
    from hafailover.group.settings import GroupSettings
    from hafailover.lineage.record import LineageRecord
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

_RECORD_NS = 3 * MILLISECOND
_FILE_NS = 2 * MILLISECOND
_SIGNAL_NS = MILLISECOND
_ADDRESS_NS = 4 * MILLISECOND
_SERVICE_NS = 20 * MILLISECOND


class Agent:
    """One life of one agent for one group."""

    def __init__(self, world: World, host: Host, settings: GroupSettings) -> None:
        self.world = world
        self.host = host
        self.settings = settings
        self.state = machine.initial(settings)
        self.is_alive = True
        self.host_life = host.life
        self.is_stopped = False
        self._wake_at: int | None = None
        self._canaries: dict[str, int] = {}
        self._syncs: dict[str, int] = {}
        self._watch = 0

    @property
    def is_usable(self) -> bool:
        """Whether this very life of the agent still runs."""
        return self.is_alive and self.host.is_on and self.host.life == self.host_life

    def start(self) -> None:
        """Begin, with the records as they are on disk."""
        store = self.world.records[self.host.name]
        dice = self.world.timeline.dice
        self.feed(
            happened.Started(
                boot=f"{self.host.name}-boot{self.host_life}",
                incarnation=f"{dice.getrandbits(48):012x}",
                entropy=f"{dice.getrandbits(64):016x}",
                records=tuple(
                    (volume.name, store[volume.name]) for volume in self.settings.volumes
                ),
                pause_until_wall=self.world.pauses.get(self.host.name),
            )
        )

    def kill(self) -> None:
        """Kill -9: nothing is undone, the kernel keeps what it has."""
        self.is_alive = False

    def feed(self, event: happened.Event) -> None:
        """Give the core one event and perform what comes out, in order."""
        if not self.is_usable:
            return
        if self.host.is_frozen:
            self.host.when_thawed(lambda: self.feed(event))
            return
        now = Instant(self.host.now)
        result = machine.step(self.state, event, now, self.settings)
        self.state = result.state
        self.world.stepped(self, event, result.actions)
        for action in result.actions:
            self._perform(action)
        self._arm()

    def after(self, span_ns: int, event: Callable[[], happened.Event]) -> None:
        """Give the core an event a little later, if this life still runs then."""
        self.world.timeline.after(span_ns, lambda: self.feed(event()))

    def _arm(self) -> None:
        due = machine.deadline(self.state, self.settings)
        if due is None or (
            self._wake_at is not None and self._wake_at <= due and self._wake_at > self.host.now
        ):
            return
        when = max(due, self.host.now + 10_000)
        self._wake_at = when

        def wake() -> None:
            if not self.is_usable or self._wake_at != when:
                return
            self._wake_at = None
            if self.host.is_frozen:
                self.host.when_thawed(lambda: self._woken(when))
            else:
                self._woken(when)

        self.world.timeline.at(when, wake)

    def _woken(self, when: int) -> None:
        late = self.host.now - when
        if late > 100 * MILLISECOND:
            self.feed(happened.LatenessSeen(late_ns=late))
        self.feed(happened.DeadlineReached())
        self._arm()

    def _perform(self, action: ask.Action) -> None:
        match action:
            case ask.SendAdvertisement(family=family, priority=priority):
                self._advertise(family, priority)
            case ask.AssignAddresses(id=number):
                self._later_step(number, _ADDRESS_NS, self._assign)
            case ask.ReleaseAddresses(id=number):
                self._later_step(number, _ADDRESS_NS, self.host.virtual.clear)
            case ask.Observe():
                looking.look(self, action)
            case ask.RunStep(id=number, step=step):
                self._run_step(number, step)
            case ask.WriteRecords(id=number, records=records):
                self.world.timeline.after(_RECORD_NS, lambda: self._write(number, records))
            case ask.SendReport(report=report):
                self._send(report)
            case ask.Probe(id=number):
                self._probe(number)
            case ask.WatchCanary(volume=volume, is_on=is_on):
                self._watch_volume(volume, is_on=is_on)
            case ask.WatchImage(volume=volume, image=image, is_on=is_on):
                self._watch_image(volume, image, is_on=is_on)
            case ask.RunService(id=number, verb=verb):
                self._service(number, verb)
            case ask.PersistPause(until_wall=until):
                self.world.pauses[self.host.name] = until
            case ask.ResetHost():
                self.world.reset(self.host)
            case ask.Stop():
                self.is_stopped = True
                self.is_alive = False
            case (
                ask.Reply()
                | ask.Note()
                | ask.RaiseAlert()
                | ask.ResolveAlert()
                | ask.AnnounceAddresses()
            ):
                self.world.said(self, action)
            case ask.AskArbiter():
                raise AssertionError(action)

    def _assign(self) -> None:
        self.host.virtual = {str(address) for address in self.settings.addresses}

    def _later_step(self, number: int, span_ns: int, act: Callable[[], None]) -> None:
        def done() -> None:
            if self.is_usable:
                act()
                self.feed(happened.StepFinished(id=number, outcome=StepOutcome(status=0)))

        self.world.timeline.after(span_ns, done)

    def _advertise(self, family: int, priority: int) -> None:
        router = next(each for each in self.settings.routers if each.family == family)
        advertisement = Advertisement(
            version=Version(router.version),
            vrid=router.vrid,
            priority=priority,
            interval_ns=router.interval_ns,
            addresses=router.addresses,
            source=router.primary_address,
            destination=router.multicast_group,
        )
        peer = self.world.other(self.host)
        if not self.host.link_up:
            return

        def arrive() -> None:
            if peer.agent is not None and peer.link_up:
                peer.agent.feed(
                    happened.AdvertisementAccepted(
                        family=Family(family), advertisement=advertisement
                    )
                )

        self.world.network.datagram(LAN, self.host.name, peer.name, arrive)

    def _send(self, report: GroupReport) -> None:
        peer = self.world.other(self.host)
        for network in NETWORKS:

            def arrive(network: str = network) -> None:
                if peer.agent is not None:
                    peer.agent.feed(happened.ReportReceived(network=network, report=report))

            self.world.network.datagram(network, self.host.name, peer.name, arrive)

    def _write(self, number: int, records: tuple[tuple[str, LineageRecord], ...]) -> None:
        if not self.is_usable:
            return
        problem = self.world.record_problem.get(self.host.name, "")
        if not problem:
            self.world.records[self.host.name].update(records)
        self.feed(happened.RecordsWritten(id=number, problem=problem))

    def _probe(self, number: int) -> None:
        peer = self.world.other(self.host)
        network = self.world.network
        found = tuple(
            each
            for each in NETWORKS
            if peer.answers and network.is_open_both_ways(each, self.host.name, peer.name)
        )
        gateway = self.world.gateway
        targets = None
        if gateway is not None:
            targets = int(
                network.is_open_both_ways(LAN, self.host.name, gateway) and self.host.link_up
            )
        span = 5 * MILLISECOND if found and targets != 0 else 300 * MILLISECOND
        self.after(
            span, lambda: happened.ProbeFinished(id=number, peer_host=found, targets=targets)
        )

    def _service(self, number: int, verb: ask.ServiceVerb) -> None:
        def done() -> None:
            if self.is_usable:
                self.world.workload.service(self.host, verb)
                self.feed(happened.ServiceFinished(id=number, outcome=StepOutcome(status=0)))

        self.world.timeline.after(_SERVICE_NS, done)

    def _watch_volume(self, volume: str, *, is_on: bool) -> None:
        self._watch += 1
        if not is_on:
            self._canaries.pop(volume, None)
            return
        token = self._canaries[volume] = self._watch
        settings = next(each for each in self.settings.volumes if each.name == volume)
        period: Nanoseconds = self.settings.timers.canary_period

        def write() -> None:
            if self.is_usable and self._canaries.get(volume) == token:
                self.world.workload.write_canary(self.host, settings, written)

        def written(error: int) -> None:
            if not self.is_usable or self._canaries.get(volume) != token:
                return
            self.feed(
                happened.CanaryWritten(volume=volume, problem=f"error {error}" if error else "")
            )
            self.world.timeline.after(period, write)

        self.world.timeline.after(period, write)

    def _watch_image(self, volume: str, image: str, *, is_on: bool) -> None:
        self._watch += 1
        if not is_on:
            self._syncs.pop(volume, None)
            return
        token = self._syncs[volume] = self._watch

        def sync() -> None:
            if not self.is_usable or self._syncs.get(volume) != token:
                return
            if not self.host.is_frozen:
                problem = looking.sync(self.host, image)
                self.feed(happened.ImageSynced(volume=volume, problem=problem))
            self.world.timeline.after(SECOND, sync)

        self.world.timeline.after(SECOND, sync)

    def _run_step(self, number: int, step: Step) -> None:
        self.world.step_began(self, step)
        match step:
            case CommandStep(argv=argv, deadline=deadline):
                self._run_command(number, argv, deadline)
            case FileStep():
                self._later(number, _FILE_NS, lambda: self._file(step))
            case SignalStep():
                self._later(number, _SIGNAL_NS, lambda: self._signal(step))

    def _run_command(self, number: int, argv: tuple[str, ...], deadline: int) -> None:
        answered = [False]
        since = self.host.now

        def finish(outcome: StepOutcome) -> None:
            if not answered[0]:
                answered[0] = True
                self.feed(happened.StepFinished(id=number, outcome=outcome))

        def done(effect: CommandFinished) -> None:
            finish(
                StepOutcome(
                    status=effect.status,
                    stdout=effect.stdout,
                    stderr=effect.stderr,
                    took_ns=self.host.now - since,
                )
            )

        if self.host.run(argv, done):
            late = StepOutcome(
                status=None, problem="did not end within its deadline", took_ns=deadline
            )
            self.world.timeline.after(deadline, lambda: finish(late))

    def _later(self, number: int, span_ns: int, act: Callable[[], str]) -> None:
        def done() -> None:
            if self.is_usable:
                problem = act()
                outcome = (
                    StepOutcome(status=1, problem=problem) if problem else StepOutcome(status=0)
                )
                self.feed(happened.StepFinished(id=number, outcome=outcome))

        self.world.timeline.after(span_ns, done)

    def _file(self, step: FileStep) -> str:
        arguments = dict(step.arguments)
        match step.task:
            case FileTask.CLEAR_TAIL:
                return self.host.write_tail(step.path, ZERO_SECTOR)
            case FileTask.WRITE_MARKER:
                return self.host.write_tail(step.path, encode_marker(arguments["close_id"]))
            case FileTask.SYNC_IMAGE:
                return looking.sync(self.host, step.path)
            case FileTask.PREPARE_EXPORT:
                session = arguments["session"]
                path = f"{arguments['directory']}/{session}/{arguments['name']}"
                self.host.sessions[session] = (step.path, path, arguments["client"])
                return ""
            case FileTask.KILL_USERS:
                self.world.workload.kill(self.host)
                return ""
            case FileTask.REMOVE_EXPORT | FileTask.GUARD_MOUNT_POINT:
                return ""

    def _signal(self, step: SignalStep) -> str:
        self.host.signal(step.pid or step.process_group)
        return ""

    def order(self, kind: happened.OrderKind, **options: bool | int | str) -> None:
        """Give an operator's order."""
        base = happened.OperatorAsked(id=self.world.next_order(), kind=kind)
        self.feed(replace(base, **options))  # type: ignore[arg-type]
