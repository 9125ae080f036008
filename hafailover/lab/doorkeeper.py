"""Who stays outside while a lab runs in a place of its own, and passes on that it shall end?

unshare(1) waits for the lab's first process with SIGINT and SIGTERM blocked, and the first process of a
namespace hears of no signal that it has no handler for (pid_namespaces(7)). So neither kill(1) nor timeout(1)
would end a lab. The doorkeeper passes each signal on as the one that a lab ends upon in order: SIGINT.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SI_KERNEL: Final = 0x80
"""Who sent it is the kernel, for the terminal (sigaction(2)): then everybody in the foreground has got it."""


def attend(words: Sequence[str]) -> int:
    """Run a command line of ``unshare --fork`` until it ends; return its exit status as a shell counts it.

    Should the doorkeeper be killed, the kernel kills the command too.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, *_ENDING))
    sys.stdout.flush()
    argv = ("setpriv", "--pdeathsig", "KILL", *words)
    # What a shell starts with "&" ignores SIGINT, and would be deaf inside.
    pid = os.posix_spawnp(argv[0], argv, os.environ, setsigmask=(), setsigdef=_ENDING)
    while True:
        heard = signal.sigwaitinfo((signal.SIGCHLD, *_ENDING))
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code
        if heard.si_signo == signal.SIGINT and heard.si_code == _SI_KERNEL:
            continue
        if heard.si_signo in _ENDING:
            _end(pid)


def _end(pid: int) -> None:
    """Have the first process inside end in order; before it is there, simply end."""
    inside = ""
    with suppress(OSError):
        inside = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    with suppress(ProcessLookupError):
        for each in inside.split():
            os.kill(int(each), signal.SIGINT)
        if not inside:
            os.kill(pid, signal.SIGKILL)
