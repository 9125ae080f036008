"""A core of a few lines, and ports that write down what they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hafailover.group.actions import (
    Action,
    AnnounceAddresses,
    AssignAddresses,
    Note,
    SendAdvertisement,
)
from hafailover.group.events import (
    DeadlineReached,
    Event,
    LatenessSeen,
    LinkChanged,
    OperatorAsked,
    ShutdownAsked,
    Started,
)
from hafailover.runtime.core import Core
from hafailover.runtime.journal import Loss
from hafailover.runtime.ports import Ports
from hafailover.units import Instant, Nanoseconds

PERIOD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyState:
    count: int = 0
    due: Instant | None = None
    notes: tuple[str, ...] = ()


def toy_step(state: ToyState, event: Event, now: Instant) -> tuple[ToyState, tuple[Action, ...]]:
    match event:
        case Started():
            return replace(state, due=Instant(now + PERIOD)), (Note(text="started"),)
        case DeadlineReached():
            if state.due is None or now < state.due:
                return state, ()
            state = replace(state, count=state.count + 1, due=Instant(now + PERIOD))
            return state, (SendAdvertisement(family=4, priority=state.count),)
        case LatenessSeen(late_ns=late_ns):
            text = f"late {late_ns}"
            return replace(state, notes=(*state.notes, text)), (Note(text=text),)
        case OperatorAsked():
            return state, (AssignAddresses(id=1), AnnounceAddresses(), Note(text="asked"))
        case LinkChanged():
            return state, (Note(text=f"link at {state.count}"),)
        case ShutdownAsked():
            return replace(state, due=None), (SendAdvertisement(family=4, priority=0),)
        case _:
            return state, ()


def toy_core(lateness: int = 1000) -> Core[ToyState]:
    return Core(
        state_type=ToyState,
        initial=ToyState(),
        step=toy_step,
        deadline=lambda state: state.due,
        lateness=Nanoseconds(lateness),
    )


class RecordingPort:
    """Every method call of every port ends up in one list."""

    def __init__(self, world: "World", name: str) -> None:
        self._world = world
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., None]:
        def call(*arguments: object, **named: object) -> None:
            self._world.calls.append((f"{self._name}.{method}", *arguments, *named.values()))
            self._world.on_call(f"{self._name}.{method}")

        return call


class World:
    """A clock that is set by hand, an alarm that is looked at, and recorded calls."""

    def __init__(self) -> None:
        self.time = 0
        self.alarm: Instant | None = None
        self.calls: list[tuple[Any, ...]] = []
        self.on_call: Callable[[str], None] = lambda _name: None

    def now(self) -> Instant:
        return Instant(self.time)

    def set(self, instant: Instant | None) -> None:
        self.alarm = instant

    def ports(self) -> Ports:
        fields = Ports.__dataclass_fields__
        recording: dict[str, Any] = {name: RecordingPort(self, name) for name in fields}
        return Ports(**{**recording, "clock": self, "alarm": self})

    def take(self) -> list[tuple[Any, ...]]:
        taken, self.calls = self.calls, []
        return taken


class ListSink:
    """Keeps journal files as lists of lines; refuses or loses them when told to."""

    def __init__(self) -> None:
        self.files: list[list[bytes]] = [[]]
        self.refuses = False
        self.loses = False
        self.loss = Loss()
        self._has_gap = False

    def write(self, line: bytes) -> bool:
        if self.loses and not self._has_gap:
            self._has_gap = True
            self.loss = self.loss._replace(gaps=self.loss.gaps + 1)
        if self._has_gap:
            lines, size, gaps = self.loss
            self.loss = Loss(lines + 1, size + len(line), gaps)
        elif not self.refuses:
            self.files[-1].append(line)
        return not self.refuses

    def rotate(self) -> None:
        self.files.append([])

    def resume(self) -> None:
        self._has_gap = False
