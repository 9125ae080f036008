"""How does the world talk to one modelled host? The package's docstring shows it in use."""

from collections.abc import Callable
from dataclasses import dataclass

from hafailover.emulation.commands.programs import PROGRAMS
from hafailover.emulation.commands.result import Result
from hafailover.emulation.effects import BlockDone, CommandFinished, Effect, ProgramRequested
from hafailover.emulation.errors import ENXIO
from hafailover.emulation.faults import Fault, FaultKind
from hafailover.emulation.files import FileStore
from hafailover.emulation.gate import GateRequest, GateSpec
from hafailover.emulation.geom import Bio, BioCommand
from hafailover.emulation.machine import KernelConfig, Machine
from hafailover.emulation.tasks import Completion, Coroutine, Task
from hafailover.units import SECOND

KILLED = -9
"""Exit status of a command that a signal ended."""

_POLL_NS = SECOND // 10
"""How often a hanging command looks whether its fault has been cleared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRequest:
    """One request from outside, for instance from the keeper of a file system's contents."""

    command: BioCommand
    offset: int = 0
    length: int = 0
    data: bytes = b""
    tag: int


class Kernel:
    """One host between two boots. Every call takes the time and runs what can run then."""

    def __init__(self, config: KernelConfig, files: FileStore) -> None:
        self.machine = Machine(config, files)
        self._next_ticket = 0
        self._tasks: dict[int, Task] = {}
        self._programs: dict[int, Completion] = {}

    def execute(self, argv: tuple[str, ...], now: int) -> int:
        """Start a command; its ``CommandFinished`` names the returned ticket."""
        self.machine.scheduler.advance(now)
        self._next_ticket += 1
        ticket = self._next_ticket
        words = (argv[0].rpartition("/")[2], *argv[1:])
        task = self.machine.scheduler.spawn(" ".join(words), self._run(ticket, words))
        self._tasks[ticket] = task
        task.result.then(lambda result: self._ended(ticket, result))
        self.machine.scheduler.run()
        return ticket

    def finish(
        self, ticket: int, status: int, now: int, *, stdout: str = "", stderr: str = ""
    ) -> None:
        """Say how a program from ``ProgramRequested`` ended."""
        completion = self._programs.pop(ticket, None)
        if completion is not None:
            self._at(
                now, lambda: completion.finish(Result(status=status, stdout=stdout, stderr=stderr))
            )

    def kill(self, ticket: int, now: int) -> bool:
        """Send SIGKILL to a command; False if it sleeps in the kernel and so lives on."""
        self.machine.scheduler.advance(now)
        task = self._tasks.get(ticket)
        if task is None:
            return True
        if not task.interrupt():
            return False
        self._ended(ticket, Result(status=KILLED))
        return True

    def pending(self) -> dict[int, str]:
        """Return the commands that have not ended: ticket and command line."""
        return {ticket: task.name for ticket, task in self._tasks.items()}

    def tick(self, now: int) -> None:
        """Let the time become ``now``."""
        self.machine.scheduler.advance(now)

    def deadline(self) -> int | None:
        """Return when ``tick`` is needed next, or None."""
        return self.machine.scheduler.deadline()

    def effects(self) -> tuple[Effect, ...]:
        """Drain what the kernel wants done."""
        drained, self.machine.effects = self.machine.effects, []
        return tuple(drained)

    def open_device(self, name: str) -> int | None:
        """Return a handle for ``submit`` on ``/dev/NAME``, or None if there is none."""
        provider = self.machine.provider(name)
        return None if provider is None else self.machine.handle(provider)

    def submit(self, device: int, request: BlockRequest, now: int) -> None:
        """Send a request to a device; answered by ``BlockDone`` with its tag."""
        self.machine.scheduler.advance(now)
        provider = self.machine.handles[device]

        def done(error: int, data: bytes) -> None:
            self.machine.effects.append(BlockDone(tag=request.tag, error=error, data=data))
            if error == ENXIO and request.command is not BioCommand.READ:
                self.machine.mounts.device_failed(provider)

        length = len(request.data) if request.command is BioCommand.WRITE else request.length
        bio = Bio(request.command, request.offset, length, request.data, done)
        provider.request(bio, self.machine.scheduler.now)
        self.machine.scheduler.run()

    def filesystem_done(self, work: int, error: int, now: int) -> None:
        """Answer a ``FilesystemWork``: 0, or FreeBSD's error number."""
        self._at(now, lambda: self.machine.filesystem_done(work, error))

    def gate_create(self, spec: GateSpec, now: int) -> tuple[int, int]:
        """Create a ggate device for a connected ggatec: (0, unit) or (error, 0)."""
        self.machine.scheduler.advance(now)
        answer = self.machine.gates.create(spec)
        self.machine.scheduler.run()
        return answer

    def gate_fetch(self, unit: int, now: int) -> tuple[int, GateRequest | None]:
        """Return (0, request), (0, None) to wait for ``GateWork``, or (error, None)."""
        self.machine.scheduler.advance(now)
        return self.machine.gates.fetch(unit)

    def gate_answer(self, unit: int, seq: int, error: int, data: bytes, now: int) -> int:
        """Complete a fetched request."""
        self.machine.scheduler.advance(now)
        answer = self.machine.gates.answer(unit, seq, error, data)
        self.machine.scheduler.run()
        return answer

    def gate_cancel(self, unit: int, now: int) -> int:
        """Take back everything fetched, to be fetched again (a new connection, or a rescue)."""
        self.machine.scheduler.advance(now)
        return self.machine.gates.cancel(unit)

    def gate_leave(self, unit: int, now: int) -> None:
        """Say that the device's ggatec is gone; the device stays."""
        self.machine.scheduler.advance(now)
        self.machine.gates.leave(unit)

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force for the commands to come."""
        self.machine.faults.add(fault)

    def clear_faults(self, now: int) -> None:
        """End all faults; what hangs goes on."""
        self.machine.faults.clear()
        self.machine.scheduler.advance(now)

    def _at(self, now: int, act: Callable[[], None]) -> None:
        self.machine.scheduler.advance(now)
        act()
        self.machine.scheduler.run()

    def _run(self, ticket: int, argv: tuple[str, ...]) -> Coroutine[Result]:
        fault = self.machine.faults.take(argv)
        if fault is not None:
            yield from self._suffer(fault)
            if fault.kind is FaultKind.FAIL:
                return Result(status=fault.status, stdout=fault.stdout, stderr=fault.stderr)
        if _is_process(argv):
            completion = self._programs[ticket] = Completion(interruptible=True)
            self.machine.effects.append(ProgramRequested(ticket=ticket, argv=argv))
            result: Result = yield completion
            return result
        program = PROGRAMS.get(argv[0])
        if program is None:
            return Result(status=127, stderr=f"{argv[0]}: not found\n")
        return (yield from program(self.machine, argv))

    def _suffer(self, fault: Fault) -> Coroutine[None]:
        scheduler = self.machine.scheduler
        if fault.kind is FaultKind.HANG:
            while self.machine.faults.holds(fault):
                yield scheduler.sleep(_POLL_NS, interruptible=False)
        elif fault.delay_ns:
            yield scheduler.sleep(fault.delay_ns)

    def _ended(self, ticket: int, result: Result) -> None:
        if self._tasks.pop(ticket, None) is None:
            return
        self._programs.pop(ticket, None)
        self.machine.effects.append(
            CommandFinished(
                ticket=ticket, status=result.status, stdout=result.stdout, stderr=result.stderr
            )
        )


def _is_process(argv: tuple[str, ...]) -> bool:
    """Whether the program is a process of its own that only uses the kernel."""
    if argv[0] == "ggated":
        return True
    return argv[0] == "ggatec" and len(argv) > 1 and argv[1] in ("create", "rescue")
