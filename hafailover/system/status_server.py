"""Keeps the process that shows the state over HTTP running, and never waits for it.

The agent starts it, holds its standard input, and looks now and then whether it is still there. It asks nothing of the
agent but one subscription; when it fails it is started again, each time later. Its standard error is read here and
is not the agent's own, which daemon(8) reads to its end before it starts the next agent.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from hafailover.runtime.settings import NodeSettings
from hafailover.system.child import Tail
from hafailover.system.python_child import python_environment
from hafailover.system.spawning import spawn

_MODULE: Final = "hafailover.web.server"
_LOOK_S: Final = 1.0
_RETRY_S: Final = 2.0
_RETRY_LIMIT_S: Final = 300.0
_STEADY_S: Final = 60.0
"""After so long it counts as working, and the next failure is retried soon."""
_WORDS_MAX: Final = 1000
_REAP_S: Final = 0.2
_REAP_LOOK_S: Final = 0.005


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
        self._leash: Tail | None = None
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
            self._reap()

    def _reap(self) -> None:
        """Wait for a child that was killed, but not for one that waits inside the kernel."""
        end = time.monotonic() + _REAP_S
        while not self._has_ended() and time.monotonic() < end:
            time.sleep(_REAP_LOOK_S)

    async def _keep(self) -> None:
        wait_s = _RETRY_S
        while True:
            began = self._loop.time()
            said = await self._live()
            wait_s = _RETRY_S if self._loop.time() - began > _STEADY_S else wait_s * 2
            wait_s = min(wait_s, _RETRY_LIMIT_S)
            why = f": {said}" if said else ""
            self._say(f"status over HTTP has ended; it is started again in {wait_s:.0f} s{why}")
            await asyncio.sleep(wait_s)

    async def _live(self) -> str:
        """Start it; returns its last words when it has ended, or why it did not start."""
        try:
            self._spawn()
        except OSError as error:
            self._let_go()
            return error.strerror or str(error)
        while not self._has_ended():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK_S)
        return self._let_go()

    def _spawn(self) -> None:
        paths, metrics = self._settings.paths, self._settings.metrics
        words = (str(paths.control_socket), str(paths.journal), metrics.address, str(metrics.port))
        argv = (sys.executable, "-m", _MODULE, *words)
        ours, theirs = socket.socketpair()
        self._leash = Tail(self._loop, ours.detach(), _WORDS_MAX)
        with theirs:
            actions = [
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                (os.POSIX_SPAWN_CLOSE, 1),
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 2),
            ]
            self._pid = spawn(sys.executable, argv, python_environment(os.environ), actions)

    def _has_ended(self) -> bool:
        try:
            pid, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pid = self._pid
        if pid:
            self._pid = 0
        return bool(pid)

    def _let_go(self) -> str:
        """Close its standard input, at which it ends; returns what it said last."""
        leash, self._leash = self._leash, None
        return leash.close().decode(errors="replace").strip() if leash is not None else ""
