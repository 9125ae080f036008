"""Which of the things that asyncio has nobody to tell of are the end of the agent?

All are, being mistakes of ours, but for one: a listener for which the host has no descriptor or no memory left. asyncio
tries again a second later, and whoever wants to be let in waits as long.
"""

import asyncio
import errno
from collections.abc import Callable, Mapping
from typing import Any, Final

SAY_AGAIN_S: Final = 60.0
_SHORTAGES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPTING: Final = "socket.accept() out of system resource"


class LoopErrors:
    """Takes what the loop reports; for ``set_exception_handler``."""

    def __init__(
        self, say: Callable[[str], None], fail: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """Say what passes, now and then, by ``say``; give everything else to ``fail``."""
        self._say = say
        self._fail = fail
        self._silent_until = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """Take one report."""
        if not _passes(context):
            self._fail(context)
        elif loop.time() >= self._silent_until:
            self._silent_until = loop.time() + SAY_AGAIN_S
            shortage: OSError = context["exception"]
            self._say(f"a connection has to wait: {shortage.strerror}")


def _passes(context: Mapping[str, Any]) -> bool:
    error = context.get("exception")
    is_shortage = isinstance(error, OSError) and error.errno in _SHORTAGES
    return is_shortage and context.get("message") == _ACCEPTING
