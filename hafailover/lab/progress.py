"""How far is a rebuild?

Asked of the primary's mirror itself, with gmirror(8), as an operator would.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hafailover.lab.world import World

_PERCENT: Final = re.compile(r"SYNCHRONIZING, (\d+)%")
_BAR: Final = 40


async def rebuild_percent(world: World) -> int | None:
    """Return how much of a rebuild is done; None while none is seen."""
    for name in world.observer.look().mounted:
        try:
            ended = await world.nodes[name].run("gmirror", "status", deadline_s=2.0)
        except OSError:
            continue
        if match := _PERCENT.search(ended.output):
            return int(match[1])
    return None


def bar(percent: int) -> str:
    """Return a progress bar."""
    done = _BAR * percent // 100
    return f"rebuild [{'█' * done}{'·' * (_BAR - done)}] {percent:3} %"
