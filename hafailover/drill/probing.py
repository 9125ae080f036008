"""Does the floating address answer, and does the service behind it? Asked again and again, in a thread of its own."""

import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import Final

from hafailover.drill.outcome import Outage
from hafailover.units import MILLISECOND
from hafailover.vrrp.advertisement import internet_checksum

ECHO_PERIOD_S: Final = 0.05
COMMAND_PERIOD_S: Final = 0.1
_PATIENCE_S: Final = 1.0
_COMMAND_PATIENCE_S: Final = 5.0
_ECHO: Final = struct.Struct("!BBHHH")
_REQUEST: Final = {4: 8, 6: 128}
_REPLY: Final = {4: 0, 6: 129}

Ask = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question: when it was asked, and whether it was answered."""

    at_ns: int
    is_answered: bool


class Prober:
    """Asks until it is told to stop."""

    def __init__(self, name: str, ask: Ask, period_s: float) -> None:
        """Begin to ask; ``name`` says who asks, and how."""
        self.name = name
        self.period_s = period_s
        self._ask = ask
        self._answers: list[Answer] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._is_over.set()
        self._thread.join(_COMMAND_PATIENCE_S + 1)

    def has_answer_since(self, at_ns: int) -> bool:
        """Whether a question that was asked after ``at_ns`` was answered."""
        return any(each.is_answered for each in reversed(self._answers) if each.at_ns >= at_ns)

    @property
    def has_answers(self) -> bool:
        """Whether anything was ever answered."""
        return any(each.is_answered for each in tuple(self._answers))

    def longest_gap(self, move: str, begin_ns: int, end_ns: int, zero_ns: int) -> Outage | None:
        """Return the longest time between two answers in a span, its ends included."""
        moments = [
            each.at_ns
            for each in tuple(self._answers)
            if each.is_answered and begin_ns <= each.at_ns <= end_ns
        ]
        if not self._answers:
            return None
        points = [begin_ns, *moments, end_ns]
        begin, end = max(pairwise(points), key=lambda pair: pair[1] - pair[0])
        return Outage(
            move=move,
            seen_from=self.name,
            begin_ms=(begin - zero_ns) // MILLISECOND,
            end_ms=(end - zero_ns) // MILLISECOND,
            step_ms=round(self.period_s * 1000),
        )

    def _run(self) -> None:
        due = time.monotonic()
        while not self._is_over.is_set():
            at_ns = time.monotonic_ns()
            self._answers.append(Answer(at_ns=at_ns, is_answered=self._ask()))
            due = max(due + self.period_s, time.monotonic())
            self._is_over.wait(due - time.monotonic())


def echo(address: IPv4Address | IPv6Address) -> Ask:
    """Return a question by ICMP.

    Raises:
        PermissionError: Raw sockets need root.
    """
    version = address.version
    family, protocol = (
        (socket.AF_INET, socket.IPPROTO_ICMP)
        if version == 4
        else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
    )
    link = socket.socket(family, socket.SOCK_RAW, protocol)
    link.setblocking(False)  # noqa: FBT003 - the standard library's signature
    identifier = int.from_bytes(os.urandom(2))
    number = 0

    def ask() -> bool:
        nonlocal number
        number = (number + 1) & 0xFFFF
        bare = _ECHO.pack(_REQUEST[version], 0, 0, identifier, number)
        # Over IPv6 the kernel fills the checksum in (RFC 3542 section 3.1).
        checksum = internet_checksum(bare) if version == 4 else 0
        packet = _ECHO.pack(_REQUEST[version], 0, checksum, identifier, number)
        try:
            link.sendto(packet, (str(address), 0))
        except OSError:
            return False
        return _hear(link, version, (identifier, number))

    return ask


def _hear(link: socket.socket, version: int, wanted: tuple[int, int]) -> bool:
    """Wait for one reply; others that come meanwhile are late ones."""
    end = time.monotonic() + _PATIENCE_S
    while (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([link], [], [], left)
        if not readable:
            return False
        packet = link.recv(2048)
        start = (packet[0] & 0x0F) * 4 if version == 4 and packet else 0
        if len(packet) < start + _ECHO.size:
            continue
        kind, code, _, identifier, number = _ECHO.unpack_from(packet, start)
        if (kind, code) == (_REPLY[version], 0) and (identifier, number) == wanted:
            return True
    return False


def command(argv: Sequence[str]) -> Ask:
    """Return a question by a command, whose exit status 0 is the answer."""

    def ask() -> bool:
        try:
            ended = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_COMMAND_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return ended.returncode == 0

    return ask
