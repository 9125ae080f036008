"""Puts the virtual addresses of every group on their interfaces, and takes them off.

Each order is answered by ``StepFinished``; whether it worked is seen by looking at the interface.
Of one group only one order is carried out at a time: two at once could leave on what was to be
taken off. A newer order replaces one that has not begun, and what is left of putting them on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hafailover.errors import EdgeError
from hafailover.group.events import Event, StepFinished
from hafailover.storage.steps import StepOutcome
from hafailover.system.child import Ended
from hafailover.system.ifconfig import (
    Interface,
    InterfaceView,
    assign_command,
    look_command,
    parse_interface,
    release_command,
)
from hafailover.system.linux_addresses import LinuxAddresses
from hafailover.system.looks import OUTPUT_BYTES_MAX
from hafailover.system.runner import Runner
from hafailover.units import seconds

_DEADLINE: Final = seconds(5)

Feed = Callable[[str, Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressScope:
    """The virtual addresses of one group."""

    interface: str
    addresses: tuple[Interface, ...]


@dataclass(slots=True)
class _Order:
    """One order: the commands that are left of it, and what came of those before."""

    step_id: int
    commands: deque[tuple[str, ...]]
    puts_on: bool = False
    stderr: list[str] = field(default_factory=list)
    status: int | None = 0
    took_ns: int = 0


class IfconfigAddressPort:
    """The addresses through ifconfig(8), for FreeBSD."""

    def __init__(self, runner: Runner, scopes: Mapping[str, AddressScope], feed: Feed) -> None:
        self._runner = runner
        self._scopes = scopes
        self._feed = feed
        self._running: dict[str, _Order] = {}
        self._waiting: dict[str, _Order] = {}
        self._assigned: set[str] = set()

    def assign(self, group: str, step_id: int) -> None:
        """Put them on; a second time only those that are missing or that another host had.

        To the kernel, putting an IPv4 address on that is there is taking it off first (in.c).
        """
        scope = self._scopes[group]
        commands = deque(assign_command(scope.interface, address) for address in scope.addresses)
        if group in self._assigned:
            commands = deque([look_command(scope.interface)])
        self._assigned.add(group)
        self._order(group, _Order(step_id, commands, puts_on=True))

    def release(self, group: str, step_id: int) -> None:
        """Take them off; ifconfig exits 1 for one that is not there."""
        scope = self._scopes[group]
        commands = (release_command(scope.interface, address) for address in scope.addresses)
        self._assigned.discard(group)
        self._order(group, _Order(step_id, deque(commands)))

    def _order(self, group: str, order: _Order) -> None:
        if group not in self._running:
            self._running[group] = order
            self._next(group)
            return
        replaced, running = self._waiting.get(group), self._running[group]
        if running.puts_on and running.commands:
            # Nothing more goes on when it is to come off, and nobody waits for that as often as there are addresses.
            running.commands.clear()
            running.status = None
            running.stderr.append("replaced by a newer order")
        self._waiting[group] = order
        if replaced is not None:
            outcome = StepOutcome(status=None, problem="replaced by a newer order")
            self._feed(group, StepFinished(id=replaced.step_id, outcome=outcome))

    def _next(self, group: str) -> None:
        order = self._running[group]
        if not order.commands:
            self._finish(group, order)
            return
        argv = order.commands.popleft()

        def ended(result: Ended) -> None:
            order.took_ns += result.took_ns
            if group in self._waiting and argv == look_command(self._scopes[group].interface):
                order.status = None
                order.stderr.append("replaced by a newer order")
            elif argv == look_command(self._scopes[group].interface):
                self._plan(group, order, result)
            elif result.status != 0:
                order.status = result.status
                order.stderr.append(result.problem or result.stderr.decode(errors="replace"))
            self._next(group)

        self._runner.start(argv, deadline=_DEADLINE, done=ended, keep=OUTPUT_BYTES_MAX)

    def _plan(self, group: str, order: _Order, looked: Ended) -> None:
        """Have what is missing put on; nothing where that was not seen: it would take off what is there."""
        scope = self._scopes[group]
        view = parse_interface(looked.stdout.decode(errors="replace"))
        if looked.status == 0 and isinstance(view, InterfaceView):
            order.commands.extend(missing_commands(scope, view))
            return
        order.status = None
        said = looked.problem or looked.stderr.decode(errors="replace")
        order.stderr.append(said or f"what ifconfig says of {scope.interface} is not understood")

    def _finish(self, group: str, order: _Order) -> None:
        del self._running[group]
        following = self._waiting.pop(group, None)
        if following is not None:
            self._running[group] = following
            self._next(group)
        text = "; ".join(part.strip() for part in order.stderr)
        outcome = StepOutcome(
            status=order.status,
            stderr=text,
            took_ns=order.took_ns,
            problem=text if order.status is None else "",
        )
        self._feed(group, StepFinished(id=order.step_id, outcome=outcome))


def missing_commands(scope: AddressScope, view: InterfaceView) -> tuple[tuple[str, ...], ...]:
    """Return what puts on the addresses that are not usable.

    One that is there has to be taken off first: found duplicated it would stay so (nd6.c), and the prefix length of
    an IPv6 address cannot be changed (in6.c).
    """
    present = {address.ip for address in view.addresses}
    usable = set(view.addresses) - set(view.duplicated)
    commands = []
    for address in scope.addresses:
        if address in usable:
            continue
        if address.ip in present:
            commands.append(release_command(scope.interface, address))
        commands.append(assign_command(scope.interface, address))
    return tuple(commands)


class NetlinkAddressPort:
    """The addresses over netlink, for a plain virtual router on Linux; one system call each."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        edges: Mapping[str, LinuxAddresses],
        scopes: Mapping[str, AddressScope],
        feed: Feed,
    ) -> None:
        self._loop = loop
        self._edges = edges
        self._scopes = scopes
        self._feed = feed

    def assign(self, group: str, step_id: int) -> None:
        """Put them on."""
        self._change(group, step_id, self._edges[group].add)

    def release(self, group: str, step_id: int) -> None:
        """Take them off."""
        self._change(group, step_id, self._edges[group].remove)

    def _change(self, group: str, step_id: int, change: Callable[[Interface], None]) -> None:
        problems = []
        for address in self._scopes[group].addresses:
            try:
                change(address)
            except EdgeError as error:
                problems.append(error.message)
        text = "; ".join(problems)
        outcome = StepOutcome(status=1 if problems else 0, stderr=text)
        self._loop.call_soon(self._feed, group, StepFinished(id=step_id, outcome=outcome))
