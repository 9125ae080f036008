"""What would this node do now, step by step, if every step did what it is for?

The core itself is asked: it is fed the order, and each of its actions is answered as a world without
trouble would answer it. The peer goes on saying what it said last, or falls silent. Nothing is run, and
nothing is promised: the agent looks again after every step, and may find something else.
"""

from collections import deque
from dataclasses import dataclass, replace
from enum import Enum

from hafailover.arbiter.answers import Answer, Applied, IsOff, IsOn, Standing
from hafailover.arbiter.requests import (
    ChangeStanding,
    PowerOff,
    PowerOn,
    Purpose,
    ReadStanding,
    Request,
)
from hafailover.group import actions as ask
from hafailover.group import events as happened
from hafailover.group import machine
from hafailover.group.peer_view import PeerView
from hafailover.group.report import Role
from hafailover.group.settings import ArbiterKind, GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.work import describe
from hafailover.storage import outlook
from hafailover.storage.facts import StorageFacts
from hafailover.storage.steps import CommandStep, StepOutcome
from hafailover.units import SECOND, Instant

_ORDER = 1_000_000_000
_EVENTS_MAX = 5_000
_SPAN_MAX = 120 * SECOND


class Goal(Enum):
    """What is planned towards."""

    PRIMARY = "primary"
    SECONDARY = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One thing that would be done.

    ``kind`` is ``command``, ``work``, ``records``, ``service``, ``address`` or ``arbiter``.
    """

    kind: str
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What would be done, and what stands against it.

    Attributes:
        refusal: Why the order would be refused as things stand; empty if it would be taken.
        steps: What would be done in order; with a refusal, what would be done if ``imagined`` were so.
        imagined: What is taken for true beyond what is seen, in words.
        stopped_at: Why the plan does not reach its goal; empty if it does.
    """

    goal: Goal
    refusal: str
    steps: tuple[Foreseen, ...]
    imagined: str = ""
    stopped_at: str = ""


def foresee(state: GroupState, settings: GroupSettings, now: Instant, goal: Goal) -> Foresight:
    """Return what ``goal`` would take, on what is known at ``now``."""
    if goal is Goal.PRIMARY and state.role is Role.PRIMARY:
        return Foresight(goal=goal, refusal="", steps=(), stopped_at="")
    if goal is Goal.SECONDARY and state.role is Role.STANDBY:
        return Foresight(goal=goal, refusal="", steps=(), stopped_at="")
    kind = happened.OrderKind.PROMOTE if goal is Goal.PRIMARY else happened.OrderKind.SWITCHOVER
    world = _World(state, settings, now)
    world.order(happened.OperatorAsked(id=_ORDER, kind=kind))
    if not world.refusal:
        return world.outcome(goal)
    refusal = world.refusal
    if goal is Goal.SECONDARY:
        world = _World(state, settings, now)
        imagined = "the agent were stopped: it lets go without a successor"
        world.order(happened.ShutdownAsked())
    else:
        world = _World(_left_alone(state), settings, now)
        imagined = f"{settings.peer} were off, and nothing else were different"
        if settings.arbiter in (ArbiterKind.ETCD, ArbiterKind.FENCE):
            imagined = (
                f"{settings.peer} were off, the arbiter granted it, and nothing else were different"
            )
            world.wait()
            return replace(world.outcome(goal), refusal=refusal, imagined=imagined)
        world.order(
            happened.OperatorAsked(id=_ORDER, kind=happened.OrderKind.PROMOTE, peer_is_off=True)
        )
    found = world.outcome(goal)
    return replace(
        found, refusal=refusal, imagined=imagined, stopped_at=world.refusal or found.stopped_at
    )


