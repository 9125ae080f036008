"""Is this the only agent on this host?"""

import fcntl
import os
from pathlib import Path

from hafailover.errors import EX_TEMPFAIL, EdgeError, StoreError


class SecondAgentError(EdgeError):
    """Another agent of the same configuration is running."""

    exit_status = EX_TEMPFAIL


class AgentLock:
    """A lock that the kernel gives back when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            SecondAgentError: Another agent has it.
            StoreError: The directory cannot be used.
        """
        path = directory / "agent.lock"
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(path, error.strerror or str(error)) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._descriptor, 32).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise SecondAgentError(
                f"another agent is running (pid {owner}): it holds {path}",
                hint="stop it first: service hafailover stop",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)
