"""One simulated agent: the real core, with its ports made of values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafailover.arbiter.requests import ChangeStanding, PowerOff, PowerOn, ReadStanding
from hafailover.group import actions as ask
from hafailover.group import events as happened
from hafailover.group import machine
from hafailover.sim import looking, stepping, wire
from hafailover.sim.watchdog import Patting
from hafailover.sim.watchers import Watchers
from hafailover.storage.steps import StepOutcome
from hafailover.units import MICROSECOND, MILLISECOND, SECOND, Instant

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.arbiter.answers import Answer
    from hafailover.arbiter.requests import Request
    from hafailover.group.settings import GroupSettings
    from hafailover.lineage.record import LineageRecord
    from hafailover.sim.host import Host
    from hafailover.sim.world import World

_RECORD_NS = 3 * MILLISECOND
_ADDRESS_NS = 4 * MILLISECOND
_SAVE_NS = 3 * SECOND
_LATE_NS = 100 * MILLISECOND
_SPIN_MAX = 50
"""So many wakes within one millisecond mean that the core asks to be woken without doing anything."""


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
        self._makes_way = False
        self.watchers = Watchers(self)
        self.lately: looking.Lately | None = None
        self.patting = Patting(self)
        self.commands: dict[int, stepping.Running] = {}
        """Storage commands that have not been answered for, by the id of their step."""
        self._wake_at: int | None = None
        self._wakes = (0, 0)
        """The millisecond of the last wake, and how many wakes there were in it."""

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
        now = Instant(self.host.clock)
        result = machine.step(self.state, event, now, self.settings)
        self.state = result.state
        self.world.stepped(self, event, result.actions)
        for action in result.actions:
            if self.is_usable:
                self._perform(action)
        self._arm()

    def after(self, span_ns: int, event: Callable[[], happened.Event]) -> None:
        """Give the core an event a little later, if this life still runs then."""
        self.world.timeline.after(span_ns, lambda: self.feed(event()))

    def order(self, kind: happened.OrderKind, **options: bool | int | str) -> None:
        """Give an operator's order."""
        base = happened.OperatorAsked(id=self.world.next_order(), kind=kind)
        self.feed(replace(base, **options))  # type: ignore[arg-type]

    def shut_down(self) -> None:
        """Ask the agent to stop in order."""
        self.feed(happened.ShutdownAsked(keep_running=False))

    def make_way(self) -> None:
        """Ask the agent to end and to leave everything up for its next life."""
        self._makes_way = True
        self.feed(happened.ShutdownAsked(keep_running=True))

    def _arm(self) -> None:
        if not self.is_usable:
            return
        due = machine.deadline(self.state, self.settings)
        if due is None:
            return
        now, due_at = self.host.now, self.host.when_clock_says(due)
        if self._wake_at is not None and now < self._wake_at <= due_at:
            return
        when = max(due_at, now + 10 * MICROSECOND)
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

    def wake(self) -> None:
        """What the clock says has changed: see what is due by it."""
        self.feed(happened.DeadlineReached())

    def _woken(self, when: int) -> None:
        now = self.host.now
        if now - when > _LATE_NS:
            self.feed(happened.LatenessSeen(late_ns=now - when))
        self._count_wake(now)
        self.feed(happened.DeadlineReached())

    def _count_wake(self, now: int) -> None:
        moment = now // MILLISECOND
        self._wakes = (moment, self._wakes[1] + 1 if self._wakes[0] == moment else 1)
        if self._wakes[1] == _SPIN_MAX:
            self.world.checker.spinning(self.host)
            self.is_alive = False

    def _perform(self, action: ask.Action) -> None:  # noqa: C901, PLR0912, PLR0915 - one flat table of all actions
        match action:
            case ask.SendAdvertisement():
                wire.advertise(self, action)
            case ask.SendReport(report=report):
                wire.send(self, report)
            case ask.Probe(id=number):
                wire.probe(self, number)
            case ask.AssignAddresses(id=number):
                self._change_addresses(number, {str(each) for each in self.settings.addresses})
            case ask.ReleaseAddresses(id=number):
                self._change_addresses(number, set())
            case ask.Observe():
                looking.look(self, action)
            case ask.RunStep(id=number, step=step):
                stepping.run_step(self, number, step)
            case ask.CutStepShort(id=number):
                stepping.cut_short(self, number)
            case ask.WriteRecords(id=number, records=records):
                self._write(number, records)
            case ask.WatchCanary():
                self.watchers.canary(action)
            case ask.WatchImage():
                self.watchers.image(action)
            case ask.RunService(id=number, verb=verb):
                self._service(number, verb)
            case ask.PersistPause(until_wall=until):
                self.world.pauses[self.host.name] = until
            case ask.SaveDifferences(id=number):
                self._later(_SAVE_NS, lambda: self._save(number))
            case ask.ResetHost():
                self.world.reset(self.host)
            case ask.Stop():
                self.is_stopped = True
                self.is_alive = False
                if self._makes_way:
                    self.world.comes_back(self.host)
            case (
                ask.Reply()
                | ask.Note()
                | ask.RaiseAlert()
                | ask.ResolveAlert()
                | ask.AnnounceAddresses()
            ):
                self.world.said(self, action)
            case ask.AskArbiter(id=number, request=request):
                self._ask(number, request)
            case ask.ArmWatchdog(id=number, pat_until=pat_until):
                self.patting.arm(number, pat_until)
            case ask.PatWatchdog(pat_until=pat_until):
                self.patting.allow(pat_until)
            case ask.DisarmWatchdog():
                self.patting.disarm()

    def _ask(self, number: int, request: Request) -> None:
        def give(answer: Answer) -> None:
            self.feed(happened.ArbiterAnswered(id=number, answer=answer))

        match request:
            case ReadStanding() | ChangeStanding():
                self.world.etcd.ask(self, request, give)
            case PowerOff() | PowerOn():
                self.world.fence.ask(self, request, give)

    def _change_addresses(self, number: int, addresses: set[str]) -> None:
        def done() -> None:
            if not self.is_usable:
                return
            stubbornness = self.host.stubbornness
            stays = stubbornness.keeps_addresses and not self.host.virtual <= addresses
            if stays or (stubbornness.gets_no_addresses and not addresses <= self.host.virtual):
                outcome = StepOutcome(status=1, stderr="ifconfig: ioctl: Operation not permitted")
            else:
                self.host.virtual = addresses
                outcome = StepOutcome(status=0)
            self.feed(happened.StepFinished(id=number, outcome=outcome))

        self._later(_ADDRESS_NS, done)

    def _write(self, number: int, records: tuple[tuple[str, LineageRecord], ...]) -> None:
        self.world.records_began(self)

        def done() -> None:
            if not self.is_usable:
                return
            problem = self.world.record_problem.get(self.host.name, "")
            if not problem:
                self.world.records[self.host.name].update(records)
            self.world.records_ended(self)
            self.feed(happened.RecordsWritten(id=number, problem=problem))

        self._later(_RECORD_NS, done)

    def _save(self, number: int) -> None:
        """Keep what only this node's copy holds; it takes the peer's agent to know what that is."""
        if not self.is_usable:
            return
        problem = self.world.compare_problem(self.host)
        if not problem:
            self.world.keep(self.host)
        self.feed(happened.DifferencesSaved(id=number, problem=problem, text="kept"))

    def _service(self, number: int, verb: ask.ServiceVerb) -> None:
        """Run a service's command. A start that takes long goes on though its agent is killed, as any process does."""
        slow_ns, host, life = self.host.stubbornness.service_ns, self.host, self.host.life
        outlives = slow_ns is not None and verb is ask.ServiceVerb.START

        def done() -> None:
            goes_on = outlives and host.is_on and host.life == life
            if not self.is_usable and not goes_on:
                return
            is_failing = self._fails(verb)
            if not is_failing:
                self.world.workload.service(host, verb)
            self.feed(
                happened.ServiceFinished(id=number, outcome=StepOutcome(status=int(is_failing)))
            )

        self._later(self.world.service_ns if slow_ns is None else slow_ns, done)

    def _fails(self, verb: ask.ServiceVerb) -> bool:
        match verb:
            case ask.ServiceVerb.CHECK:
                return self.host.name in self.world.failing
            case ask.ServiceVerb.START:
                return self.host.stubbornness.has_no_start
            case ask.ServiceVerb.STOP:
                return self.host.stubbornness.has_no_stop

    def _later(self, span_ns: int, act: Callable[[], None]) -> None:
        """Do something on this host in a while; on a frozen one not before it goes on."""

        def due() -> None:
            if self.host.is_frozen and self.is_usable:
                self.host.when_thawed(act)
            else:
                act()

        self.world.timeline.after(span_ns, due)
