"""What is a core to the runtime: three pure functions and the settings they work on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from hafailover.group.actions import Action
from hafailover.group.events import Event
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
