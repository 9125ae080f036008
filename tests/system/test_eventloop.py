"""The loop that keeps advertisements on time."""

import asyncio
import os
import selectors
import subprocess
import sys

import pytest

from hafailover.system.eventloop import new_event_loop, run

PROGRAM = """
import os, subprocess, sys
from hafailover.system.eventloop import become_realtime, settle
import gc
settle()
granted = become_realtime()
child = "import os; print(os.sched_getscheduler(0))"
its = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip()
print(granted, os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO, its,
      gc.get_freeze_count() > 1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="epoll exists on Linux only")
def test_timers_are_not_rounded_to_milliseconds() -> None:
    loop = new_event_loop()
    try:
        assert isinstance(loop, asyncio.SelectorEventLoop)
        assert isinstance(loop._selector, selectors.SelectSelector)  # type: ignore[attr-defined]
    finally:
        loop.close()


def test_a_program_runs_to_its_result() -> None:
    async def program() -> str:
        await asyncio.sleep(0)
        return type(asyncio.get_running_loop()).__name__

    assert run(program()).endswith("EventLoop")


@pytest.mark.skipif(sys.platform != "linux", reason="SCHED_RESET_ON_FORK is Linux's")
def test_real_time_is_for_this_process_and_not_for_its_children() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    granted, is_fifo, child_policy, is_frozen = done.stdout.split()
    # Whoever may not have it runs as before.
    assert granted == is_fifo
    assert child_policy == str(os.SCHED_OTHER)
    assert is_frozen == "True"
