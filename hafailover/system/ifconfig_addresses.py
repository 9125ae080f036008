"""Puts a group's addresses on an interface and takes them off, with ifconfig(8) in children."""

from collections import deque
from collections.abc import Callable

from hafailover.system.child import Ended
from hafailover.system.ifconfig import Interface, assign_command, release_command
from hafailover.system.runner import Runner
from hafailover.units import Nanoseconds, seconds

DEADLINE: Nanoseconds = seconds(5)
"""ifconfig answers in milliseconds; on a host where it does not, more is wrong."""


class IfconfigAddresses:
    """The virtual addresses of one group on one interface.

    Commands run one after the other, in the order in which they were asked for: two at once could
    leave on what was to be taken off. Whether it worked is seen by looking, not by exit statuses.
    """

    def __init__(
        self,
        runner: Runner,
        interface: str,
        addresses: tuple[Interface, ...],
        on_change: Callable[[tuple[str, ...], Ended], None],
    ) -> None:
        """Tell ``on_change`` of every command that has ended."""
        self._runner = runner
        self._interface = interface
        self._addresses = addresses
        self._on_change = on_change
        self._waiting: deque[tuple[str, ...]] = deque()
        self._is_running = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._is_running and not self._waiting

    def assign(self) -> None:
        """Put all of them on. What still waited to be taken off is not taken off any more."""
        self._replace(assign_command)

    def release(self) -> None:
        """Take all of them off; ifconfig exits 1 for those that are not there."""
        self._replace(release_command)

    def _replace(self, command: Callable[[str, Interface], tuple[str, ...]]) -> None:
        self._waiting.clear()
        self._waiting.extend(command(self._interface, address) for address in self._addresses)
        self._next()

    def _next(self) -> None:
        if self._is_running or not self._waiting:
            return
        argv = self._waiting.popleft()
        self._is_running = True

        def ended(result: Ended) -> None:
            self._is_running = False
            self._on_change(argv, result)
            self._next()

        self._runner.start(argv, deadline=DEADLINE, done=ended)
