"""Plays one story with one way and one size of image, in namespaces of its own; prints what was seen as JSON.

python -m benchmarks.data_story STORY WAY MEGABYTES ARBITER ALONE_S WRITE_S
"""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.shares import Shares
from benchmarks.stories import Seen, Story, pair
from hafailover.lab import sandbox
from hafailover.lab.configuration import Tuning

LIMIT_S = 420.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tale:
    """What is to be played."""

    story: str
    """``faults``, ``death`` or ``stale``."""
    way: str
    megabytes: int
    arbiter: str = "ping"
    alone_s: float = 0.0
    write_s: float = 0.0


def tell(tale: Tale) -> Seen:
    """Have a story played by a process of its own.

    Raises:
        RuntimeError: It did not get to its end.
    """
    words = [tale.story, tale.way, tale.megabytes, tale.arbiter, tale.alone_s, tale.write_s]
    command = sandbox.command(["-m", "benchmarks.data_story", *map(str, words)])
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=LIMIT_S)
    if done.returncode:
        raise RuntimeError(f"{tale.story} of {tale.way}, {tale.megabytes} MB, did not end")
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    shares = document.pop("shares")
    return Seen(**document, shares=None if shares is None else Shares(**shares))


async def _play(tale: Tale) -> Seen:
    tuning = Tuning(image_megabytes=tale.megabytes, interval="1s", arbiter=tale.arbiter)
    async with pair(tale.way, tuning) as world:
        story = Story(world, tale.way)
        match tale.story:
            case "faults":
                return await story.play()
            case "death":
                return await story.play_death()
            case "stale":
                return await story.play_stale(tale.alone_s, tale.write_s)
            case _:
                raise ValueError(f"no such story: {tale.story}")


def main(story: str, way: str, megabytes: str, arbiter: str, alone_s: str, write_s: str) -> None:
    """Play what the command line says."""
    os.environ.setdefault("LANG", "C.UTF-8")
    tale = Tale(
        story=story,
        way=way,
        megabytes=int(megabytes),
        arbiter=arbiter,
        alone_s=float(alone_s),
        write_s=float(write_s),
    )
    print(json.dumps(asdict(asyncio.run(_play(tale)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