class _World:
    """A world in which everything goes well."""

    def __init__(self, state: GroupState, settings: GroupSettings, now: Instant) -> None:
        self._state = state
        self._settings = settings
        self._now = now
        self._begun = now
        self._facts = state.facts if state.facts is not None else StorageFacts(problem="not seen")
        self._volumes = {volume.name: volume for volume in settings.volumes}
        self._waiting: deque[happened.Event] = deque()
        self._steps: list[Foreseen] = []
        self.refusal = ""
        self._standing = state.grant.standing
        # What was under way in the real world is answered there; here it has just ended.
        for pending in (state.work, state.urgent, state.addressing):
            if pending is not None:
                self._finish(pending.id)
        if state.observing is not None:
            self._waiting.append(happened.StorageObserved(id=state.observing.id, facts=self._facts))
        if state.writing is not None:
            self._waiting.append(happened.RecordsWritten(id=state.writing.id))
        if state.service_call is not None:
            self._serve(state.service_call.id)
        if state.grant.asking and state.grant.request is not None:
            self._grant(state.grant.asking, state.grant.request)

    def order(self, event: happened.Event) -> None:
        """Give the order, and let everything happen that follows from it."""
        while self._waiting:
            self._feed(self._waiting.popleft())
        self._steps.clear()
        self._feed(event)
        for _ in range(_EVENTS_MAX):
            if self.refusal or self._is_there() or self._now - self._begun > _SPAN_MAX:
                return
            if self._waiting:
                self._feed(self._waiting.popleft())
            else:
                self._pass_time()

    def wait(self) -> None:
        """Let time pass without an order, until this node serves by itself."""
        for _ in range(_EVENTS_MAX):
            is_over = self._state.role is Role.PRIMARY and self._is_there()
            if is_over or self._now - self._begun > _SPAN_MAX:
                return
            if self._waiting:
                self._feed(self._waiting.popleft())
            else:
                self._pass_time()

    def outcome(self, goal: Goal) -> Foresight:
        """Return what was done in this world."""
        state = self._state
        role = Role.PRIMARY if goal is Goal.PRIMARY else Role.STANDBY
        is_reached = state.role is role or (goal is Goal.SECONDARY and state.role is Role.STOPPED)
        stopped_at = "" if is_reached else (state.refusal or state.why)
        return Foresight(goal=goal, refusal="", steps=tuple(self._steps), stopped_at=stopped_at)

    def _is_there(self) -> bool:
        state = self._state
        if self._waiting or state.work is not None:
            return False
        if state.role is Role.PRIMARY:
            return state.attempt is None and state.addressing is None and state.addresses_wanted
        return state.role in (Role.STANDBY, Role.STOPPED, Role.FENCED) and state.is_durable

    def _pass_time(self) -> None:
        due = machine.deadline(self._state, self._settings)
        now = max(Instant(self._now + 1), due if due is not None else self._now)
        self._state = _aged(self._state, now - self._now)
        self._now = now
        self._feed(happened.DeadlineReached())

    def _feed(self, event: happened.Event) -> None:
        self._state, actions = machine.step(self._state, event, self._now, self._settings)
        for action in actions:
            self._answer(action)

    def _answer(self, action: ask.Action) -> None:
        match action:
            case ask.RunStep(id=number, step=step, reason=reason):
                kind = "command" if isinstance(step, CommandStep) else "work"
                self._steps.append(Foreseen(kind=kind, what=describe(step), reason=reason))
                if step.volume in self._volumes:
                    self._facts = outlook.after(self._facts, step, self._volumes[step.volume])
                self._finish(number)
            case ask.Observe(id=number, openers_of=openers_of):
                asked = tuple((path, ()) for path in openers_of)
                seen = replace(self._facts, openers=asked)
                self._waiting.append(happened.StorageObserved(id=number, facts=seen))
            case ask.WriteRecords(id=number, records=records):
                said = ", ".join(f"{name} {record.copy.value}" for name, record in records)
                self._steps.append(
                    Foreseen(kind="records", what=said, reason="durable before what follows")
                )
                self._waiting.append(happened.RecordsWritten(id=number))
            case ask.AssignAddresses(id=number) | ask.ReleaseAddresses(id=number):
                self._move_addresses(number, is_up=isinstance(action, ask.AssignAddresses))
            case ask.RunService(id=number, service=service, verb=verb):
                self._steps.append(Foreseen(kind="service", what=self._argv(service, verb)))
                self._serve(number)
            case ask.Probe(id=number):
                targets = None if self._state.gateway_at is None else 1
                self._waiting.append(
                    happened.ProbeFinished(id=number, peer_host=(), targets=targets)
                )
            case ask.AskArbiter(id=number, request=request):
                self._grant(number, request)
            case ask.ArmWatchdog(id=number):
                self._waiting.append(happened.WatchdogArmed(id=number))
            case ask.Reply(accepted=accepted, text=text) if not accepted:
                self.refusal = text
            case _:
                pass  # What is only said, or starts what this world has no need of.

    def _finish(self, number: int) -> None:
        outcome = StepOutcome(status=0)
        self._waiting.append(happened.StepFinished(id=number, outcome=outcome))

    def _grant(self, number: int, request: Request) -> None:
        """Say yes to whatever the arbiter is asked; what a lost node held has run out."""
        answer: Answer
        match request:
            case ChangeStanding():
                self._standing = Standing(record=request.record_after, holder=request.holder_after)
                if request.purpose is not Purpose.RENEW:
                    self._ask_arbiter(f"etcd: {request.purpose.value}")
                answer = Applied(standing=self._standing, lease_ns=request.lease_s * SECOND)
            case PowerOff(node=node):
                self._ask_arbiter(f"fence device: power {node} off, and prove it")
                answer = IsOff()
            case PowerOn(node=node):
                self._ask_arbiter(f"fence device: power {node} on again")
                answer = IsOn()
            case ReadStanding():
                answer = Applied(standing=self._standing)
        self._waiting.append(happened.ArbiterAnswered(id=number, answer=answer))

    def _ask_arbiter(self, what: str) -> None:
        self._steps.append(
            Foreseen(kind="arbiter", what=what, reason="taken for granted here; it may refuse")
        )

    def _serve(self, number: int) -> None:
        outcome = StepOutcome(status=0)
        self._waiting.append(happened.ServiceFinished(id=number, outcome=outcome))

    def _move_addresses(self, number: int, *, is_up: bool) -> None:
        addresses = tuple(str(each) for each in self._settings.addresses)
        others = tuple(each for each in self._facts.addresses or () if each not in addresses)
        self._facts = replace(self._facts, addresses=(*others, *addresses) if is_up else others)
        verb = "put up" if is_up else "take down"
        what = f"{verb} {', '.join(addresses)} on {self._settings.interface}"
        self._steps.append(Foreseen(kind="address", what=what))
        self._finish(number)

    def _argv(self, service: str, verb: ask.ServiceVerb) -> str:
        settings = next(each for each in self._settings.services if each.name == service)
        argv = {
            ask.ServiceVerb.START: settings.start,
            ask.ServiceVerb.STOP: settings.stop,
            ask.ServiceVerb.CHECK: settings.check,
        }[verb]
        return " ".join(argv)


def _left_alone(state: GroupState) -> GroupState:
    """Return the state some time after the peer was lost: its grant has run out, and so have promises."""
    alone = replace(
        state.grant,
        standing=replace(state.grant.standing, holder=None),
        holder=None,
        promised_until=None,
    )
    return state.changed(
        {"peer": PeerView(report=state.peer.report), "pause": None, "grant": alone}
    )


def _aged(state: GroupState, span: int) -> GroupState:
    """Return the state a while later, in which everything that comes by itself has gone on coming."""
    peer = state.peer

    def moved(at: Instant | None) -> Instant | None:
        return None if at is None else Instant(at + span)

    fresh = replace(
        peer,
        heard=tuple(replace(each, at=Instant(each.at + span)) for each in peer.heard),
        life_at=moved(peer.life_at),
        heard_us_at=moved(peer.heard_us_at),
    )
    canaries = tuple((name, Instant(at + span)) for name, at in state.canaries)
    return state.changed({"peer": fresh, "canaries": canaries, "sent_at": moved(state.sent_at)})
