"""Keeps the process that shows the state over HTTP running, and never waits for it.

The agent starts it, holds its standard input, and looks now and then whether it is still there. It asks nothing of the
agent but one subscription; when it fails it is started again, each time later.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Final

from hafailover.runtime.settings import NodeSettings
from hafailover.system.python_child import python_environment
from hafailover.system.spawning import spawn

_MODULE: Final = "hafailover.web.server"
_LOOK_S: Final = 1.0
_RETRY_S: Final = 2.0
_RETRY_LIMIT_S: Final = 300.0
_STEADY_S: Final = 60.0
"""After so long it counts as working, and the next failure is retried soon."""


class StatusServer:
    """One child process, if the configuration names an address and a port."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, settings: NodeSettings, say: Callable[[str], None]
    ) -> None:
        """Start nothing yet."""
        self._loop = loop
        self._settings = settings
        self._say = say
        self._pid = 0
        self._leash = -1
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it running."""
        if self._settings.metrics.port:
            self._task = self._loop.create_task(self._keep())

    def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
        self._let_go()
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = 0

    async def _keep(self) -> None:
        wait_s = _RETRY_S
        while True:
            began = self._loop.time()
            try:
                self._spawn()
            except OSError as error:
                self._say(f"status over HTTP: {error.strerror or error}")
            while self._pid and not self._has_ended():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(_LOOK_S)
            wait_s = _RETRY_S if self._loop.time() - began > _STEADY_S else wait_s * 2
            wait_s = min(wait_s, _RETRY_LIMIT_S)
            self._say(f"status over HTTP has ended; it is started again in {wait_s:.0f} s")
            await asyncio.sleep(wait_s)

    def _spawn(self) -> None:
        paths, metrics = self._settings.paths, self._settings.metrics
        words = (str(paths.control_socket), str(paths.journal), metrics.address, str(metrics.port))
        argv = (sys.executable, "-m", _MODULE, *words)
        read, self._leash = os.pipe()
        try:
            actions = [(os.POSIX_SPAWN_DUP2, read, 0), (os.POSIX_SPAWN_CLOSE, 1)]
            self._pid = spawn(sys.executable, argv, python_environment(os.environ), actions)
        finally:
            os.close(read)

    def _has_ended(self) -> bool:
        try:
            pid, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pid = self._pid
        if pid:
            self._pid = 0
            self._let_go()
        return bool(pid)

    def _let_go(self) -> None:
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1
