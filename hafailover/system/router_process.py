"""A plain VRRP router on Linux, without storage: ``python -m hafailover.system.router_process``.

It reads its settings as JSON from the file that the command line names, and writes what it does as
lines of JSON to its standard output. SIGTERM makes it resign and end.
"""

import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import dataclass, fields
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Any

from hafailover.errors import EdgeError, HaFailoverError
from hafailover.runtime.decoding import decoder
from hafailover.runtime.encoding import encoder
from hafailover.system import scapy_process
from hafailover.system.advert_receiver import AdvertReceiver
from hafailover.system.advert_socket import AdvertSocket, Received
from hafailover.system.answered_addresses import AnsweredAddresses
from hafailover.system.eventloop import become_realtime, run, settle
from hafailover.system.frame_set import FrameSet, frame_order
from hafailover.system.linux_addresses import LinuxAddresses, LinuxLinkEvents
from hafailover.system.linux_announce import LinuxAnnouncer
from hafailover.system.memory_lock import lock_memory
from hafailover.system.rtnetlink import Assigned, Link
from hafailover.system.second_reading import SecondReading
from hafailover.system.virtual_router import RouterEdges, VirtualRouter
from hafailover.units import Instant
from hafailover.vrrp.acceptance import Ignored
from hafailover.vrrp.actions import Action, SendAdvertisement
from hafailover.vrrp.advertisement import Advertisement
from hafailover.vrrp.events import Shutdown, Startup
from hafailover.vrrp.settings import AnnounceSettings, RouterSettings
from hafailover.vrrp.states import Master


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterProcessSettings:
    """One or two virtual routers (one per family) on one interface."""

    interface: str
    routers: tuple[RouterSettings, ...]
    announce: AnnounceSettings
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    """The virtual addresses of all routers, with the prefix lengths that they get."""


class AddressesOfRouter:
    """The virtual addresses of one router, over netlink."""

    def __init__(
        self, edge: LinuxAddresses, addresses: tuple[IPv4Interface | IPv6Interface, ...]
    ) -> None:
        """Speak of ``addresses`` over ``edge``."""
        self._edge = edge
        self.addresses = addresses

    def assign(self) -> None:
        """Put all of them on."""
        for address in self.addresses:
            self._edge.add(address)

    def release(self) -> None:
        """Take all of them off."""
        for address in self.addresses:
            self._edge.remove(address)


class JsonLines:
    """Writes down what a router does."""

    def __init__(self, family: int) -> None:
        """Speak of the router of ``family``."""
        self._family = family
        self.second_reading = SecondReading(lambda text: self.say("difference", text=text))

    def say(self, what: str, **more: object) -> None:
        """Write one line."""
        line = json.dumps({"what": what, "family": self._family, **more})
        # Whoever read this may be gone; the router is there for others.
        with contextlib.suppress(BrokenPipeError):
            print(line, flush=True)  # noqa: T201

    def acted(self, action: Action, now: Instant) -> None:
        """Write down an action, but for the advertisements: there are too many."""
        if isinstance(action, SendAdvertisement) and action.priority:
            return
        shown: dict[str, Any] = {
            field.name: str(getattr(value, "name", value))
            for field in fields(action)
            if not isinstance(value := getattr(action, field.name), Advertisement)
        }
        self.say(type(action).__name__, at_ns=now, **shown)

    def accepted(self, received: Received, advertisement: Advertisement) -> None:
        """Have new messages read a second time."""
        self.second_reading.note(received, advertisement)

    def ignored(self, verdict: Ignored) -> None:
        """Write down what did not count."""
        self.say("Ignored", reason=verdict.reason.name, source=str(verdict.source))

    def failed(self, error: EdgeError) -> None:
        """Write down what did not work."""
        self.refused(error.message)

    def refused(self, problem: str) -> None:
        """Write it down in words."""
        self.say("Failed", problem=problem)


