"""What the commands that set a node up have in common: no agent beside them, and what they show."""

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import click

from hafailover.runtime.settings import NodeSettings
from hafailover.setup.facts import SetupFacts
from hafailover.setup.plan import Plan
from hafailover.setup.steps import SetupStep
from hafailover.system.agent_lock import AgentLock
from hafailover.system.host import boot_id
from hafailover.system.setup_looks import look, run_command
from hafailover.system.setup_run import Step, carry_out, steps_of
from hafailover.system.setup_work import SetupWork

_WIPE: Final = "\r\x1b[K"
_GIGABYTE: Final = 1 << 30


class Locked:
    """Work on this node, under the agent's own lock for as long as it lasts."""

    def __init__(self, settings: NodeSettings) -> None:
        """Take the lock.

        Raises:
            SecondAgentError: The agent runs.
        """
        self._lock = AgentLock(settings.paths.run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()


class Setup(Locked):
    """A setup of this node."""

    def __init__(self, settings: NodeSettings) -> None:
        """Take the lock.

        Raises:
            SecondAgentError: The agent runs.
        """
        super().__init__(settings)
        self._settings = settings
        self._work = SetupWork(settings, run_command, boot_id(os.environ), show_progress)

    def look(self) -> SetupFacts:
        """Look at this host."""
        return look(self._settings, run_command)

    def steps(self, plan_of: Callable[[SetupFacts], Plan]) -> tuple[SetupStep, ...]:
        """Return what is left to do."""
        return steps_of(plan_of(self.look()))

    def carry_out(self, plan_of: Callable[[SetupFacts], Plan]) -> None:
        """Do it."""
        carry_out(self.look, plan_of, self._work, tell)


def tell(step: Step) -> None:
    """Say what is done now."""
    click.echo(f"- {step.text}")


def show_progress(done: int, whole: int) -> None:
    """Show on a terminal how far a large file is."""
    if sys.stderr.isatty() and whole >= _GIGABYTE and done % (64 << 20) == 0:
        end = "" if done + (64 << 20) < whole else _WIPE
        click.echo(f"{_WIPE}  {100 * done // whole} %{end}", nl=False, err=True)
