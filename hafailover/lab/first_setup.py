"""How does the volume come into being, before the agents start?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hafailover.lab.world import World


async def prepare(world: World) -> None:
    """Make the file system on one node and the same image on the other."""
