"""A client on the LAN that sees a takeover with the kernel's own time stamps."""

import math
import multiprocessing
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hafailover.vrrp.advertisement import PROTOCOL, internet_checksum
from tests.interop.inside import enter
from tests.interop.lan import CLIENT, Lan

SO_TIMESTAMPNS = 35
LIMIT_S = 60.0
_CALM_S = 0.5
"""So long the client watches before something is done."""
_ONE_ORDER = threading.Lock()
_IFF_UP = 1
_RTM_NEWLINK = 16
_ETHERTYPE_ALL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One Ethernet frame and when the kernel took it, in seconds since 1970."""

    at: float
    source: str
    data: bytes

    @property
    def is_advertisement(self) -> bool:
        """Whether it carries VRRP over IPv4."""
        return self.data[12:14] == b"\x08\x00" and self.data[23] == PROTOCOL

    @property
    def priority(self) -> int:
        """The priority of an advertisement."""
        return self.data[14 + (self.data[14] & 15) * 4 + 2]

    def announces(self, address: str) -> bool:
        """Whether it is a gratuitous ARP for ``address``."""
        return self.data[12:14] == b"\x08\x06" and self.data[28:32] == socket.inet_aton(address)

    def answers_from(self, address: str) -> bool:
        """Whether it is an echo reply of ``address``."""
        is_icmp = self.data[12:14] == b"\x08\x00" and self.data[23] == socket.IPPROTO_ICMP
        return is_icmp and self.data[26:30] == socket.inet_aton(address) and self.data[34] == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What the client saw of one takeover, in seconds."""

    phase: float
    """At which part of the interval after an advertisement the Master died."""

    death_to_announcement: float
    death_to_answer: float
    silence_to_announcement: float
    """Counted from the last advertisement of the dead Master."""

    longest_gap: float
    """Between the last answer of the dead Master and the first of its successor."""

    was_premature: bool
    """Whether another router announced the address while the Master still lived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """What the client saw while an address moved on purpose, in seconds."""

    longest_gap: float
    """The longest time without an answer."""

    order_to_announcement: float
    """Until the node that shall have the address said so."""


class Listener:
    """Takes frames from an interface of the namespace that it was made in."""

    def __init__(self, interface: str) -> None:
        """Listen from now on."""
        self._socket = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE_ALL)
        )
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((interface, _ETHERTYPE_ALL))
        self._socket.settimeout(0)

    def frames(self, wait_s: float) -> Iterator[Frame]:
        """Yield what is there, after at most ``wait_s`` seconds of waiting for it."""
        select.select([self._socket], [], [], max(wait_s, 0))
        while True:
            try:
                data, control, _flags, _source = self._socket.recvmsg(2048, 128)
            except BlockingIOError:
                return
            seconds, nanoseconds = struct.unpack("=qq", control[0][2][:16])
            yield Frame(at=seconds + nanoseconds / 1e9, source=data[6:12].hex(":"), data=data)


class _Probe:
    """Runs in the client's namespace; holds a netlink socket of the switch's."""

    def __init__(self, lan: Lan, address: str) -> None:
        enter(lan.space("sw"))
        self._ports = {name: index for index, name in socket.if_nameindex()}
        self._switch = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        enter(lan.space(CLIENT))
        self._listener = Listener("eth0")
        self._ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._ping.settimeout(0)
        self._lan = lan
        self._address = address
        self._sequence = 0

    def wait_for_master(self, host: str, settle_s: float) -> None:
        """Wait until ``host`` alone has advertised for ``settle_s`` seconds."""
        end = time.time() + LIMIT_S
        since = None
        mac = self._lan.mac(host)
        while since is None or time.time() < since + settle_s:
            if time.time() > end:
                raise TimeoutError(f"{host} does not become Master alone")
            for frame in self._listener.frames(0.05):
                if frame.is_advertisement:
                    alone = frame.source == mac and frame.priority
                    since = (since or frame.at) if alone else None

    def takeover(self, host: str, phase: float, interval_s: float, ping_s: float) -> Takeover:
        """Take ``host`` off the LAN at a phase of its interval, and watch who answers next."""
        mac = self._lan.mac(host)
        for _ in self._listener.frames(0):
            pass
        self._send_ping()
        last = self._advertisement_of(mac)
        wake = last + phase * interval_s
        while (left := wake - time.time()) > 0:
            self._send_ping()
            time.sleep(min(left, ping_s))
        death = time.time()
        self._take_down(f"p-{host}")
        alive = death
        announced = answered = None
        premature = False
        next_ping = time.time()
        while announced is None or answered is None:
            if time.time() > death + LIMIT_S:
                raise TimeoutError("nobody took over")
            if time.time() >= next_ping:
                self._send_ping()
                next_ping += ping_s
            for frame in self._listener.frames(next_ping - time.time()):
                if frame.source == mac and frame.is_advertisement:
                    last = frame.at
                elif frame.source == mac and frame.answers_from(self._address):
                    alive = frame.at
                elif frame.source not in (mac, self._lan.mac(CLIENT)):
                    if frame.announces(self._address):
                        announced = announced or frame.at
                        premature = premature or frame.at < death
                    if frame.answers_from(self._address):
                        answered = answered or frame.at
        return Takeover(
            phase=phase,
            death_to_announcement=announced - death,
            death_to_answer=answered - death,
            silence_to_announcement=announced - last,
            longest_gap=answered - alive,
            was_premature=premature or announced < last,
        )

    def absence(self, host: str, tail_s: float, ping_s: float) -> tuple[float, float]:
        """Ask for the address until ``tail_s`` after ``host`` has announced that it has it.

        Returns:
            The longest wait for an answer, and when the announcement came.
        """
        mac = self._lan.mac(host)
        for _ in self._listener.frames(0):
            pass
        begin = last = next_ping = time.time()
        longest, announced = 0.0, math.inf
        while (now := time.time()) < min(announced, begin + LIMIT_S) + tail_s:
            if now >= next_ping:
                self._send_ping()
                next_ping += ping_s
            for frame in self._listener.frames(next_ping - now):
                if frame.answers_from(self._address):
                    longest, last = max(longest, frame.at - last), frame.at
                elif frame.source == mac and frame.announces(self._address):
                    announced = min(announced, frame.at)
        if announced == math.inf:
            raise TimeoutError(f"{host} does not take the address")
        return max(longest, time.time() - last), announced

    def _advertisement_of(self, mac: str) -> float:
        end = time.time() + LIMIT_S
        while time.time() < end:
            for frame in self._listener.frames(0.1):
                if frame.is_advertisement and frame.source == mac:
                    return frame.at
        raise TimeoutError("the Master does not advertise")

    def _take_down(self, port: str) -> None:
        body = struct.pack("=BxHiII", 0, 0, self._ports[port], 0, _IFF_UP)
        self._switch.send(struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, 1, 1, 0) + body)

    def _send_ping(self) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        blank = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, self._sequence)
        echo = blank[:2] + internet_checksum(blank).to_bytes(2) + blank[4:]
        try:
            self._ping.sendto(echo, (self._address, 0))
        except OSError:
            # Nobody has answered the ARP request for a while; the next one may be answered.
            return


class ClientProbe:
    """The probe as a process of its own, since a namespace belongs to a process."""

    def __init__(self, lan: Lan, address: str) -> None:
        """Start it in the client of ``lan``, asking for ``address``."""
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(lan, address, theirs), daemon=True)
        self._process.start()

    def wait_for_master(self, host: str, settle_s: float) -> None:
        """Wait until ``host`` alone has advertised for ``settle_s`` seconds."""
        self._call("wait_for_master", host, settle_s)

    def takeover(self, host: str, phase: float, interval_s: float, ping_s: float) -> Takeover:
        """Take ``host`` off the LAN at a phase of its interval, and watch who answers next."""
        seen: Takeover = self._call("takeover", host, phase, interval_s, ping_s)
        return seen

    def absence(
        self, order: Callable[[], None], host: str, tail_s: float, ping_s: float
    ) -> Absence:
        """Return what the client sees of an order after which ``host`` has the address.

        Orders are given one at a time: programs that start at once would measure each other's start.
        """
        self._pipe.send(("absence", (host, tail_s, ping_s)))
        time.sleep(_CALM_S)
        with _ONE_ORDER:
            ordered = time.time()
            order()
        gap, announced = self._answer("absence")
        return Absence(longest_gap=gap, order_to_announcement=announced - ordered)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()

    def _call(self, name: str, *arguments: object) -> Any:
        self._pipe.send((name, arguments))
        return self._answer(name)

    def _answer(self, name: str) -> Any:
        if not self._pipe.poll(2 * LIMIT_S):
            raise TimeoutError(f"the client does not answer: {name}")
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(lan: Lan, address: str, pipe: Any) -> None:
    probe = _Probe(lan, address)
    while True:
        name, arguments = pipe.recv()
        method: Callable[..., Any] = getattr(probe, name)
        try:
            pipe.send(method(*arguments))
        except (OSError, TimeoutError) as error:
            pipe.send(error)
