"""A process that does one thing to a disk again and again, and leaves a note of each time.

It is started with the name of a worker's operation, a period in nanoseconds, and the arguments as ``marshal``
writes them, in hexadecimal; ``sequence`` among them counts the times. Standard output takes the notes, a datagram each:
when it began and for how long it was under way, in nanoseconds of the monotonic clock, and what was wrong, if
anything was. Nobody is woken up by a note. The first one, and what went wrong or took long, is followed by a byte on
standard input, which is a socket: the bell. The end of that socket ends the process: it does not outlive its agent.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.

from __future__ import annotations

import marshal
import os
import select
import sys
import time

from hafailover.system.work import schedule_ordinarily
from hafailover.system.worker_process import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

QUICK_NS: Final = 100_000_000
"""What takes longer is told at once: it may have waited for something that is known to nobody yet."""
TIME_BYTES: Final = 8
"""Of each of the two times in a note."""
PROBLEM_BYTES_MAX: Final = 1000
_BELL: Final = 0
_NOTES: Final = 1


def main() -> None:
    """Do it until standard input ends."""
    operation, period, packed = sys.argv[2:5]
    schedule_ordinarily()
    arguments = marshal.loads(bytes.fromhex(packed))  # noqa: S302 - our agent's
    due = time.monotonic_ns()
    is_first = True
    request = {"id": 0, "op": operation, "args": arguments}
    while True:
        if "sequence" in arguments:
            arguments["sequence"] += 1
        began = time.monotonic_ns()
        answer = perform(request)
        took = time.monotonic_ns() - began
        problem = str(answer.get("refused") or answer.get("failed") or "")
        _leave_note(began, took, problem)
        # The first may be the first that comes back after one that hung in another process: that is news as well.
        if problem or took > QUICK_NS or is_first:
            os.write(_BELL, b"!")
        is_first = False
        # Counted from the last beat's time and not from its end, but never two at once.
        now = time.monotonic_ns()
        due = max(due + int(period), now)
        if select.select([_BELL], [], [], (due - now) / 1e9)[0]:
            return


def _leave_note(began: int, took: int, problem: str) -> None:
    times = began.to_bytes(TIME_BYTES, "big") + took.to_bytes(TIME_BYTES, "big")
    try:
        os.write(_NOTES, times + problem.encode()[:PROBLEM_BYTES_MAX])
    except OSError:
        # No room (EAGAIN, ENOBUFS): the agent has not looked for seconds, and learns of later ones. Or it is gone.
        return
