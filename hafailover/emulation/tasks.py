"""How do many threads of a modelled kernel wait for each other without any real thread?

A thread is a generator that yields the ``Completion`` it sleeps on and is resumed with its value.
Nothing here knows the time but through ``Scheduler.advance``.
"""

import heapq
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Completion:
    """Something that will have happened once: a sleeping thread's wait channel."""

    __slots__ = ("_callbacks", "done", "interruptible", "value")

    def __init__(self, *, interruptible: bool = False) -> None:
        self.done = False
        self.value: Any = None
        self.interruptible = interruptible
        self._callbacks: list[Callable[[Any], None]] = []

    def finish(self, value: Any = None) -> None:
        """Let everybody who waits go on with ``value``; a second call changes nothing."""
        if self.done:
            return
        self.done = True
        self.value = value
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(value)

    def then(self, callback: Callable[[Any], None]) -> None:
        """Call ``callback`` with the value, at once if it is there already."""
        if self.done:
            callback(self.value)
        else:
            self._callbacks.append(callback)


Coroutine = Generator[Completion, Any, T]
"""A thread of the model: yields what it sleeps on, returns a ``T``."""


class Timer:
    """A callout(9): one call at one moment, unless cancelled before."""

    __slots__ = ("_callback", "_serial", "when")

    def __init__(self, when: int, serial: int, callback: Callable[[], None]) -> None:
        self.when = when
        self._serial = serial
        self._callback: Callable[[], None] | None = callback

    def __lt__(self, other: "Timer") -> bool:
        return (self.when, self._serial) < (other.when, other._serial)

    def cancel(self) -> None:
        """Forget the call."""
        self._callback = None

    @property
    def pending(self) -> bool:
        """Whether the call is still to be made."""
        return self._callback is not None

    def fire(self) -> None:
        """Make the call, once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Task:
    """One running thread; ``waiting`` is what it sleeps on, ``result`` when it has ended."""

    __slots__ = ("_body", "name", "result", "waiting")

    def __init__(self, name: str, body: Coroutine[Any]) -> None:
        self.name = name
        self.result = Completion()
        self.waiting: Completion | None = None
        self._body = body

    def resume(self, value: Any) -> None:
        """Run until the next sleep that is not over yet, or to the end."""
        self.waiting = None
        while True:
            try:
                completion = self._body.send(value)
            except StopIteration as stop:
                self.result.finish(stop.value)
                return
            if not completion.done:
                self.waiting = completion
                completion.then(self._woken)
                return
            value = completion.value

    def _woken(self, value: Any) -> None:
        if self.waiting is not None:
            self.resume(value)

    def interrupt(self) -> bool:
        """End the thread if it sleeps interruptibly; say whether it did."""
        waiting = self.waiting
        if waiting is None or not waiting.interruptible:
            return False
        self.waiting = None
        self._body.close()
        return True


class Scheduler:
    """Runs tasks and timers of one kernel in virtual time (``now``, nanoseconds)."""

    __slots__ = ("_ready", "_running", "_serial", "_timers", "now")

    def __init__(self) -> None:
        self.now = 0
        self._ready: deque[Callable[[], None]] = deque()
        self._running = False
        self._serial = 0
        self._timers: list[Timer] = []

    def spawn(self, name: str, body: Coroutine[Any]) -> Task:
        """Start a thread; it runs when the present one sleeps."""
        task = Task(name, body)
        self.soon(lambda: task.resume(None))
        return task

    def soon(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after what runs now."""
        self._ready.append(callback)

    def after(self, span: int, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` in ``span`` nanoseconds."""
        self._serial += 1
        timer = Timer(self.now + max(0, span), self._serial, callback)
        heapq.heappush(self._timers, timer)
        return timer

    def sleep(self, span: int, *, interruptible: bool = True) -> Completion:
        """Return a completion that finishes in ``span`` nanoseconds."""
        completion = Completion(interruptible=interruptible)
        self.after(span, completion.finish)
        return completion

    def deadline(self) -> int | None:
        """Return the moment at which ``advance`` is needed next, or None."""
        timers = self._timers
        while timers and not timers[0].pending:
            heapq.heappop(timers)
        return timers[0].when if timers else None

    def advance(self, now: int) -> None:
        """Let the time become ``now``, making every call that falls due on the way, in order."""
        self.run()
        while (due := self.deadline()) is not None and due <= now:
            timer = heapq.heappop(self._timers)
            self.now = max(self.now, timer.when)
            timer.fire()
            self.run()
        self.now = max(self.now, now)

    def run(self) -> None:
        """Run everything that can run at this moment."""
        if self._running:
            return
        self._running = True
        ready = self._ready
        try:
            while ready:
                ready.popleft()()
        finally:
            self._running = False


class Lock:
    """An exclusive sleeping lock, handed over in order of arrival."""

    __slots__ = ("_queue", "held")

    def __init__(self) -> None:
        self.held = False
        self._queue: deque[Completion] = deque()

    def acquire(self) -> Coroutine[None]:
        """Sleep uninterruptibly until the lock is ours."""
        if self.held:
            turn = Completion()
            self._queue.append(turn)
            yield turn
        self.held = True

    def release(self) -> None:
        """Give the lock to who waited longest."""
        if self._queue:
            self._queue.popleft().finish()
        else:
            self.held = False
