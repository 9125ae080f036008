"""Who answers the ifconfig program of a lab node?

Wire: the client connects to a UNIX socket, sends its arguments, each ended by a zero byte, and
shuts its side down; the answer is the exit status as one byte, the length of standard output (u32,
big-endian), standard output, and the rest is standard error.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from typing import TYPE_CHECKING, Final

from pyroute2 import NetlinkError

from hafailover.lab.ifconfig import arguments
from hafailover.lab.ifconfig.arguments import (
    Change,
    ChangeAddress,
    ListNames,
    Refused,
    SetLink,
    Show,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hafailover.lab.ifconfig.links import Links
    from hafailover.lab.ifconfig.render import Interface

_NOT_THERE: Final = "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address"

_CLIENT: Final = """\
#!{python} -IS
import sys
from _socket import AF_UNIX, SHUT_WR, SOCK_STREAM, socket

door = socket(AF_UNIX, SOCK_STREAM)
door.connect({path!r})
door.send("".join(word + "\\0" for word in sys.argv[1:]).encode())
door.shutdown(SHUT_WR)
answer = b""
while part := door.recv(65536):
    answer += part
if not answer:
    sys.exit(1)
size = int.from_bytes(answer[1:5], "big")
sys.stdout.write(answer[5 : 5 + size].decode())
sys.stderr.write(answer[5 + size :].decode())
sys.stdout.flush()
sys.exit(answer[0])
"""


def install(program: Path, door: Path) -> None:
    """Write the client that asks the service at ``door`` to the file ``program``."""
    program.write_text(_CLIENT.format(python=sys.executable, path=str(door)), encoding="ascii")
    program.chmod(0o755)


async def execute(links: Links, words: list[str]) -> tuple[int, str, str]:
    """Carry one command line out; return exit status, standard output and standard error."""
    interfaces = {one.name: one for one in await links.interfaces()}
    match arguments.parse(words, interfaces):
        case ListNames():
            return 0, " ".join(interfaces) + "\n", ""
        case Show(interface=name, family=family, cidr=cidr):
            shown = [interfaces[name]] if name is not None else list(interfaces.values())
            return 0, "".join(one.render(family=family, cidr=cidr) for one in shown), ""
        case ChangeAddress() as order:
            return await _change(links, interfaces[order.interface], order)
        case SetLink(interface=name, up=up):
            await links.set_up(interfaces[name], up=up)
            return 0, "", ""
        case Refused(sentence=sentence):
            return 1, "", sentence + "\n"


async def _change(links: Links, interface: Interface, order: ChangeAddress) -> tuple[int, str, str]:
    """Change one address."""
    try:
        match order.change:
            case Change.ADD:
                await links.add(interface, order.address)
            case Change.REPLACE:
                family = order.address.version
                same = [a.value for a in interface.addresses if a.value.version == family]
                for old in same[:1]:
                    await links.remove(interface, old)
                await links.add(interface, order.address)
            case Change.REMOVE:
                if not await links.remove(interface, order.address):
                    return 1, "", _NOT_THERE + "\n"
    except NetlinkError as problem:
        return 1, "", f"ifconfig: ioctl (SIOCAIFADDR): {problem}\n"
    return 0, "", ""


async def serve(links: Links, door: Path) -> asyncio.Server:
    """Answer clients at the UNIX socket ``door`` until the returned server is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.read()).decode().split("\0")[:-1]
        status, output, error = await execute(links, words)
        raw = output.encode()
        writer.write(struct.pack("!BI", status, len(raw)) + raw + error.encode())
        writer.close()

    return await asyncio.start_unix_server(answer, door)
