"""What is a core to the runtime: three pure functions and the settings they work on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hafailover.group import machine
from hafailover.group.actions import Action
from hafailover.group.events import Event
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState
from hafailover.units import Instant, Nanoseconds

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Core(Generic[State]):
    """One group's machine, bound to its settings.

    Attributes:
        state_type: The type of its state, by which the journal writes and reads it.
        initial: The state before the first event.
        step: From state, event and now to the next state and the actions in order.
        deadline: When ``DeadlineReached`` is due, derived from the state.
        lateness: How late the loop may be before the group is told (design letter s).
    """

    state_type: type[State]
    initial: State
    step: Callable[[State, Event, Instant], tuple[State, tuple[Action, ...]]]
    deadline: Callable[[State], Instant | None]
    lateness: Nanoseconds


def core_of(settings: GroupSettings) -> Core[GroupState]:
    """Return the machine of one group, bound to its settings."""

    def step(
        state: GroupState, event: Event, now: Instant
    ) -> tuple[GroupState, tuple[Action, ...]]:
        return machine.step(state, event, now, settings)

    return Core(
        state_type=GroupState,
        initial=machine.initial(settings),
        step=step,
        deadline=lambda state: machine.deadline(state, settings),
        lateness=settings.timers.lateness,
    )
