"""The agent's memory is locked, and that costs little."""

import os
import platform
import re
import resource
import subprocess
import sys

import pytest

from hafailover.system import memory_lock
from hafailover.system.memory_lock import WHOLE, lock_memory, lock_pages

MEGABYTES_MAX = 50
PROGRAM = """
import os, resource, sys, threading
import hafailover.config.load, hafailover.system.agent
from hafailover.system.memory_lock import keep_stacks_small, lock_memory, lock_pages
from hafailover.system.writer_thread import LineWriter
keep_stacks_small()
writers = [LineWriter(name, 2) for name in ("log", "journal", "watchdog")]
print(lock_pages(int(sys.argv[1])) if sys.argv[1:] else lock_memory())
writers.append(LineWriter("later", 2))
with open("/proc/self/status") as status:
    print(status.read())
"""


def _locked(*flags: str) -> tuple[str, dict[str, int]]:
    """Run a process of the agent's size; return what it says, and its sizes in kilobytes."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *flags],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    said, status = done.stdout.split("\n", 1)
    return said, {name: int(size) for name, size in re.findall(r"(\w+):\s+(\d+) kB", status)}


def _pretend_freebsd(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return what mlockall(2) will be asked for on a host that calls itself FreeBSD."""
    asked: list[int] = []

    def lock(flags: int) -> str:
        asked.append(flags)
        return ""

    monkeypatch.setattr(memory_lock, "lock_pages", lock)
    monkeypatch.setattr(platform, "system", lambda: "FreeBSD")
    return asked


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's /proc")  # noqa: PTH110
@pytest.mark.parametrize("flags", [(), (str(WHOLE),)], ids=["here", "as on FreeBSD"])
def test_what_is_locked_is_little(flags: tuple[str, ...]) -> None:
    said, sizes = _locked(*flags)
    assert sizes["VmRSS"] < MEGABYTES_MAX * 1024
    if os.geteuid() == 0:
        assert said == "" or "RLIMIT_MEMLOCK cannot be raised" in said
        assert sizes["VmLck"] > 0
    else:
        assert said != ""


def test_under_a_limit_nothing_that_comes_later_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    asked = _pretend_freebsd(monkeypatch)
    assert lock_memory() == (
        "what comes later is not locked, RLIMIT_MEMLOCK cannot be raised: "
        "not allowed to raise maximum limit"
    )
    assert asked == [1]


def test_without_a_limit_everything_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    asked = _pretend_freebsd(monkeypatch)
    assert (lock_memory(), asked) == ("", [WHOLE])


def test_a_refusal_of_the_kernel_is_told() -> None:
    # No flags at all is an error everywhere.
    assert lock_pages(0) == "mlockall: Invalid argument"
