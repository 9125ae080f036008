"""What can the lab ask of the first process of a node?

One connection carries one order and one answer, each a JSON object on a line of its own.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run a command in the node and wait for it."""

    arguments: tuple[str, ...]
    deadline_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the command ended."""

    status: int
    """Exit status; above 128 it is 128 plus the signal; 124 when it was killed at its deadline."""
    output: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAgent:
    """Send the agent's process, and it alone, a signal."""

    number: int
    restart: bool = True
    """Whether it is started again after it has ended, as ``daemon -r`` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAgent:
    """Start the agent, now and whenever it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask how the node's processes are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How the node's processes are; process ids are the node's own, None is not running."""

    agent: int | None
    kernel: int | None
    agent_starts: int


Order = Run | SignalAgent | StartAgent | Ask
_ORDERS: dict[str, type[Order]] = {
    "run": Run,
    "signal-agent": SignalAgent,
    "start-agent": StartAgent,
    "ask": Ask,
}


def encode(value: Order | Ended | Answer) -> bytes:
    """Return one line of JSON."""
    fields: dict[str, Any] = asdict(value)
    for word, kind in _ORDERS.items():
        if isinstance(value, kind):
            fields["order"] = word
    return json.dumps(fields).encode() + b"\n"


def decode_order(line: bytes) -> Order:
    """Return the order in ``line``.

    Raises:
        ValueError: it is none.
    """
    fields = json.loads(line)
    kind = _ORDERS.get(fields.pop("order", ""))
    if kind is Run:
        fields["arguments"] = tuple(fields["arguments"])
    if kind is None:
        raise ValueError("unknown order")
    return kind(**fields)


async def _converse(door: Path, order: Order) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(door, limit=16 * 1024 * 1024)
    try:
        writer.write(encode(order))
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise ConnectionResetError("the node ended before it answered")
    fields: dict[str, Any] = json.loads(line)
    return fields


async def run(door: Path, *arguments: str, deadline_s: float = 60.0) -> Ended:
    """Run a command in the node whose door is given.

    Raises:
        OSError: the node is off, or went off meanwhile.
    """
    return Ended(**await _converse(door, Run(arguments=arguments, deadline_s=deadline_s)))


async def ask(door: Path) -> Answer:
    """Ask how the node's processes are.

    Raises:
        OSError: the node is off.
    """
    return Answer(**await _converse(door, Ask()))


async def start_agent(door: Path) -> Answer:
    """Start the agent.

    Raises:
        OSError: the node is off.
    """
    return Answer(**await _converse(door, StartAgent()))


async def signal_agent(door: Path, number: int, *, restart: bool = True) -> Answer:
    """Send the agent a signal.

    Raises:
        OSError: the node is off.
    """
    return Answer(**await _converse(door, SignalAgent(number=number, restart=restart)))
