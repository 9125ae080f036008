"""Tells when an interface goes or comes, its carrier or an address, as soon as the kernel says so.

Linux says it over netlink, FreeBSD over its routing socket. Neither is relied on alone: a notice can
be lost when too many come at once, and every look at the host sees the same.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from hafailover.errors import EdgeError
from hafailover.system.hardware_addresses import look_once
from hafailover.system.ifconfig import Interface
from hafailover.system.linux_addresses import LinuxAddresses, LinuxLinkEvents
from hafailover.system.route_messages import (
    PF_ROUTE,
    AddressNotice,
    LinkNotice,
    Notice,
    PresenceNotice,
    notices,
)
from hafailover.system.rtnetlink import Assigned, Link

_READ_SIZE: Final = 65_536
_READS_MAX: Final = 64
_RECEIVE_BUFFER: Final = 256 << 10
"""FreeBSD loses notices without a word, and gives them room for 8 KB if it is not asked (net.raw.recvspace)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWatcher:
    """Who wants to know."""

    link_changed: Callable[[bool], None]
    address_changed: Callable[[Interface, bool], None]
    """The address, and whether it is gone."""

    vanished: Callable[[], None]
    """There is no such interface any more, or it was lost again before it was taken anew."""

    appeared: Callable[[], None]
    """There is one of this name again, which may be up: ``LinkWatch.resume`` is waited for."""


class LinkEvents(Protocol):
    """Where the kernel says it."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when it said something."""
        ...

    def read(self) -> Iterable[Notice]:
        """Take what is there, of one interface; never blocks."""
        ...

    def close(self) -> None:
        """Listen no longer."""
        ...


class RouteEvents:
    """FreeBSD's routing socket (route(4)), of which one interface counts: the one that has the name now."""

    def __init__(self, interface: str) -> None:
        """Listen.

        Raises:
            EdgeError: There is no such interface.
        """
        self._interface = interface
        try:
            self._index = socket.if_nametoindex(interface)
            self._socket = socket.socket(PF_ROUTE, socket.SOCK_RAW, 0)
        except OSError as error:
            raise EdgeError(f"{interface}: routing socket: {error}") from error
        self._socket.settimeout(0)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    def fileno(self) -> int:
        """Return the descriptor that is readable when the kernel said something."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()

    def read(self) -> list[Notice]:
        """Take what is there, of this interface only."""
        taken: list[Notice] = []
        with contextlib.suppress(OSError):
            for _ in range(_READS_MAX):
                said = notices(self._socket.recv(_READ_SIZE))
                taken.extend(notice for notice in said if self._is_ours(notice))
        return taken

    def _is_ours(self, notice: Notice) -> bool:
        if not isinstance(notice, PresenceNotice):
            return notice.index == self._index
        if notice.name == self._interface:
            self._index = notice.index if notice.is_there else 0
        return notice.name == self._interface


class NetlinkEvents:
    """The same on Linux."""

    def __init__(self, interface: str) -> None:
        """Listen.

        Raises:
            EdgeError: There is no such interface.
        """
        self._events = LinuxLinkEvents(interface)

    def fileno(self) -> int:
        """Return the descriptor that is readable when the kernel said something."""
        return self._events.fileno()

    def close(self) -> None:
        """Listen no longer."""
        self._events.close()

    def read(self) -> list[Notice]:
        """Take what is there, of this interface only."""
        return [_told(each) for each in self._events.read()]


def _told(notice: Link | Assigned) -> Notice:
    match notice:
        case Link(index=index, is_gone=True):
            return PresenceNotice(index=index, name=notice.name, is_there=False)
        case Link(index=index, is_up=is_up):
            return LinkNotice(index=index, is_up=is_up)
        case Assigned(index=index, address=address, is_gone=is_gone):
            return AddressNotice(index=index, address=address, is_gone=is_gone)


class LinkWatch:
    """Follows one interface."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: LinkEvents,
        watcher: LinkWatcher,
        *,
        is_up: bool,
    ) -> None:
        """Follow ``events`` of an interface that ``is_up`` at the moment."""
        self._loop = loop
        self._events = events
        self._watcher = watcher
        self._is_up = is_up
        self._is_gone = False
        loop.add_reader(events.fileno(), self._read)

    def tell(self) -> None:
        """Tell how it is now, to who has just begun and expects the best."""
        if not self._is_up:
            self._watcher.link_changed(False)  # noqa: FBT003 - what the kernel says

    def vanish(self) -> None:
        """Count the interface as gone, whoever found out."""
        self._is_gone = True
        self._watcher.vanished()
        self._link(is_up=False)

    def renew(self) -> None:
        """Count it as gone, and whatever has its name now as another one: what is open on it is of no use."""
        if not self._is_gone:
            self.vanish()
            self._watcher.appeared()

    def resume(self) -> None:
        """Go on with an interface that has appeared, is up, and was taken anew."""
        self._is_gone = False
        self._link(is_up=True)

    def close(self) -> None:
        """Follow no longer."""
        self._loop.remove_reader(self._events.fileno())
        self._events.close()

    def _read(self) -> None:
        standing: dict[Interface, bool] = {}
        for notice in self._events.read():
            match notice:
                case PresenceNotice(is_there=is_there):
                    self._present(is_there=is_there)
                case LinkNotice(is_up=is_up):
                    if self._is_gone:
                        self._hear_of_another(is_up=is_up)
                    else:
                        self._link(is_up=is_up)
                case AddressNotice(address=address, is_gone=is_gone):
                    # Putting one on that is there is going and coming: only how it stands counts.
                    standing[address] = is_gone
        for address, is_gone in standing.items():
            self._watcher.address_changed(address, is_gone)

    def _present(self, *, is_there: bool) -> None:
        # One that comes and was never seen to go has gone all the same: that notice was lost.
        if not is_there or not self._is_gone:
            self.vanish()
        if is_there:
            self._watcher.appeared()

    def _hear_of_another(self, *, is_up: bool) -> None:
        """It is not ours before it was taken; if it goes down meanwhile, what was begun is begun anew."""
        if not is_up:
            self.vanish()
        self._watcher.appeared()

    def _link(self, *, is_up: bool) -> None:
        if is_up != self._is_up:
            self._is_up = is_up
            self._watcher.link_changed(is_up)


def watch_link(
    loop: asyncio.AbstractEventLoop, interface: str, watcher: LinkWatcher, *, uses_netlink: bool
) -> LinkWatch:
    """Follow an interface of this host.

    Raises:
        EdgeError: There is no such interface.
    """
    # Listening comes before the look, so that no change falls in between.
    if uses_netlink:
        netlink = NetlinkEvents(interface)
        with LinuxAddresses(interface) as edge:
            is_up = edge.link().is_up
        return LinkWatch(loop, netlink, watcher, is_up=is_up)
    events = RouteEvents(interface)
    view = look_once(interface)
    is_up = view.is_up and view.has_carrier is not False
    return LinkWatch(loop, events, watcher, is_up=is_up)
