"""Which edge runs a storage step: a command, work on files, or a signal?"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from hafailover.group.events import Event, StepFinished
from hafailover.storage.steps import CommandStep, FileStep, FileTask, SignalStep, Step, StepOutcome
from hafailover.system.child import Child, Ended
from hafailover.system.file_tasks import run_file_step
from hafailover.system.listening import listens
from hafailover.system.runner import Runner
from hafailover.system.worker import Worker

_SIGNALS: Final[Mapping[str, signal.Signals]] = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
_UNITS: Final[Mapping[str, str]] = {"mdconfig": "md", "ggatec": "ggate"}
"""Which kind of unit a program acts on."""


class StepPort:
    """Runs the storage steps of all groups; each is answered by ``StepFinished``."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: Runner,
        worker_for: Callable[[str, str], Worker],
        feed: Callable[[str, Event], None],
    ) -> None:
        """Make the port; ``worker_for`` gives the worker of a (group, volume)."""
        self._loop = loop
        self._runner = runner
        self._worker_for = worker_for
        self._feed = feed
        self._tasks: set[asyncio.Task[None]] = set()
        self._children: dict[tuple[str, int], Child] = {}
        """Commands that have not been answered for, by (group, step)."""

    def run(self, group: str, step_id: int, step: Step) -> None:
        """Start the step."""
        match step:
            case CommandStep():
                self._run_command(group, step_id, step)
            case FileStep():
                self._begin(self._run_file(group, step_id, step))
            case SignalStep():
                self._loop.call_soon(self._answer, group, step_id, send_signal(step))

    def cut_short(self, group: str, step_id: int) -> None:
        """Kill the command of a step, which is answered at once then; nothing, if it has been answered."""
        # Later, as every answer: whoever asks for this is in the middle of a step of the core.
        self._loop.call_soon(self._cut_short, (group, step_id))

    def _cut_short(self, key: tuple[str, int]) -> None:
        child = self._children.get(key)
        if child is not None:
            child.cut_short()

    def _run_command(self, group: str, step_id: int, step: CommandStep) -> None:
        kind = _UNITS.get(step.argv[0], "")

        def done(ended: Ended) -> None:
            self._children.pop((group, step_id), None)
            outcome = outcome_of(ended)
            if step.listens_at and outcome.status == 0:
                self._begin(self._answer_listening(group, step_id, step, outcome))
            else:
                self._answer(group, step_id, outcome)

        child = self._runner.start(
            step.argv,
            deadline=step.deadline,
            done=done,
            unit=f"{kind}{step.unit}" if kind and step.unit >= 0 else "",
        )
        if child is not None:
            self._children[group, step_id] = child

    async def _answer_listening(
        self, group: str, step_id: int, step: CommandStep, outcome: StepOutcome
    ) -> None:
        """Answer for a program that exits 0 before it listens."""
        address, _, port = step.listens_at.rpartition(":")
        if not await listens(address, int(port)):
            words = f"{step.argv[0]} exited 0, but nothing listens at {step.listens_at}"
            outcome = replace(outcome, status=1, stderr=f"{words}; the reason is in syslog")
        self._answer(group, step_id, outcome)

    async def _run_file(self, group: str, step_id: int, step: FileStep) -> None:
        # A mark can hang with the volume; whoever ends the volume's users must not wait behind it.
        is_mark = step.task is FileTask.APPEND_MARK
        worker = self._worker_for(group, f"{step.volume} marks" if is_mark else step.volume)
        self._answer(group, step_id, await run_file_step(worker, step))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _answer(self, group: str, step_id: int, outcome: StepOutcome) -> None:
        self._feed(group, StepFinished(id=step_id, outcome=outcome))


def outcome_of(ended: Ended) -> StepOutcome:
    """Tell what came back from a child as the outcome of a step."""
    return StepOutcome(
        status=ended.status,
        stdout=ended.stdout.decode(errors="replace"),
        stderr=ended.stderr.decode(errors="replace"),
        took_ns=ended.took_ns,
        problem=ended.problem,
    )


def send_signal(step: SignalStep) -> StepOutcome:
    """Send a signal to a process group or a process; one that is gone is no failure."""
    number = _SIGNALS[step.signal]
    if step.process_group in (0, 1, os.getpgrp()) and step.pid in (0, 1, os.getpid()):
        return StepOutcome(status=1, problem=f"refused: {step.what} is this agent, or init")
    try:
        if step.pid:
            os.kill(step.pid, number)
        else:
            os.killpg(step.process_group, number)
    except ProcessLookupError:
        return StepOutcome(status=0, stdout="already gone")
    except PermissionError as error:
        return StepOutcome(status=1, stderr=error.strerror or "")
    return StepOutcome(status=0)
