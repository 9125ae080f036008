"""How does a simulated agent carry out one storage step on its simulated host?"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from hafailover.emulation.files import FileError
from hafailover.group.events import StepFinished
from hafailover.sim import looking
from hafailover.storage.steps import CommandStep, FileStep, FileTask, SignalStep, Step, StepOutcome
from hafailover.storage.tail import ZERO_SECTOR, encode_marker
from hafailover.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from hafailover.emulation.effects import CommandFinished
    from hafailover.sim.agent import Agent
    from hafailover.sim.host import Host


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way: its kernel's ticket, and what to call with its outcome."""

    ticket: int
    finish: Callable[[StepOutcome], None]


_FILE_NS = 2 * MILLISECOND
_SIGNAL_NS = MILLISECOND


def run_step(agent: Agent, number: int, step: Step) -> None:
    """Begin ``step``; the core hears of its end under ``number``, if this life of the agent still runs then.

    A command is a process of its own and goes on without its agent; work on files dies with it.
    """
    agent.world.step_began(agent, step)
    match step:
        case CommandStep():
            _command(agent, number, step)
        case FileStep(task=FileTask.APPEND_MARK):
            _mark(agent, number, step)
        case FileStep():
            _within(agent, number, step, _FILE_NS, lambda: _file(agent, step))
        case SignalStep():
            _within(agent, number, step, _SIGNAL_NS, lambda: _signal(agent, step))


def cut_short(agent: Agent, number: int) -> None:
    """Kill the command of a step; it is answered, though it may live on in the kernel."""
    running, host = agent.commands.get(number), agent.host
    if running is None or host.kernel is None:
        return
    host.kernel.kill(running.ticket, host.now)
    problem = StepOutcome(status=None, problem="was killed: its work is not wanted any more")
    agent.world.timeline.after(_SIGNAL_NS, lambda: running.finish(problem))


def _finish(agent: Agent, number: int, step: Step, outcome: StepOutcome) -> None:
    agent.world.step_ended(agent, step)
    agent.feed(StepFinished(id=number, outcome=outcome))


def _command(agent: Agent, number: int, step: CommandStep) -> None:
    is_answered = [False]
    since = agent.host.now

    def finish(outcome: StepOutcome) -> None:
        if not is_answered[0]:
            is_answered[0] = True
            agent.commands.pop(number, None)
            if agent.is_usable:
                _finish(agent, number, step, outcome)

    def done(effect: CommandFinished) -> None:
        finish(
            StepOutcome(
                status=effect.status,
                stdout=effect.stdout,
                stderr=effect.stderr,
                took_ns=agent.host.now - since,
            )
        )

    ticket = agent.host.run(step.argv, done)
    if ticket:
        agent.commands[number] = Running(ticket=ticket, finish=finish)
        problem = "did not end within its deadline"
        late = StepOutcome(status=None, problem=problem, took_ns=step.deadline)
        agent.world.timeline.after(step.deadline, lambda: finish(late))


def _mark(agent: Agent, number: int, step: FileStep) -> None:
    """Write and flush a block, as long as the disks take; the deadline abandons it."""
    is_answered = [False]

    def finish(outcome: StepOutcome) -> None:
        if not is_answered[0]:
            is_answered[0] = True
            if agent.is_usable:
                _finish(agent, number, step, outcome)

    volume = next(each for each in agent.settings.volumes if each.name == step.volume)
    agent.world.workload.write_canary(
        agent.host,
        volume,
        lambda error: finish(StepOutcome(status=error, stderr=f"error {error}" if error else "")),
    )
    late = StepOutcome(status=None, problem="did not end within its deadline")
    agent.world.timeline.after(step.deadline, lambda: finish(late))


def _within(agent: Agent, number: int, step: Step, span_ns: int, act: Callable[[], str]) -> None:
    def done() -> None:
        if not agent.is_usable:
            return
        if agent.host.is_frozen:
            agent.host.when_thawed(done)
            return
        problem = act()
        outcome = StepOutcome(status=1, problem=problem) if problem else StepOutcome(status=0)
        _finish(agent, number, step, outcome)

    agent.world.timeline.after(span_ns, done)


def _file(agent: Agent, step: FileStep) -> str:
    """Do a piece of work on files; return the problem, empty if none."""
    host = agent.host
    arguments = dict(step.arguments)
    match step.task:
        case FileTask.CLEAR_TAIL:
            return _replace_tail(host, step, ZERO_SECTOR)
        case FileTask.WRITE_MARKER:
            return _replace_tail(host, step, encode_marker(arguments["close_id"]))
        case FileTask.SYNC_IMAGE:
            return looking.sync(host, step.path)
        case FileTask.PREPARE_EXPORT:
            session = arguments["session"]
            path = f"{arguments['directory']}/{session}/{arguments['name']}"
            host.processes.sessions[session] = (step.path, path, arguments["client"])
            return ""
        case FileTask.KILL_USERS if host.stubbornness.keeps_users:
            return "the users did not end in time"
        case FileTask.KILL_USERS:
            agent.world.workload.kill(host)
            return ""
        case FileTask.REMOVE_EXPORT | FileTask.GUARD_MOUNT_POINT:
            return ""
        case FileTask.APPEND_MARK:
            raise AssertionError(step)  # It waits for the disk, and is not done at once.


def _replace_tail(host: Host, step: FileStep, sector: bytes) -> str:
    """Overwrite the last sector if it is still as the planner saw it."""
    expected = dict(step.arguments).get("expect", "")
    try:
        found = sha256(host.tail(step.path)).hexdigest()
    except FileError as error:
        return f"error {error.error}"
    if expected and found != expected:
        return "the last sector has changed since it was read"
    return host.write_tail(step.path, sector)


def _signal(agent: Agent, step: SignalStep) -> str:
    agent.host.processes.signal(step.pid or step.process_group)
    return ""
