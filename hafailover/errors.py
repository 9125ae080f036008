"""What can fail at the edges of this program, and with which exit status does it end then?

Expected refusals are values, programming errors are assertions; what stands here are operating
failures. Exit statuses follow sysexits(3). A message says what was tried, what came back and, as
``hint``, what to do.
"""

from pathlib import Path
from typing import ClassVar, Final

EX_REFUSED: Final = 1
EX_UNAVAILABLE: Final = 69
EX_SOFTWARE: Final = 70
EX_OSERR: Final = 71
EX_IOERR: Final = 74
EX_TEMPFAIL: Final = 75
EX_PROTOCOL: Final = 76
EX_NOPERM: Final = 77
EX_CONFIG: Final = 78


class HaFailoverError(Exception):
    """Anything that a command of hafailover can end with, on purpose."""

    exit_status: ClassVar[int] = EX_SOFTWARE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnusableConfigurationError(HaFailoverError):
    """The configuration is well-formed, and yet this host cannot run it."""

    exit_status = EX_CONFIG


class WrongHostError(HaFailoverError):
    """This host is not one that the asked-for work can be done on."""

    exit_status = EX_UNAVAILABLE


class EdgeError(HaFailoverError):
    """Something outside this program did not do what was asked of it."""

    exit_status = EX_OSERR


class KeyFileError(EdgeError):
    """The pre-shared key of the peer channel is missing, too short, or readable by others."""

    exit_status = EX_CONFIG

    def __init__(self, path: Path, problem: str, *, hint: str) -> None:
        super().__init__(f"{path}: {problem}", hint=hint)
        self.path = path


class StoreError(EdgeError):
    """A file of the agent's own could not be read or written."""

    exit_status = EX_IOERR

    def __init__(self, path: Path, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {problem}", hint=hint)
        self.path = path


class AddressError(EdgeError):
    """A socket could not be bound to what the configuration names."""

    def __init__(self, endpoint: str, problem: str) -> None:
        super().__init__(
            f"cannot listen on {endpoint}: {problem}",
            hint="is the address on an interface of this host, and the port free?",
        )


class NotPermittedError(EdgeError):
    """The operating system refuses for want of privilege."""

    exit_status = EX_NOPERM

    def __init__(self, operation: str) -> None:
        super().__init__(f"not permitted: {operation}", hint="run it as root")


class ControlError(HaFailoverError):
    """The conversation between the command line and the running agent failed."""

    exit_status = EX_UNAVAILABLE


class AgentNotRunningError(ControlError):
    """Nobody answers at the control socket."""

    def __init__(self, socket: Path) -> None:
        super().__init__(f"no agent answers at {socket}", hint="start it: service hafailover start")
        self.socket = socket


class VersionMismatchError(ControlError):
    """The running agent speaks another version of the control protocol."""

    exit_status = EX_PROTOCOL

    def __init__(self, ours: int, theirs: object) -> None:
        super().__init__(
            f"this command speaks version {ours} of the control protocol, the agent {theirs}",
            hint="restart the agent after an upgrade: service hafailover restart",
        )


class RequestRefusedError(ControlError):
    """The agent understood the order and said no."""

    exit_status = EX_REFUSED


class ControlTimeoutError(ControlError):
    """The agent took the order and did not answer in time."""

    exit_status = EX_TEMPFAIL
