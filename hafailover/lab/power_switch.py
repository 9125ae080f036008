"""A switch on the LAN that the nodes' power comes from, and the fence agent that speaks to it.

The switch listens in a machine of its own. One JSON line asks, one answers: ``{"outlet": "A",
"action": "off"}``, ``{"state": "off"}``. An outlet that is on says nothing about the host behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from hafailover.lab import mounts
from hafailover.lab.plan import lan_machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hafailover.lab.bystander import Bystander
    from hafailover.lab.node import Node

PROGRAM: Final = "fence_switch"
ADDRESS: Final = "192.168.1.20"
PORT: Final = 9100
MACHINE: Final = lan_machine("switch", f"{ADDRESS}/24")
_PASSWORD: Final = "the switch's"  # noqa: S105 -- of a toy
_PATIENCE_S: Final = 3.0


def options(node: str) -> dict[str, str]:
    """Return what the fence agent needs to know to power ``node`` off."""
    return {"ipaddr": ADDRESS, "port": node, "passwd": _PASSWORD}


def install(programs: Path) -> None:
    """Put the fence agent among a node's programs."""
    program = programs / PROGRAM
    program.write_text(
        f"#!/bin/sh\nexec {sys.executable} -m hafailover.lab.power_switch\n", "ascii"
    )
    program.chmod(0o755)


class PowerSwitch:
    """The switch itself."""

    def __init__(self, machine: Bystander, nodes: Mapping[str, Node]) -> None:
        """Prepare a switch in ``machine`` that feeds ``nodes``."""
        self._machine = machine
        self._nodes = nodes
        self._is_on = dict.fromkeys(nodes, True)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen in the machine's network."""
        listener = await asyncio.to_thread(_listener, self._machine.pid)
        self._server = await asyncio.start_server(self._meet, sock=listener)

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            words = json.loads(await reader.readline())
            writer.write(json.dumps(await self._do(words)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _do(self, words: dict[str, Any]) -> dict[str, str]:
        outlet, action = str(words.get("outlet")), words.get("action")
        if outlet not in self._nodes or words.get("password") != _PASSWORD:
            return {"error": "no such outlet, or the wrong password"}
        if action == "off":
            await self._nodes[outlet].power_off()
            self._is_on[outlet] = False
        elif action == "on" and not self._is_on[outlet]:
            self._is_on[outlet] = True
            await self._nodes[outlet].power_on()
        return {"state": "on" if self._is_on[outlet] else "off"}


def _listener(pid: int) -> socket.socket:
    """Return a socket that listens in the network of process ``pid``; for a thread of its own."""
    with open(f"/proc/{pid}/ns/net", "rb") as network:  # noqa: PTH123 -- setns wants a descriptor
        mounts.setns(network.fileno(), mounts.CLONE_NEWNET)
    return socket.create_server((ADDRESS, PORT))


def main() -> int:
    """Be the fence agent: options on standard input, exit statuses of the convention."""
    given = dict(line.rstrip("\n").partition("=")[::2] for line in sys.stdin if "=" in line)
    action = given.get("action", "")
    if action == "metadata":
        sys.stdout.write('<resource-agent name="fence_switch"/>\n')
        return 0
    question = {"outlet": given.get("port"), "action": action, "password": given.get("passwd")}
    try:
        place = (given["ipaddr"], PORT)
        with socket.create_connection(place, _PATIENCE_S) as way, way.makefile("rw") as lines:
            way.settimeout(_PATIENCE_S)
            lines.write(json.dumps(question) + "\n")
            lines.flush()
            state = json.loads(lines.readline())["state"]
    except (OSError, ValueError, KeyError) as problem:
        sys.stderr.write(f"the switch does not answer: {problem}\n")
        return 1
    sys.stdout.write(f"Status: {state.upper()}\n")
    return 2 if action == "status" and state == "off" else 0


if __name__ == "__main__":
    sys.exit(main())
