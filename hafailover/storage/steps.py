"""What can be asked of the host: one storage step, as a value, with how its success is seen.

The exit status is never the proof: after every step the host is observed again, and the observation counts.
"""

from dataclasses import dataclass
from enum import Enum

from hafailover.units import Nanoseconds


class FileTask(Enum):
    """What the agent does itself, in a worker process, to an image or to its own files."""

    CLEAR_TAIL = "zero the last sector of the image and fsync it"
    WRITE_MARKER = "write the agent's marker into the last sector of the image and fsync it"
    SYNC_IMAGE = "fsync the image"
    PREPARE_EXPORT = "make the session's path and its exports file"
    REMOVE_EXPORT = "remove the session's path and its exports file"
    GUARD_MOUNT_POINT = "make the bare mount point unwritable"
    KILL_USERS = "end the processes that use the mount point"
    APPEND_MARK = "append a line to the drill's file in the volume and fsync it"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStep:
    """One command line.

    Attributes:
        verb: Short name for the journal, ``gmirror label``.
        argv: Program by its bare name first; the runner's fixed PATH finds it.
        deadline: After so long it is abandoned, never waited for.
        destroys: Whether it can destroy data or acknowledge waiting writes if it hits the wrong thing.
        seen_by: How its success is seen, in words.
        accepts: Exit statuses that are not worth a note; success is still only what is seen.
        unit: md or ggate unit it acts on, which is not used again while the child lives; -1 = none.
        listens_at: ``ADDRESS:PORT`` where it must take connections once it has exited with 0; empty = nowhere.
    """

    verb: str
    argv: tuple[str, ...]
    deadline: Nanoseconds
    destroys: bool
    seen_by: str
    volume: str = ""
    accepts: tuple[int, ...] = (0,)
    unit: int = -1
    listens_at: str = ""

    @property
    def is_check(self) -> bool:
        """Whether it checks a file system, which can take hours."""
        return self.argv[0] == "fsck_ffs"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStep:
    """One piece of work on files; ``arguments`` are (name, text) pairs as the worker knows them."""

    task: FileTask
    path: str
    deadline: Nanoseconds
    volume: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    destroys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStep:
    """End a process group (ggated: parent and children share one) or a single process."""

    process_group: int
    pid: int
    """0 when the whole group is meant; otherwise only this process, and ``process_group`` is 0."""
    signal: str
    """``TERM`` or ``KILL``."""
    what: str
    volume: str = ""
    deadline: Nanoseconds = Nanoseconds(1_000_000_000)


Step = CommandStep | FileStep | SignalStep

_UNSEEN_TASKS = frozenset(
    {
        FileTask.SYNC_IMAGE,
        FileTask.PREPARE_EXPORT,
        FileTask.REMOVE_EXPORT,
        FileTask.GUARD_MOUNT_POINT,
        FileTask.KILL_USERS,
        FileTask.APPEND_MARK,
    }
)


def shows(step: Step) -> bool:
    """Whether an observation can look different after ``step``: if not, none is waited for.

    What these steps did is known by their own answer (an fsync, an fsck) or shows in the step that follows.
    """
    match step:
        case FileStep(task=task):
            return task not in _UNSEEN_TASKS
        case CommandStep():
            return not step.is_check
        case SignalStep():
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """What came back from a step.

    ``status`` is the exit status, negative for a signal, None when it never ended within its deadline. ``stdout`` and
    ``stderr`` are the last 4 KiB of each, decoded with replacement.
    """

    status: int | None
    stdout: str = ""
    stderr: str = ""
    took_ns: int = 0
    problem: str = ""
    """Why it could not be run or was abandoned: program missing, deadline, worker lost."""

    @property
    def timed_out(self) -> bool:
        """Whether it was abandoned at its deadline."""
        return self.status is None


@dataclass(frozen=True, slots=True)
class Next:
    """The planner's answer: do this one step, for this reason."""

    step: Step
    reason: str


@dataclass(frozen=True, slots=True)
class Reached:
    """The goal is what is seen."""


@dataclass(frozen=True, slots=True)
class Look:
    """Nothing can be decided before more is seen; ``openers_of`` asks fstat(1) about these images."""

    reason: str
    openers_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Something takes its time (a rebuild, a taste); look again soon."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A decision not to act, with its reason as a sentence a human can act on."""

    reason: str


Plan = Next | Reached | Look | Wait | Refused
