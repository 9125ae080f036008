"""A pair that stands in the lab, and what its processes cost."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hafailover.lab import agent_view
from hafailover.lab.configuration import Tuning
from hafailover.lab.world import PRODUCT, Cast, World

PATIENCE_S = 180.0
_LOOK_S = 0.2


@asynccontextmanager
async def standing(tuning: Tuning, cast: Cast = PRODUCT) -> AsyncIterator[World]:
    """Bring a pair up, and down again."""
    with tempfile.TemporaryDirectory(prefix="hafailover-bench-") as directory:
        async with World(Path(directory), tuning, cast) as world:
            await world.start()
            yield world


async def until_settled(world: World, primary: str = "A") -> None:
    """Wait until one node serves, the client is answered, and both copies are in sync."""
    await until(lambda: world.observer.look().addressed == {primary}, f"{primary} serves")
    # A busy machine emulates a rebuild of a few megabytes per second.
    end = time.monotonic() + PATIENCE_S + world.tuning.image_megabytes / 2
    while True:
        said = await agent_view.copies(world)
        if len(said) == len(world.nodes) and set(said.values()) == {agent_view.IN_SYNC}:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"the copies do not get in sync: {said}")
        await asyncio.sleep(_LOOK_S)


async def until(holds: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until ``holds()`` is true."""
    end = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {patience_s} s: {what}")
        await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used so far."""

    cpu_s: float
    children_s: float
    """Of children that have ended."""
    resident_bytes: int
    turns: int
    """How often it got a processor: its wake-ups, and a few more on a busy machine."""


def usage(pid: int) -> Usage:
    """Read what a process of this host has used."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat[stat.rindex(")") + 2 :].split()
    running_ns, _, turns = map(int, Path(f"/proc/{pid}/schedstat").read_text().split())
    return Usage(
        cpu_s=running_ns / 1e9,
        children_s=(int(fields[13]) + int(fields[14])) / 100,
        resident_bytes=int(fields[21]) * 4096,
        turns=turns,
    )


def processes_of_agent(world: World, node: str) -> dict[int, str]:
    """Return the agent of a node and its workers, by process id, with what each is."""
    found = {}
    for pid in world.nodes[node].processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[1:4] == [b"-m", b"hafailover", b"run"]:
            found[pid] = "agent"
        elif words[1:4] == [b"-I", b"-S", b"-c"]:
            found[pid] = "worker"
    return found
