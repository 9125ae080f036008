"""Puts addresses on an interface of a Linux host, takes them off, and sees its link change."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Self

from hafailover.errors import EdgeError, NotPermittedError
from hafailover.system import rtnetlink
from hafailover.system.rtnetlink import Assigned, Interface, Link, Message

_READ_SIZE: Final = 64 << 10
_ANSWER_S: Final = 2.0
"""The kernel answers within the call that sends; a limit all the same."""

_EVENTS_MAX: Final = 64
_DROPPED_MAX: Final = 10_000


class NetworkConfigurationError(EdgeError):
    """The kernel refused to change or show an interface."""


class LinuxAddresses:
    """The addresses of one interface, over a netlink socket of its own."""

    def __init__(self, interface: str) -> None:
        """Open the socket.

        Raises:
            NetworkConfigurationError: there is no such interface.
        """
        self.interface = interface
        self._index()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.settimeout(_ANSWER_S)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; the addresses stay as they are."""
        self._socket.close()

    def add(self, address: Interface) -> None:
        """Put an address on the interface; one that is there already is no error.

        Raises:
            NetworkConfigurationError: the kernel refused.
        """
        self._change(address, add=True)

    def remove(self, address: Interface) -> None:
        """Take an address off the interface; one that is not there is no error.

        Raises:
            NetworkConfigurationError: the kernel refused.
        """
        self._change(address, add=False)

    def list(self) -> tuple[Interface, ...]:
        """Return the addresses that the interface has."""
        found = [
            rtnetlink.read_address(message)
            for message in self._ask(rtnetlink.list_addresses(self._next()))
            if message.kind == rtnetlink.RTM_NEWADDR
        ]
        index = self._index()
        return tuple(each.address for each in found if each and each.index == index)

    def link(self) -> Link:
        """Return the state of the interface."""
        for message in self._ask(rtnetlink.look_at_link(self._index(), self._next())):
            if message.kind == rtnetlink.RTM_NEWLINK:
                return rtnetlink.read_link(message)
        raise NetworkConfigurationError(f"{self.interface}: the kernel does not show the interface")

    def _index(self) -> int:
        """Ask each time: an interface that is made again under its name has another one."""
        try:
            return socket.if_nametoindex(self.interface)
        except OSError as error:
            raise NetworkConfigurationError(f"{self.interface}: {error}") from error

    def _change(self, address: Interface, *, add: bool) -> None:
        sequence = self._next()
        request = rtnetlink.change_address(
            add=add, index=self._index(), address=address, sequence=sequence
        )
        for message in self._ask(request):
            number = rtnetlink.error_number(message)
            harmless = (0, errno.EEXIST) if add else (0, errno.EADDRNOTAVAIL)
            if number == errno.EPERM:
                raise NotPermittedError(f"changing the addresses of {self.interface}")
            if number not in harmless:
                verb = "add" if add else "remove"
                problem = f"cannot {verb} {address}: {os.strerror(number)}"
                raise NetworkConfigurationError(f"{self.interface}: {problem}")

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _ask(self, request: bytes) -> Iterator[Message]:
        """Send a request and yield its answers, up to the one that ends them."""
        try:
            self._socket.send(request)
            dump = False
            while True:
                for message in rtnetlink.messages(self._socket.recv(_READ_SIZE)):
                    if message.sequence != self._sequence or message.kind == rtnetlink.NLMSG_DONE:
                        return
                    yield message
                    dump = message.kind == rtnetlink.RTM_NEWADDR
                if not dump:
                    return
        except OSError as error:
            raise NetworkConfigurationError(f"{self.interface}: netlink: {error}") from error


class LinuxLinkEvents:
    """Tells when the link or the addresses of one interface changed; never blocks.

    It follows the name: an interface that is made again under it has another index.
    """

    def __init__(self, interface: str) -> None:
        """Subscribe to the kernel's notices."""
        self._interface = interface
        self._index = socket.if_nametoindex(interface)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.settimeout(0)
        self._socket.bind((0, rtnetlink.GROUPS_LINK_AND_ADDRESSES))

    def fileno(self) -> int:
        """Return the descriptor that is readable when something changed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Unsubscribe."""
        self._socket.close()

    def read(self) -> list[Link | Assigned]:
        """Take the notices that are there, of this interface only."""
        taken: list[Link | Assigned] = []
        for _ in range(_EVENTS_MAX):
            try:
                data = self._socket.recv(_READ_SIZE)
            except BlockingIOError:
                break
            except OSError as error:
                # The kernel drops notices when too many wait: what is left of them is older than a look.
                if error.errno == errno.ENOBUFS:
                    taken += self._look()
                break
            for message in rtnetlink.messages(data):
                taken += self._ours(_notice(message))
        return taken

    def _ours(self, notice: Link | Assigned | None) -> list[Link] | list[Assigned]:
        if isinstance(notice, Link):
            return self._follow(notice)
        return [notice] if notice is not None and notice.index == self._index else []

    def _follow(self, link: Link) -> list[Link]:
        is_known = link.index == self._index
        if link.name == self._interface and not link.is_gone:
            known, self._index = self._index, link.index
            return [link] if is_known or not known else [_gone(link, known), link]
        if is_known:
            # It was destroyed, or has another name now.
            self._index = 0
            return [_gone(link, link.index)]
        return []

    def _look(self) -> list[Link]:
        """Notices were lost: see how it stands."""
        with contextlib.suppress(OSError):
            for _ in range(_DROPPED_MAX):
                self._socket.recv(_READ_SIZE)
        try:
            with LinuxAddresses(self._interface) as edge:
                return self._follow(edge.link())
        except NetworkConfigurationError:
            known, self._index = self._index, 0
            nothing = Link(index=known, name=self._interface, mac="", is_up=False, is_gone=True)
            return [nothing] if known else []


def _gone(link: Link, index: int) -> Link:
    return replace(link, index=index, is_up=False, is_gone=True)


def _notice(message: Message) -> Link | Assigned | None:
    if message.kind == rtnetlink.RTM_DELLINK and rtnetlink.is_of_bridge(message):
        return None
    if message.kind in (rtnetlink.RTM_NEWLINK, rtnetlink.RTM_DELLINK):
        return rtnetlink.read_link(message)
    if message.kind in (rtnetlink.RTM_NEWADDR, rtnetlink.RTM_DELADDR):
        return rtnetlink.read_address(message)
    return None
