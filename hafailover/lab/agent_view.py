"""What do the agents say of themselves?

The only thing the lab asks an agent is what ``hafailover status --json`` tells everybody.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hafailover.lab.scenario import wanted_copies

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hafailover.lab.scenario import Truth
    from hafailover.lab.world import World

_DEADLINE_S = 10.0
_STANDSTILL_S = 12.0
"""A node that stands still does not even end a command at its deadline."""

IN_SYNC = "in_sync"
DOWN = "down"
"""The role of a node of which no agent says anything."""
NO = "no "
"""Before the name of an alert: that one is not raised."""


async def status(world: World, node: str) -> dict[str, Any]:
    """Return what the agent on ``node`` says; empty if it says nothing."""
    try:
        async with asyncio.timeout(_STANDSTILL_S):
            ended = await world.nodes[node].run(
                *world.hafailover("status", "--json"), deadline_s=_DEADLINE_S
            )
        document = json.loads(ended.output)
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


async def missing(world: World, truth: Truth) -> str:
    """Return what of ``truth`` no agent says, as words; empty if they say all of it."""
    copies = {} if truth.copies is None else wanted_copies(truth.copies)
    roles, alerts = truth.roles or {}, truth.alerts or {}
    said = await _groups(world, {*copies, *roles, *alerts})
    return (
        _wrong_copies(said, copies)
        or wrong_roles({node: group.get("role", DOWN) for node, group in said.items()}, roles)
        or wrong_alerts(
            {
                node: {each["kind"] for each in group.get("alerts", [])}
                for node, group in said.items()
            },
            alerts,
        )
    )


async def copies(world: World) -> dict[str, str]:
    """Return the copy state by node, as each running agent says of its own copy."""
    said = await _groups(world, world.nodes)
    return {node: copy for node, group in said.items() for copy in _copies_said(group)}


async def _groups(world: World, nodes: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what each of the agents says of the lab's one group; nothing of it if it says nothing."""
    return {
        name: next(iter((await status(world, name)).get("groups", [])), {})
        if world.nodes[name].pid is not None
        else {}
        for name in sorted(nodes)
    }


def _copies_said(group: Mapping[str, Any]) -> list[str]:
    return [copy_said(group, volume) for volume in group.get("volumes", [])]


def _wrong_copies(said: Mapping[str, dict[str, Any]], wanted: Mapping[str, str]) -> str:
    found = {node: _copies_said(said[node]) for node in wanted}
    if all(set(found[node]) == {copy} for node, copy in wanted.items()):
        return ""
    known = {node: ", ".join(each) or "not known" for node, each in found.items()}
    return f"the copies are {dict(wanted)} (they are {known})"


def wrong_roles(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """Return the first node that has not the role it should have, as words; empty if all have."""
    for node, role in wanted.items():
        if found[node] != role:
            return f"{node} is {role} (it is {found[node]})"
    return ""


def wrong_alerts(found: Mapping[str, Collection[str]], wanted: Mapping[str, str]) -> str:
    """Return the first alert that is raised and should not, or the reverse, as words; empty if none."""
    for node, words in wanted.items():
        raised = found[node]
        if (words.removeprefix(NO) in raised) == words.startswith(NO):
            return f"{node} has the alert {words} (it has {', '.join(sorted(raised)) or 'none'})"
    return ""


def copy_said(group: Mapping[str, Any], volume: Mapping[str, Any]) -> str:
    """Return what an agent says of its copy of a volume.

    A node that was away believes its copy to be in sync until it has heard of the other one.
    """
    copy = str(volume.get("copy", "unknown"))
    return "not agreed" if copy == IN_SYNC and not group.get("in_sync") else copy
