"""A setup from its first look to its last step, each step chosen from a fresh look."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from hafailover.errors import EX_REFUSED, EdgeError
from hafailover.setup.facts import SetupFacts
from hafailover.setup.plan import Plan
from hafailover.setup.refusals import Refused
from hafailover.setup.steps import SetupStep
from hafailover.system.setup_work import SetupWork

TRIES: Final = 5
"""A device node may appear a moment after the command that makes it."""
_PAUSE_S: Final = 0.2


class SetupRefusedError(EdgeError):
    """What is there is not to be touched, or not enough."""

    exit_status = EX_REFUSED


def steps_of(plan: Plan) -> tuple[SetupStep, ...]:
    """Return the steps of a plan.

    Raises:
        SetupRefusedError: It has none, with the reason.
    """
    if isinstance(plan, Refused):
        raise SetupRefusedError(plan.text, hint=plan.remedy)
    return plan


def carry_out(
    look: Callable[[], SetupFacts],
    plan_of: Callable[[SetupFacts], Plan],
    work: SetupWork,
    tell: Callable[[SetupStep], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Do step after step until none is left.

    Raises:
        SetupRefusedError: Something was found in between that is not to be touched.
        EdgeError: A step failed, or had no effect.
    """
    tries: Counter[SetupStep] = Counter()
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
