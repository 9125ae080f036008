"""Starts the agent in the event loop that keeps advertisements on time."""

from collections.abc import Mapping

from hafailover.runtime.settings import NodeSettings
from hafailover.system.agent import Agent
from hafailover.system.eventloop import run


def start(settings: NodeSettings, environment: Mapping[str, str]) -> int:
    """Run one life of the agent; returns its exit status.

    Raises:
        HaFailoverError: It cannot start.
    """

    async def live() -> int:
        return await Agent(settings, environment).run()

    return run(live())
