"""A setup from its first look to its last step, each step chosen from a fresh look."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

from hafailover.errors import EX_REFUSED, EdgeError
from hafailover.setup.refusals import Refused

TRIES: Final = 5
"""A device node may appear a moment after the command that makes it."""
_PAUSE_S: Final = 0.2

Facts = TypeVar("Facts")
StepT = TypeVar("StepT", bound="Step")
StepT_contra = TypeVar("StepT_contra", contravariant=True)


class Step(Protocol):
    """One step of any plan."""

    @property
    def text(self) -> str:
        """What it does, for people."""


class Work(Protocol[StepT_contra]):
    """Does steps on this host."""

    def do(self, step: StepT_contra, /) -> str:
        """Do one step; returns what a command said, for the case that nothing came of it."""


class SetupRefusedError(EdgeError):
    """What is there is not to be touched, or not enough."""

    exit_status = EX_REFUSED


class SteppedWork(ABC, Generic[StepT]):
    """What all work of this kind has in common: an error of the system's names the step."""

    def do(self, step: StepT) -> str:
        """Do one step; returns what a command said, for the case that nothing came of it.

        Raises:
            EdgeError: It failed.
        """
        try:
            return self._do(step)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise EdgeError(f"{step.text}: {where}{error.strerror}") from error

    @abstractmethod
    def _do(self, step: StepT) -> str:
        """Do it."""


def steps_of(plan: tuple[StepT, ...] | Refused) -> tuple[StepT, ...]:
    """Return the steps of a plan.

    Raises:
        SetupRefusedError: It has none, with the reason.
    """
    if isinstance(plan, Refused):
        raise SetupRefusedError(plan.text, hint=plan.remedy)
    return plan


def carry_out(
    look: Callable[[], Facts],
    plan_of: Callable[[Facts], tuple[StepT, ...] | Refused],
    work: Work[StepT],
    tell: Callable[[StepT], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Do step after step until none is left.

    Raises:
        SetupRefusedError: Something was found in between that is not to be touched.
        EdgeError: A step failed, or had no effect.
    """
    tries: Counter[StepT] = Counter()
    while steps := steps_of(plan_of(look())):
        step = steps[0]
        if tries[step]:
            sleep(_PAUSE_S)
        else:
            tell(step)
        tries[step] += 1
        said = work.do(step)
        if tries[step] >= TRIES:
            raise EdgeError(f"{step.text}: it has no effect{': ' if said else ''}{said}")
