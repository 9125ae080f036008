"""How does a group see its interface: addresses and carrier?"""

import asyncio
from collections.abc import Callable
from typing import Final

from hafailover.errors import EdgeError
from hafailover.storage.observation import ObservationError
from hafailover.system.ifconfig import (
    Interface,
    InterfaceView,
    NotUnderstood,
    look_command,
    parse_interface,
)
from hafailover.system.linux_addresses import LinuxAddresses
from hafailover.system.looks import CommandLook, Seen
from hafailover.system.observer import InterfaceFacts
from hafailover.system.runner import Runner
from hafailover.units import seconds

_DEADLINE: Final = seconds(2)


def ifconfig_look(
    loop: asyncio.AbstractEventLoop, runner: Runner, interface: str
) -> CommandLook[InterfaceFacts]:
    """Return the look through ifconfig(8), for FreeBSD."""
    return CommandLook(
        loop,
        runner,
        argv=look_command(interface),
        deadline=_DEADLINE,
        parse=interface_facts,
    )


def interface_facts(text: str) -> InterfaceFacts:
    """Tell what ``ifconfig INTERFACE`` printed as facts.

    Raises:
        ObservationError: It was not understood.
    """
    view = parse_interface(text)
    if isinstance(view, NotUnderstood):
        raise ObservationError("ifconfig(8)", view.text)
    addresses = tuple(f"{address}{_state(view, address)}" for address in view.addresses)
    return InterfaceFacts(addresses=addresses, link_up=view.is_up and view.has_carrier is not False)


def _state(view: InterfaceView, address: Interface) -> str:
    if address in view.duplicated:
        return " duplicated"
    return " tentative" if address in view.tentative else ""


class NetlinkLook:
    """The same on Linux, where one system call answers at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, edge: LinuxAddresses) -> None:
        self._loop = loop
        self._edge = edge

    def ask(self, done: Callable[[Seen[InterfaceFacts]], None]) -> None:
        """Look; ``done`` is called later, exactly once."""
        self._loop.call_soon(done, self._see())

    def _see(self) -> Seen[InterfaceFacts]:
        try:
            addresses = tuple(str(address) for address in self._edge.list())
            facts = InterfaceFacts(addresses=addresses, link_up=self._edge.link().is_up)
        except EdgeError as error:
            return Seen(value=None, problem=error.message)
        return Seen(value=facts)
