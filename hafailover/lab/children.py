"""How does the first process of a node run others, and bury those it never started?

Everything orphaned in the node becomes its child. asyncio's own subprocesses would compete with
that for the exit statuses, so one reaper collects them all.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Children:
    """The processes of the node that are waited for."""

    def __init__(self) -> None:
        """Take over SIGCHLD of the running event loop."""
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def start(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        output: IO[bytes],
        error: IO[bytes] | None = None,
    ) -> tuple[int, asyncio.Future[int]]:
        """Start a process in a session of its own; return its pid and its exit status to come.

        A status above 128 is 128 plus the number of the signal that ended it.

        Raises:
            OSError: the program cannot be started.
        """
        process = subprocess.Popen(
            list(arguments),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output if error is None else error,
            start_new_session=True,
        )
        end: asyncio.Future[int] = self._loop.create_future()
        self._ends[process.pid] = end
        # The reaper collects it; without this the object would complain that nobody did.
        process.returncode = 0
        return process.pid, end

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            end = self._ends.pop(pid, None)
            if end is not None and not end.done():
                code = os.waitstatus_to_exitcode(status)
                end.set_result(code if code >= 0 else 128 - code)
