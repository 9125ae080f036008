"""A loop for each test, and a way to wait for a condition instead of for a time."""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hafailover.system.runner import Runner

PATIENCE_S = 30.0


class Bench:
    """One event loop, and how to run it until something is so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def until(self, holds: Callable[[], object], what: str = "the condition") -> None:
        """Run the loop until ``holds()`` is true; fail after a generous while."""

        async def wait() -> None:
            deadline = self.loop.time() + PATIENCE_S
            while not holds():
                assert self.loop.time() < deadline, f"waited {PATIENCE_S} s for {what}"
                await asyncio.sleep(0.005)

        self.loop.run_until_complete(wait())

    def turn(self) -> None:
        """Let the loop do what is due now."""
        self.loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def bench() -> Iterator[Bench]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield Bench(loop)
    loop.run_until_complete(loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def runner(bench: Bench) -> Iterator[Runner]:
    subject = Runner(bench.loop)
    yield subject
    subject.close()


@contextmanager
def few_descriptors(spare: int = 0) -> Iterator[None]:
    """Leave this process only so many descriptors more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.dup(0) for _ in range(spare + 1)]
    for descriptor in held:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
