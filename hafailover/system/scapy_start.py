"""Starts the child that runs scapy (``scapy_child``), as early as can be.

It imports for as long as the rest of the agent takes to be there: who starts an agent starts the child first.
Nothing is imported here without need.
"""

import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

from hafailover.errors import EdgeError
from hafailover.system.python_child import python_environment
from hafailover.system.spawning import spawn

CHILD: Final = "hafailover.system.scapy_child"


class ScapyProcessError(EdgeError):
    """The child process that builds frames did not do so."""


class ScapyStart:
    """One child that gets ready; started as every child of a real-time process has to be (``spawning``)."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            ScapyProcessError: It cannot be started.
        """
        self.socket, theirs = socket.socketpair()
        """Takes questions, gives answers."""
        self.errors, write = os.pipe()
        """What it complains of; whoever reads it closes it."""
        self._is_there = True
        try:
            self.pid = spawn(
                sys.executable,
                (sys.executable, "-m", CHILD),
                python_environment(os.environ),
                [
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
            )
            """Its process, and its process group."""
        except OSError as error:
            self.socket.close()
            os.close(self.errors)
            raise ScapyProcessError(f"{sys.executable} cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(write)

    def kill(self) -> None:
        """Let it end, wherever it is."""
        self.socket.close()
        if self._is_there:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def is_reaped(self) -> bool:
        """Return whether it is gone, and nothing of it left."""
        if self._is_there:
            self._is_there = os.waitpid(self.pid, os.WNOHANG)[0] == 0
        return not self._is_there

    def give_up(self) -> None:
        """End one that was never asked; whoever asks ends it. The caller ends, too, and with it what is open."""
        self.kill()
        if self._is_there:
            os.waitpid(self.pid, 0)
            self._is_there = False
