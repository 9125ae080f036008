"""An event loop whose hours pass at once: its clock leaps to the next timer whenever nothing real is awaited."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any

from hafailover.override import override

_LOOK_S = 0.05


class _Leaping(selectors.DefaultSelector):
    """Waits in real time for what is real, and for a timer not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0
        self.under_way: set[asyncio.Future[Any]] = set()

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if self.under_way or timeout is None:
            return super().select(_LOOK_S)
        self.passed += max(timeout, 0.0)
        return []


class SwiftLoop(asyncio.SelectorEventLoop):
    """Time stands still while a thread works for the loop, such as one that asks a web server."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    @override
    def time(self) -> float:
        return self._leaping.passed

    @override
    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._leaping.under_way.add(future)
        future.add_done_callback(self._leaping.under_way.discard)
        return future


def run_swiftly(story: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a loop of its own."""
    with asyncio.Runner(loop_factory=SwiftLoop) as runner:
        runner.run(story)
