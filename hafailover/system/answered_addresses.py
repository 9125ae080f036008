"""The virtual addresses of groups that answer for them and accept nothing (``accept: false``).

They are on no interface: to assign them is to answer for them, and to take off what may be there of
an earlier life with another configuration.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Interface, IPv6Interface

from hafailover.errors import EdgeError
from hafailover.group.events import Event, StepFinished
from hafailover.runtime.ports import Addresses
from hafailover.storage.steps import StepOutcome
from hafailover.system.answering import Answerer
from hafailover.system.hardware_addresses import hardware_addresses

Feed = Callable[[str, Event], None]
Say = Callable[[str], None]


class AnsweredAddresses:
    """The addresses of one group, which a Master answers for."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interface: str,
        addresses: Iterable[IPv4Interface | IPv6Interface],
        say: Say,
    ) -> None:
        """Prepare; nothing is answered yet.

        Raises:
            EdgeError: There is no such interface.
        """
        self._loop = loop
        self.interface = interface
        self._addresses = tuple(each.ip for each in addresses)
        self.mac = hardware_addresses([interface])[interface]
        """What is answered with, from the next ``assign`` on."""
        self._say = say
        self._answerers: list[Answerer] = []

    def assign(self) -> None:
        """Answer from now on; a second time is no error.

        Raises:
            EdgeError: It cannot be listened on the interface.
        """
        if self._answerers:
            return
        try:
            for version in sorted({each.version for each in self._addresses}):
                family = tuple(each for each in self._addresses if each.version == version)
                answerer = Answerer(self.interface, family, self.mac, self._say)
                self._answerers.append(answerer)
                self._loop.add_reader(answerer.fileno(), answerer.readable)
        except EdgeError:
            self.release()
            raise

    def release(self) -> None:
        """Answer no more."""
        for answerer in self._answerers:
            self._loop.remove_reader(answerer.fileno())
            answerer.close()
        self._answerers.clear()


class AnsweringAddressPort:
    """Addresses that are put on an interface, but for those of some groups."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        assigned: Addresses,
        answered: Mapping[str, AnsweredAddresses],
        feed: Feed,
    ) -> None:
        """Hand to ``assigned`` what is not of the groups in ``answered``."""
        self._loop = loop
        self._assigned = assigned
        self._answered = answered
        self._feed = feed

    def assign(self, group: str, step_id: int) -> None:
        """Put them on, or begin to answer for them."""
        answered = self._answered.get(group)
        if answered is None:
            self._assigned.assign(group, step_id)
            return
        try:
            answered.assign()
        except EdgeError as error:
            outcome = StepOutcome(status=None, problem=error.message)
            self._loop.call_soon(self._feed, group, StepFinished(id=step_id, outcome=outcome))
        else:
            self._assigned.release(group, step_id)

    def release(self, group: str, step_id: int) -> None:
        """Take them off, and answer for none of them any more."""
        if group in self._answered:
            self._answered[group].release()
        self._assigned.release(group, step_id)

    def use_mac(self, interface: str, mac: str) -> None:
        """Answer with another MAC address: the interface was made again."""
        for answered in self._answered.values():
            if answered.interface == interface:
                answered.mac = mac

    def close(self) -> None:
        """Answer for nothing any more; what is on an interface stays."""
        for answered in self._answered.values():
            answered.release()
