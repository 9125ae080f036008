"""What does a kernel want done, or has it done? Its effects, drained by ``Kernel.effects``."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFinished:
    """A command ended; ``status`` is its exit status, negative if a signal ended it."""

    ticket: int
    status: int
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRequested:
    """A program that is a process of its own; answer with ``Kernel.finish``."""

    ticket: int
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDone:
    """The request submitted with ``tag`` was answered; ``error`` 0 or FreeBSD's number."""

    tag: int
    error: int
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWork:
    """Somebody should call ``gate_fetch`` for this unit (new work, or its end)."""

    unit: int


class FilesystemVerb(Enum):
    """What the keeper of a file system's contents is asked to do."""

    START = "start"
    STOP = "stop"
    FORMAT = "format"
    CHECK = "check"
    GROW = "grow"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesystemWork:
    """Work on a file system's contents; answer with ``Kernel.filesystem_done(work, error)``.

    ``device`` is the handle for ``Kernel.submit``. A STOP without ``force`` may answer EBUSY.
    """

    work: int
    verb: FilesystemVerb
    device: int
    name: str
    size: int
    directory: str = ""
    readonly: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelMessage:
    """A line of the kernel's message buffer (dmesg)."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The host resets itself now, without syncing (reboot -nq, or an expired watchdog)."""

    reason: str


Effect = (
    CommandFinished
    | ProgramRequested
    | BlockDone
    | GateWork
    | FilesystemWork
    | KernelMessage
    | Reset
)
