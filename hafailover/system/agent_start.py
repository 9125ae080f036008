"""Starts the agent in the event loop that keeps advertisements on time.

A child process, started before anything else, builds the frames with scapy, which takes half a second of computing,
most of it for the import. Meanwhile the agent itself is loaded, in a thread of which nothing is left afterwards.
"""

import asyncio
import importlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hafailover.runtime.settings import NodeSettings
from hafailover.system.early_signals import EarlySignals
from hafailover.system.eventloop import run
from hafailover.system.frame_building import build_frames
from hafailover.system.scapy_start import ScapyStart

if TYPE_CHECKING:
    from hafailover.system.agent import Agent

_AGENT: Final = "hafailover.system.agent"


def start(
    settings: NodeSettings,
    environment: Mapping[str, str],
    config: Path,
    scapy: ScapyStart,
    early: EarlySignals,
) -> int:
    """Run one life of the agent; returns its exit status.

    Args:
        settings: Of this node.
        environment: The agent's own.
        config: The file that the settings are from.
        scapy: The child that builds the frames.
        early: The signals that came before the agent could obey.

    Raises:
        HaFailoverError: It cannot start.
    """
    return run(_live(settings, environment, config, scapy, early))


async def _live(
    settings: NodeSettings,
    environment: Mapping[str, str],
    config: Path,
    scapy: ScapyStart,
    early: EarlySignals,
) -> int:
    building = asyncio.create_task(build_frames(settings.groups, scapy))
    try:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as loader:
            module = await loop.run_in_executor(loader, importlib.import_module, _AGENT)
        agent: Agent = module.Agent(settings, environment, config)
        return await agent.run(building, early)
    finally:
        building.cancel()
        await asyncio.gather(building, return_exceptions=True)
