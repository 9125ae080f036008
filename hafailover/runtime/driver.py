"""How does an event become actions, in order, journaled, and with the next deadline set?

One driver serves all groups of a node, under the agent's loop and under the simulator alike. Ports
may feed the driver while it performs an action: such an event waits until the actions before it are
through, so that every group sees one event at a time, in the order in which they came.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from hafailover.group.events import DeadlineReached, Event, LatenessSeen
from hafailover.runtime.core import Core
from hafailover.runtime.journal import Journal
from hafailover.runtime.performer import perform
from hafailover.runtime.ports import Ports
from hafailover.units import Instant


class Driver:
    """Feeds the cores, performs what they ask for, and keeps the alarm set."""

    def __init__(self, cores: Mapping[str, Core[Any]], ports: Ports, journal: Journal) -> None:
        self._cores = dict(cores)
        self._ports = ports
        self._journal = journal
        self._states: dict[str, Any] = {name: core.initial for name, core in cores.items()}
        self._deadlines: dict[str, Instant] = {}
        self._waiting: deque[tuple[str, Event]] = deque()
        self._is_busy = False
        self._alarm: Instant | None = None
        self._tolerated = min((core.lateness for core in cores.values()), default=0)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups, in the order of the configuration."""
        return tuple(self._cores)

    @property
    def alarm(self) -> Instant | None:
        """When the loop is asked to wake the driver next."""
        return self._alarm

    def state(self, group: str) -> Any:
        """Return the present state of a group, for who shows it."""
        return self._states[group]

    def feed(self, group: str, event: Event) -> None:
        """Let ``event`` happen to ``group``: now, or after what is happening already."""
        if not self._is_busy:
            self._tell_lateness()
        self._waiting.append((group, event))
        self._drain()

    def feed_all(self, event: Event) -> None:
        """Let ``event`` happen to every group."""
        for group in self._cores:
            self.feed(group, event)

    def wake(self) -> None:
        """Do what is due; called when the alarm goes off. Too early is harmless."""
        self._tell_lateness()
        self._queue_due(self._ports.clock.now())
        self._drain()

    def _queue_due(self, now: Instant) -> None:
        self._alarm = None
        due = [group for group, instant in self._deadlines.items() if instant <= now]
        self._waiting.extend((group, DeadlineReached()) for group in due)

    def _tell_lateness(self) -> None:
        """Tell every group that this process was away, before it acts on what piled up.

        After a pause the sockets are full: without this, hours-old packets would be believed
        before anybody noticed that the clock went on (design 5.6).
        """
        if self._alarm is None:
            return
        now = self._ports.clock.now()
        late_ns = now - self._alarm
        if late_ns <= self._tolerated:
            return
        tardy = [name for name, core in self._cores.items() if late_ns > core.lateness]
        if tardy:
            self._waiting.extend((name, LatenessSeen(late_ns=late_ns)) for name in tardy)
            self._queue_due(now)
            self._drain()

    def _drain(self) -> None:
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._waiting:
                group, event = self._waiting.popleft()
                self._step(group, event)
        finally:
            self._is_busy = False
        self._set_alarm()

    def _step(self, group: str, event: Event) -> None:
        core, before = self._cores[group], self._states[group]
        now = self._ports.clock.now()
        after, actions = core.step(before, event, now)
        self._states[group] = after
        self._journal.add(group, now=now, before=before, event=event, actions=actions)
        for action in actions:
            perform(self._ports, group, action)
        deadline = core.deadline(after)
        if deadline is None:
            self._deadlines.pop(group, None)
        else:
            self._deadlines[group] = deadline

    def _set_alarm(self) -> None:
        nearest = min(self._deadlines.values(), default=None)
        if nearest is not None:
            # One that lies in the past is due now, and nobody was late for it before it was set.
            nearest = max(nearest, self._ports.clock.now())
        if nearest != self._alarm:
            self._alarm = nearest
            self._ports.alarm.set(nearest)
