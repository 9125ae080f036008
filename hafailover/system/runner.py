"""The only place where processes of the host are started.

A child gets an absolute path found in a fixed search path, a fixed environment, little or nothing
on standard input, a process group of its own, ordinary scheduling, a limit on what is kept of its
output, and a deadline. At the deadline its group is killed once and nobody waits for it: a child
inside the kernel (D state) ends when the kernel likes. It is remembered as stuck until it is
reaped.

Descriptors are not closed one by one: Python opens all of them close-on-exec (PEP 446), so that
posix_spawn(3), which copies no page table, suffices.
"""

import asyncio
import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from hafailover.system.child import Child, Ended, Output, StuckChild, Tail
from hafailover.system.output_file import FileTail, open_output
from hafailover.system.python_child import SEARCH_PATH
from hafailover.system.spawning import spawn
from hafailover.units import Nanoseconds

PATH_VARIABLE: Final = "HAFAILOVER_PATH"
"""What stands here in the agent's environment is searched first; the lab's emulated tools are."""
KEEP_BYTES: Final = 4096
GIVEN_BYTES_MAX: Final = 4096
"""A pipe holds so much even when the kernel is short of memory for pipes, so nobody waits."""
CHILDREN_MAX: Final = 256
"""More at once would mean that something is badly stuck: then nothing more is started."""


def search_path(environment: Mapping[str, str]) -> str:
    """Return where programs are looked for."""
    first = environment.get(PATH_VARIABLE, "")
    return f"{first}:{SEARCH_PATH}" if first else SEARCH_PATH


class Runner:
    """Starts children, reaps them, and remembers those that are stuck."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, path: str = SEARCH_PATH) -> None:
        self._loop = loop
        self._path = path
        self._children: dict[int, Child] = {}
        self._programs: dict[str, str] = {}
        self._environment = {"LC_ALL": "C", "PATH": path, "HOME": "/"}
        self.on_abandoned: Callable[[Child], None] = lambda _: None
        """Called for each child that is given up, after it was answered for."""
        loop.add_signal_handler(signal.SIGCHLD, self._reap)

    @property
    def stuck(self) -> tuple[StuckChild, ...]:
        """Children that were killed and have not ended, oldest first."""
        return tuple(
            StuckChild(pid=child.pid, argv=child.argv, since_ns=child.started_ns, unit=child.unit)
            for child in self._children.values()
            if child.is_abandoned
        )

    @property
    def running(self) -> int:
        """How many children there are, stuck ones included."""
        return len(self._children)

    def start(
        self,
        argv: Sequence[str],
        *,
        deadline: Nanoseconds,
        done: Callable[[Ended], None],
        keep: int = KEEP_BYTES,
        unit: str = "",
        given: bytes = b"",
        files: tuple[Path, Path] | None = None,
    ) -> Child | None:
        """Start ``argv``; ``done`` is called later, exactly once.

        Args:
            argv: Program first, by its bare name or an absolute path.
            deadline: After so long the child is killed, and answered for with status None.
            done: Called with the result, never from within this call.
            keep: So many bytes of each of its two outputs are kept, the last ones.
            unit: The md or ggate unit it acts on, shown while it is stuck.
            given: What it reads on its standard input, at most ``GIVEN_BYTES_MAX``.
            files: What it writes its two outputs to, for one that leaves a daemon behind; None = pipes.

        Returns:
            The child, or None if it could not be started.
        """

        def finished(child: Child, ended: Ended) -> None:
            done(ended)
            if child.is_abandoned:
                self.on_abandoned(child)

        program = self._find(argv[0])
        if program is None:
            problem = f"{argv[0]}: no such program in {self._path}"
        elif len(self._children) >= CHILDREN_MAX:
            problem = f"{argv[0]}: not started, {len(self._children)} children have not ended"
        else:
            try:
                pid, descriptors = _spawn(program, argv, self._environment, given, files)
            except OSError as error:
                problem = f"{argv[0]}: cannot be started: {error.strerror}"
                if error.errno == errno.ENOENT:
                    self._programs.pop(argv[0], None)
            else:
                child = Child(
                    self._loop,
                    pid=pid,
                    argv=tuple(argv),
                    outputs=self._outputs(descriptors, keep, are_pipes=files is None),
                    deadline_ns=deadline,
                    unit=unit,
                    done=finished,
                )
                self._children[pid] = child
                return child
        self._loop.call_soon(done, Ended(status=127, problem=problem))
        return None

    def has(self, program: str) -> bool:
        """Whether this host has a program of that name."""
        return self._find(program) is not None

    def close(self) -> None:
        """Kill every child that still runs, and reap no more."""
        for child in self._children.values():
            child.end()
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def _find(self, program: str) -> str | None:
        if program.startswith("/"):
            return program
        if program not in self._programs:
            for directory in self._path.split(":"):
                candidate = f"{directory}/{program}"
                if os.access(candidate, os.X_OK):
                    # Looked up once: the disk under it may hang when it matters.
                    self._programs[program] = candidate
                    break
        return self._programs.get(program)

    def _outputs(
        self, descriptors: tuple[int, int], keep: int, *, are_pipes: bool
    ) -> tuple[Output, Output]:
        stdout, stderr = descriptors
        if are_pipes:
            return Tail(self._loop, stdout, keep), Tail(self._loop, stderr, keep)
        return FileTail(stdout, keep), FileTail(stderr, keep)

    def _reap(self) -> None:
        for pid in tuple(self._children):
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                # Somebody else reaped it: its status is lost, that it ended is known.
                found, status = pid, 0xFF00
            if found:
                self._children.pop(pid).ended(os.waitstatus_to_exitcode(status))


def _spawn(
    program: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    given: bytes,
    files: tuple[Path, Path] | None,
) -> tuple[int, tuple[int, int]]:
    """Start a program; returns its pid, and where its two outputs are read."""
    with ExitStack() as ours, ExitStack() as theirs:
        out_read, out_write = _file(ours, files[0]) if files else _pipe(ours, theirs)
        err_read, err_write = _file(ours, files[1]) if files else _pipe(ours, theirs)
        stdin = _filled_pipe(given) if given else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        theirs.callback(os.close, stdin)
        pid = spawn(
            program,
            argv,
            environment,
            [
                (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_DUP2, out_write, 1),
                (os.POSIX_SPAWN_DUP2, err_write, 2),
            ],
        )
        # The program runs: whoever reads them closes them.
        ours.pop_all()
    return pid, (out_read, err_read)


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    """Make a pipe from the child to us, of which each end is closed with its stack."""
    read, write = os.pipe()
    ours.callback(os.close, read)
    theirs.callback(os.close, write)
    return read, write


def _file(ours: ExitStack, path: Path) -> tuple[int, int]:
    """Open a file for the child to write and for us to read, by the same descriptor, which is ours to close."""
    descriptor = open_output(path)
    ours.callback(os.close, descriptor)
    return descriptor, descriptor


def _filled_pipe(data: bytes) -> int:
    """Return the reading end of a pipe that holds ``data`` and then ends."""
    assert len(data) <= GIVEN_BYTES_MAX, len(data)  # noqa: S101
    read, write = os.pipe()
    try:
        os.write(write, data)
    except OSError:
        os.close(read)
        raise
    finally:
        os.close(write)
    return read
