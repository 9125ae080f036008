"""What do the agents say of themselves?

The only thing the lab asks an agent is what ``hafailover status --json`` tells everybody.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hafailover.lab.world import World

_DEADLINE_S = 10.0

IN_SYNC = "in_sync"


async def status(world: World, node: str) -> dict[str, Any]:
    """Return what the agent on ``node`` says; empty if it says nothing."""
    try:
        ended = await world.nodes[node].run(
            *world.hafailover("status", "--json"), deadline_s=_DEADLINE_S
        )
        document = json.loads(ended.output)
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


async def copies(world: World) -> dict[str, str]:
    """Return the copy state by node, as each running agent says of its own copy."""
    found = {}
    for name, node in world.nodes.items():
        if node.pid is None:
            continue
        said = await status(world, name)
        for group in said.get("groups", []):
            for volume in group.get("volumes", []):
                found[name] = copy_said(group, volume)
    return found


def copy_said(group: dict[str, Any], volume: dict[str, Any]) -> str:
    """Return what an agent says of its copy of a volume.

    A node that was away believes its copy to be in sync until it has heard of the other one.
    """
    copy = str(volume.get("copy", "unknown"))
    return "not agreed" if copy == IN_SYNC and not group.get("in_sync") else copy
