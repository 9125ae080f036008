"""What runs in GEOM's one event thread, and who sleeps behind it?

geom_event.c: tasting, spoiling and most control verbs run in a single thread, in order. When it
waits for a read of a dead device, everything queued behind waits with it and cannot be killed.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from hafailover.emulation.tasks import Completion, Coroutine, Scheduler

Event = Callable[[], Coroutine[Any]]


class EventThread:
    """The thread that ps(1) shows as [geom]: a queue of events and whoever sleeps for them."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queue: deque[tuple[Event, Completion]] = deque()
        self._busy = False
        self._idle: list[Completion] = []

    def post(self, event: Event, *, first: bool = False) -> Completion:
        """Queue ``event``; its result comes through the completion (g_post_event).

        ``first`` is for orphaned providers, which the thread looks at before all else.
        """
        completion = Completion()
        if first:
            self._queue.appendleft((event, completion))
        else:
            self._queue.append((event, completion))
        if not self._busy:
            self._busy = True
            self._scheduler.spawn("g_event", self._run())
        return completion

    def run_in(self, event: Event) -> Coroutine[Any]:
        """Run ``event`` in the thread and sleep until it has run (g_waitfor_event)."""
        result = yield self.post(event)
        return result

    def wait_idle(self) -> Coroutine[None]:
        """Sleep until nothing is queued (g_waitidle, on the way back to user mode)."""
        if self._busy:
            completion = Completion()
            self._idle.append(completion)
            yield completion

    @property
    def busy(self) -> bool:
        """Whether an event runs or waits to be run."""
        return self._busy

    def _run(self) -> Coroutine[None]:
        while self._queue:
            event, completion = self._queue.popleft()
            result = yield from event()
            completion.finish(result)
        self._busy = False
        idle, self._idle = self._idle, []
        for completion in idle:
            completion.finish()
