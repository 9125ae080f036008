"""A simulated pair that decides as a configured group does: its timers, its arbiter, its volumes, but small images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hafailover.sim import pair

if TYPE_CHECKING:
    from hafailover.group.settings import GroupSettings


def settings_like(groups: tuple[GroupSettings, GroupSettings]) -> dict[str, GroupSettings]:
    """Return the simulated pair's settings after those of one group on its two nodes; A is the preferred one."""
    ordered = sorted(groups, key=lambda each: not each.is_preferred)
    return {node: _like(each, node) for node, each in zip(pair.NODES, ordered, strict=True)}


def _like(group: GroupSettings, node: str) -> GroupSettings:
    base = pair.group_settings(node, arbiter=group.arbiter)
    routers = tuple(
        replace(each, version=own.version, interval_ns=own.interval_ns)
        for each, own in zip(base.routers, group.routers, strict=False)
        if each.family == own.family
    )
    volumes = tuple(
        replace(each, image=f"/images/{node}-{each.name}.img", size_bytes=pair.IMAGE_SIZE)
        for each in group.volumes
    )
    return replace(
        base,
        name=group.name,
        routers=routers or base.routers,
        volumes=volumes,
        timers=group.timers,
        lease=group.lease,
        fence=group.fence,
        watchdog=group.watchdog,
        failback=group.failback,
        rejoin=group.rejoin,
        rebuild=group.rebuild,
        address_first=group.address_first,
    )
