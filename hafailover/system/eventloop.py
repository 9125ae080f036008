"""Which event loop keeps advertisements on time?"""

import asyncio
import gc
import os
import platform
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")

_REALTIME_PRIORITY: Final = 10
"""Above everything ordinary, below what a kernel reserves for itself."""
_GARBAGE_EVERY: Final = 10_000
"""So many more objects than were freed are looked through for what refers to itself; Python's own measure is 700."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a loop whose timers are as fine as the system allows.

    epoll(7) counts whole milliseconds, and asyncio rounds up: 1.2 ms late in the median. select(2)
    counts microseconds, and a few dozen descriptors cost it nothing. kqueue(2) is fine by itself.
    """
    if platform.system() == "Linux":
        return asyncio.SelectorEventLoop(selectors.SelectSelector())
    return asyncio.new_event_loop()


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a program in such a loop, until it is done or interrupted."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def settle() -> None:
    """Take everything that start-up left behind out of the sight of the garbage collector.

    Modules and settings live as long as the process; looking through them again and again takes
    milliseconds that an advertisement would be late. What comes later rarely refers to itself: it is looked for seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_EVERY)


def become_realtime() -> bool:
    """Ask to run before all ordinary processes; return whether that was granted.

    Where the system knows it (``SCHED_RESET_ON_FORK``, Linux), children begin as ordinary processes;
    elsewhere whoever starts one says so, as the runner of commands does: an fsck with real-time
    priority would take the machine away from everybody.
    """
    policy = os.SCHED_FIFO | getattr(os, "SCHED_RESET_ON_FORK", 0)
    try:
        os.sched_setscheduler(0, policy, os.sched_param(_REALTIME_PRIORITY))
    except OSError:
        return False
    return True
