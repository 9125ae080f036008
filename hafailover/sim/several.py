"""A second group on the same two hosts: its preferred node is the other one, so each host serves and follows at once.

What one group asks for can strike the other one: a host is reset, or shot, for all of them, an agent is one process.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING

from hafailover.sim import pair
from hafailover.sim.world import World

if TYPE_CHECKING:
    from hafailover.group.settings import GroupSettings

FIRST_SEED = 30_000_000
"""From this seed on a run strikes two groups."""
_NAME = "mail"
_VRID = 2
_PRIORITIES = {"A": 100, "B": 200}


def add_group(world: World) -> None:
    """Set a second group beside the one of a world whose hosts are still off."""
    settings = {node: second(world.settings[node]) for node in pair.NODES}
    tell = world.tell
    told = None if tell is None else lambda line: tell(f"{line}  [{_NAME}]")
    World(0, settings, tell=told, gateway=world.gateway, beside=world)


def second(first: GroupSettings) -> GroupSettings:
    """Return the settings of the second group, after those of the first one on the same node."""
    address = ip_interface("192.0.2.101/32")
    (router,) = first.routers
    _, volume = pair.volumes(first.node, 2)
    return replace(
        first,
        name=_NAME,
        routers=(
            replace(
                router,
                vrid=_VRID,
                priority=_PRIORITIES[first.node],
                addresses=(address.ip,),
            ),
        ),
        addresses=(address,),
        volumes=(replace(volume, gate_timeout_s=first.volumes[0].gate_timeout_s),),
        is_preferred=not first.is_preferred,
    )
