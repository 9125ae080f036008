"""The client: asks the service over the floating address every 20 ms, and writes down every answer.

Run in the client's network as ``python -m hafailover.lab.client ADDRESS PORT LOG``. A line of the
log is the answer's time, the time of its question (nanoseconds of the monotonic clock), the node
that answered and the hardware address at which the floating address was found.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PERIOD_NS: Final = 20_000_000
_PATIENCE_S: Final = 3.0
_OPEN_MAX: Final = 100
"""Questions that may be open at once; more are not asked until one is answered or given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer of the service."""

    at_ns: int
    asked_ns: int
    node: str
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The longest time without an answer."""

    begin_ns: int
    """The last answer before it."""
    end_ns: int
    """The first answer after it."""

    @property
    def milliseconds(self) -> int:
        """Its length."""
        return round((self.end_ns - self.begin_ns) / 1e6)


def decode_answers(log: str) -> list[Answered]:
    """Return the answers in a log, in order of time."""
    found = []
    for line in log.splitlines(keepends=True):
        words = line.split()
        if line.endswith("\n") and len(words) == 4:
            at, asked, node, mac = words
            found.append(Answered(at_ns=int(at), asked_ns=int(asked), node=node, mac=mac))
    return sorted(found, key=lambda answer: answer.at_ns)


def longest_outage(answers: Sequence[Answered], begin_ns: int, end_ns: int) -> Outage:
    """Return the longest gap between answers in a span, its ends included."""
    moments = [a.at_ns for a in answers if begin_ns <= a.at_ns <= end_ns]
    points = [begin_ns, *moments, end_ns]
    begin, end = max(pairwise(points), key=lambda pair: pair[1] - pair[0])
    return Outage(begin_ns=begin, end_ns=end)


def _hardware_address(address: str) -> str:
    """Return where the kernel's ARP table has ``address``; ``-`` if nowhere."""
    for line in Path("/proc/self/net/arp").read_text(encoding="ascii").splitlines()[1:]:
        words = line.split()
        if words[0] == address and words[2] != "0x0":
            return words[3]
    return "-"


async def _ask(address: str, port: int, log: Path) -> None:
    asked = time.monotonic_ns()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return
    head, _, body = answer.decode("ascii", "replace").partition("\r\n\r\n")
    if not body:
        return
    node = head.partition("X-Node: ")[2].split("\r\n")[0]
    line = f"{time.monotonic_ns()} {asked} {node} {_hardware_address(address)}\n"
    with log.open("a", encoding="ascii") as file:
        file.write(line)


async def watch(address: str, port: int, log: Path) -> None:
    """Ask for ever, in step with the clock."""
    questions: set[asyncio.Task[None]] = set()
    due = time.monotonic_ns()
    while True:
        if len(questions) < _OPEN_MAX:
            task = asyncio.create_task(_ask(address, port, log))
            questions.add(task)
            task.add_done_callback(questions.discard)
        due = max(due + PERIOD_NS, time.monotonic_ns())
        await asyncio.sleep((due - time.monotonic_ns()) / 1e9)


def main() -> None:
    """Run the client that the command line describes."""
    address, port, log = sys.argv[1:]
    asyncio.run(watch(address, int(port), Path(log)))


if __name__ == "__main__":
    main()