class RouterProcess:
    """The routers of one interface, their sockets and their link."""

    def __init__(
        self, settings: RouterProcessSettings, netlink: LinuxAddresses, frames: list[FrameSet]
    ) -> None:
        """Open the sockets; nothing is sent yet."""
        self._netlink = netlink
        self._announcer = LinuxAnnouncer(settings.interface)
        self._events = LinuxLinkEvents(settings.interface)
        self._is_deaf = False
        """The interface was destroyed: only a new life of this process hears on another one of its name."""
        self._wires: list[AdvertSocket] = []
        self._reports: list[JsonLines] = []
        self._routers: list[tuple[VirtualRouter, AddressesOfRouter | AnsweredAddresses]] = []
        loop = asyncio.get_running_loop()
        for router, its_frames in zip(settings.routers, frames, strict=True):
            wire = AdvertSocket(settings.interface, router.family, router.primary_address)
            report = JsonLines(router.family)
            receiver = AdvertReceiver(wire, report.failed)
            own = tuple(each for each in settings.addresses if each.version == router.family)
            addresses: AddressesOfRouter | AnsweredAddresses = (
                AddressesOfRouter(netlink, own)
                if router.accepts
                else AnsweredAddresses(loop, settings.interface, own, report.refused)
            )
            virtual = VirtualRouter(
                settings=router,
                announce=settings.announce,
                frames=its_frames,
                edges=RouterEdges(
                    wire=wire,
                    receiver=receiver,
                    addresses=addresses,
                    announcer=self._announcer,
                    watcher=report,
                ),
            )
            loop.add_reader(wire.fileno(), receiver.read)
            self._wires.append(wire)
            self._reports.append(report)
            self._routers.append((virtual, addresses))
        loop.add_reader(self._events.fileno(), self._on_link_event)

    def start(self) -> None:
        """Take part, or wait for the link."""
        if self._netlink.link().is_up:
            self._feed_all(Startup())

    async def stop(self) -> None:
        """Resign and close everything."""
        self._feed_all(Shutdown())
        loop = asyncio.get_running_loop()
        for fileno in [self._events.fileno(), *(wire.fileno() for wire in self._wires)]:
            loop.remove_reader(fileno)
        for router, _ in self._routers:
            router.stop_timer()
        await asyncio.gather(*(report.second_reading.close() for report in self._reports))
        self._events.close()
        self._announcer.close()
        self._netlink.close()
        for wire in self._wires:
            wire.close()

    def _feed_all(self, event: Startup | Shutdown) -> None:
        for router, _ in self._routers:
            router.feed(event)

    def _on_link_event(self) -> None:
        for notice in self._events.read():
            match notice:
                case Link(is_up=is_up, is_gone=is_gone):
                    self._is_deaf = self._is_deaf or is_gone
                    self._feed_all(Startup() if is_up and not self._is_deaf else Shutdown())
                case Assigned(is_gone=is_gone, address=address):
                    if is_gone:
                        self._restore(address)

    def _restore(self, lost: IPv4Interface | IPv6Interface) -> None:
        """A virtual address that somebody took off a Master is put on again."""
        for router, addresses in self._routers:
            is_ours = isinstance(addresses, AddressesOfRouter) and lost in addresses.addresses
            if is_ours and isinstance(router.state, Master):
                addresses.assign()


async def serve(settings: RouterProcessSettings) -> None:
    """Run the routers until SIGTERM or SIGINT.

    Raises:
        EdgeError: an interface, the privilege or the child that builds frames is missing.
    """
    netlink = LinuxAddresses(settings.interface)
    mac = netlink.link().mac
    frames = await scapy_process.build([frame_order(each, mac) for each in settings.routers])
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    process = RouterProcess(settings, netlink, frames)
    settle()
    become_realtime()
    lock_memory()
    process.start()
    await stopped.wait()
    await process.stop()


def settings_from(text: str) -> RouterProcessSettings:
    """Read the settings from JSON; left out fields have their default."""
    settings: RouterProcessSettings = decoder(RouterProcessSettings, False)(json.loads(text))  # noqa: FBT003
    return settings


def settings_text(settings: RouterProcessSettings) -> str:
    """Write settings as the JSON that ``settings_from`` reads."""
    return json.dumps(encoder(RouterProcessSettings)(settings), indent=1)


def main() -> int:
    """Run the router that the file named on the command line describes."""
    try:
        run(serve(settings_from(Path(sys.argv[1]).read_text())))
    except HaFailoverError as error:
        print(error.message, file=sys.stderr)  # noqa: T201
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
