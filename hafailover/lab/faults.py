"""How is each fault of a scenario brought about?"""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hafailover.lab import kernel
from hafailover.lab.configuration import MIRROR
from hafailover.lab.plan import Cut, Network
from hafailover.lab.scenario import NODES, Fault, ScenarioError, Verb

if TYPE_CHECKING:
    from pathlib import Path

    from hafailover.lab.world import World

SIMULATOR_ONLY: Final = frozenset(
    {
        Verb.LOSE,
        Verb.DISK,
        Verb.ARBITER,
        Verb.SERVICE,
        Verb.CLOCK,
        Verb.RECORD,
        Verb.IMAGE,
    }
)
"""Faults for which the lab has no means."""


async def cause(world: World, fault: Fault) -> None:  # noqa: C901 - one flat table of all faults
    """Bring ``fault`` about.

    Raises:
        ScenarioError: its words make no sense.
    """
    match fault.verb:
        case Verb.POWER_OFF:
            await world.nodes[_node(fault)].power_off()
        case Verb.POWER_ON:
            await world.nodes[_node(fault)].power_on()
        case Verb.KILL_AGENT:
            is_for_good = fault.words[1:] == ("for-good",)
            node = _node(replace(fault, words=fault.words[:1]) if is_for_good else fault)
            await world.nodes[node].signal_agent(signal.SIGKILL, restart=not is_for_good)
        case Verb.FREEZE:
            await world.nodes[_node(fault)].freeze()
        case Verb.THAW:
            await world.nodes[_node(fault)].thaw()
        case Verb.RESTART_AGENT:
            await world.nodes[_node(fault)].signal_agent(signal.SIGUSR1)
        case Verb.STOP_AGENT:
            await world.nodes[_node(fault)].signal_agent(signal.SIGTERM, restart=False)
        case Verb.START_AGENT:
            await world.nodes[_node(fault)].start_agent()
        case Verb.CUT:
            network, node, rest = _cable(fault)
            await world.switch.cut(node, network, _cut(rest))
        case Verb.HEAL:
            network, node, _ = _cable(fault)
            await world.switch.heal(node, network)
        case Verb.MEMBER:
            await _to_member(world, fault.words)
        case Verb.KERNEL:
            await _disturb(world, fault.words[0], fault.words[1:])
        case verb:
            assert verb in SIMULATOR_ONLY  # noqa: S101
            raise ScenarioError(f"{verb.value}: only the simulator can do that")


def _node(fault: Fault) -> str:
    if len(fault.words) != 1:
        raise ScenarioError(f"{fault.verb.value} takes one node and nothing else")
    if fault.words[0] not in NODES:
        raise ScenarioError(f"{fault.words[0]} is no node")
    return fault.words[0]


async def _to_member(world: World, words: tuple[str, ...]) -> None:
    if world.etcd is None or len(words) != 2:
        raise ScenarioError("with the arbiter etcd: 'member kill|start|freeze|thaw etcd1'")
    match words[0]:
        case "kill":
            await world.etcd.kill(words[1])
        case "start":
            await world.etcd.start(words[1])
        case "freeze":
            world.etcd.freeze(words[1])
        case "thaw":
            world.etcd.thaw(words[1])
        case other:
            raise ScenarioError(f"{other} is none of kill, start, freeze, thaw")


def _cable(fault: Fault) -> tuple[Network, str, tuple[str, ...]]:
    networks = {network.value: network for network in Network}
    if len(fault.words) < 2 or fault.words[0] not in networks:
        raise ScenarioError(f"{fault.verb.value} reads '{fault.verb.value} lan|replication A'")
    return networks[fault.words[0]], fault.words[1], fault.words[2:]


def _cut(rest: tuple[str, ...]) -> Cut:
    words = {cut.value: cut for cut in Cut}
    if not rest:
        return Cut.CARRIER
    if len(rest) > 1 or rest[0] not in words:
        raise ScenarioError(f"a cut is one of {', '.join(words)}")
    return words[rest[0]]


async def _disturb(world: World, node: str, words: tuple[str, ...]) -> None:
    """Give an order to a node's kernel; the names of its things stand for them."""
    names: dict[str, Path | str] = {
        "IMAGE": world.paths.image,
        "MOUNT": world.paths.files.mount_point,
        "DEVICE": f"/dev/mirror/{MIRROR}",
    }
    try:
        await kernel.disturb(world.nodes[node].files.root, words, names)
    except ValueError as problem:
        raise ScenarioError(str(problem)) from problem
