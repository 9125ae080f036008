"""How does a request to the arbiter reach the fence device?

A node is powered off once, whoever asks: groups that lose the same node at the same time wait for
one and the same proof.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hafailover.arbiter.answers import IsOff, IsOn, NotOff, Unknown
from hafailover.arbiter.requests import PowerOff, PowerOn, Request
from hafailover.group.events import ArbiterAnswered, Event
from hafailover.system.fence_agent import FenceAgent

_Answer = IsOff | IsOn | NotOff | Unknown


class FenceArbiter:
    """The arbiter port over a fence agent."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        agent: FenceAgent,
        feed: Callable[[str, Event], None],
    ) -> None:
        self._loop = loop
        self._agent = agent
        self._feed = feed
        self._running: dict[PowerOff | PowerOn, asyncio.Task[_Answer]] = {}

    def ask(self, group: str, request_id: int, request: Request) -> None:
        """Have it done; answered within the device's deadline."""
        assert isinstance(request, PowerOff | PowerOn), request  # noqa: S101
        task = self._running.get(request)
        if task is None:
            task = self._loop.create_task(self._do(request))
            self._running[request] = task
            task.add_done_callback(lambda _: self._running.pop(request))
        task.add_done_callback(lambda done: self._answer(group, request_id, done))

    async def close(self) -> None:
        """Wait for nothing any more; the runner ends the agent's processes."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _do(self, request: PowerOff | PowerOn) -> Coroutine[Any, Any, _Answer]:
        if isinstance(request, PowerOff):
            return self._agent.power_off(request.node)
        return self._agent.power_on(request.node)

    def _answer(self, group: str, request_id: int, task: asyncio.Task[_Answer]) -> None:
        if not task.cancelled():
            self._feed(group, ArbiterAnswered(id=request_id, answer=task.result()))
