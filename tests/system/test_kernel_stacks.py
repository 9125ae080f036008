"""Where a stuck child waits is asked of procstat(1), whose layout is that of procstat_kstack.c."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from hafailover.system.kernel_stacks import KernelStacks, stack_of
from hafailover.system.runner import Runner
from hafailover.units import seconds
from tests.system.conftest import Bench

if TYPE_CHECKING:
    from hafailover.system.child import Ended

PRINTED = """\
  PID    TID COMM                TDNAME              KSTACK
  815 100412 mount point         -                   mi_switch+0xc2 sleepq_wait+0x2c _sleep+0x1f0 g_waitidle+0xa3
  815 100413 mount point         second one          mi_switch+0xc2 g_io_getcounter+0x8
  816 100414 sh                  -                   mi_switch+0xc2
"""


def test_every_thread_of_the_process_counts_and_names_with_blanks_do_not() -> None:
    assert stack_of(PRINTED, 815) == (
        "mi_switch+0xc2 sleepq_wait+0x2c _sleep+0x1f0 g_waitidle+0xa3; "
        "mi_switch+0xc2 g_io_getcounter+0x8"
    )


def test_words_without_an_offset_are_given_as_they_came() -> None:
    text = "PID TID COMM TDNAME KSTACK\n 9 1 x - mi_switch _sleep\n"
    assert stack_of(text, 9) == "x - mi_switch _sleep"


def test_nothing_printed_is_nothing_known() -> None:
    assert stack_of("", 815) == ""
    assert stack_of(PRINTED, 1) == ""


def test_a_child_that_gets_stuck_is_asked_about_once_and_forgotten_with_its_end(
    bench: Bench, tmp_path: Path
) -> None:
    tool = tmp_path / "procstat"
    tool.write_text(
        f'#!/bin/sh\necho called >> {tmp_path}/calls; echo head\necho "$2 7 x - a+0x1"\n'
    )
    tool.chmod(0o755)
    runner = Runner(bench.loop, path=f"{tmp_path}:/bin:/usr/bin")
    stacks = KernelStacks(runner)
    ended: list[Ended] = []
    child = runner.start(["sleep", "1000"], deadline=seconds(1000), done=ended.append)
    assert child is not None
    child._kill = lambda: None  # type: ignore[method-assign]
    child._abandon()
    bench.until(lambda: stacks.of(child.pid))
    assert stacks.of(child.pid) == "a+0x1"
    assert (tmp_path / "calls").read_text() == "called\n"
    os.kill(child.pid, signal.SIGKILL)
    bench.until(lambda: not runner.stuck)
    runner.close()
