"""Which boot of which host is this, and how is it reset?"""

import asyncio
import itertools
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from hafailover.errors import EdgeError
from hafailover.system.runner import Runner
from hafailover.units import seconds

BOOT_VARIABLE: Final = "HAFAILOVER_BOOT_ID"
"""Names the boot where the kernel's word would be that of another host: in the lab."""
_LINUX_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_DUMP: Final = re.compile(r"Dump:0x([0-9a-f]{32})")
_BOOT_TIME: Final = re.compile(r"sec = (\d+), usec = (\d+)")
_ASK_S: Final = 5.0
_RESETS: Final = (("reboot", "-nq"), ("sysctl", "debug.kdb.panic=1"))
"""Tried in turn. Up to FreeBSD 14.0 reboot(8), with -n too, has every mirror mark its components on the way down, and
waits with it for a ggate that is stuck (g_mirror.c): the host runs on until that gives up. A panic waits for nobody.
"""
_RESET_DEADLINE: Final = seconds(3)
_RETRY_S: Final = 1.0


def boot_id(environment: Mapping[str, str]) -> str:
    """Return a word that is the same for one boot of this host, and no other.

    FreeBSD: ``kern.boot_id``, 16 random bytes drawn once in each boot, which sysctl(8) shows as a
    dump; where it is missing, ``kern.boottime``, which a correction of the clock can move: then a
    copy counts as unclean once too often, never once too little.

    Raises:
        EdgeError: The host does not say.
    """
    given = environment.get(BOOT_VARIABLE)
    if given:
        return given
    if platform.system() == "Linux":
        return _LINUX_BOOT_ID.read_text().strip()
    if found := _DUMP.search(_sysctl("-x", "kern.boot_id")):
        return found[1]
    if found := _BOOT_TIME.search(_sysctl("-n", "kern.boottime")):
        return f"{found[1]}.{found[2]}"
    raise EdgeError("this host says neither kern.boot_id nor kern.boottime")


def _sysctl(*words: str) -> str:
    """Ask sysctl(8), at start only: this one waits."""
    try:
        done = subprocess.run(
            ("/sbin/sysctl", *words),
            capture_output=True,
            check=False,
            text=True,
            timeout=_ASK_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


class HostPort:
    """Resets the host, and ends the agent when every group has said that it may."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: Runner,
        groups: frozenset[str],
        *,
        say: Callable[[str], None],
        alarm: Callable[[str, str], None],
        finished: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._runner = runner
        self._waiting = set(groups)
        self._say = say
        self._alarm = alarm
        self._finished = finished
        self._is_resetting = False
        self._resets = itertools.cycle(_RESETS)

    def reset(self, group: str, reason: str) -> None:
        """Reset the host now: ``reboot -nq`` syncs nothing and tells nobody (reboot(8))."""
        self._say(f"{group}: the host is reset: {reason}")
        if not self._is_resetting:
            self._alarm(group, f"the host is reset: {reason}")
            self._is_resetting = True
            argv = next(self._resets)
            self._runner.start(
                argv, deadline=_RESET_DEADLINE, done=lambda _: self._not_reset(" ".join(argv))
            )

    def wait_for(self, group: str) -> None:
        """Wait anew for a group that was ready to leave everything up, and has to stop in order now."""
        self._waiting.add(group)

    def stop(self, group: str) -> None:
        """Take note that the group has nothing left to do."""
        self._waiting.discard(group)
        if not self._waiting:
            self._finished()

    def _not_reset(self, how: str) -> None:
        # Whoever reads this is still there: the command came back, or hangs, and the host runs on.
        self._say(f"{how} had no effect, the host still runs; it is tried in another way")
        self._loop.call_later(_RETRY_S, self._try_again)

    def _try_again(self) -> None:
        self._is_resetting = False
        self.reset("host", "the try before had no effect")


def is_freebsd() -> bool:
    """Whether this is the system that the data groups are made for."""
    return platform.system() == "FreeBSD"


def user_is_root() -> bool:
    """Whether this process may do everything."""
    return os.geteuid() == 0
