"""How does a drill put faults into a running host?

Words come in, JSON objects go to the kernel's door:

``hang PROGRAM [WORD...]``, ``slow SECONDS PROGRAM [WORD...]``, ``fail STATUS PROGRAM [WORD...]``
(once; ``always`` before them keeps them), ``busy DIRECTORY`` (umount says so once), ``disk ERRNO
FILE`` (an error on every operation; 0 ends it), ``damage TARGET`` (the file
system on a device, or in an image that is not attached, needs a full check), ``clear``.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, Final

from hafailover.lab.host.tool import door

_USAGE: Final = (
    "a fault is one of: [always] hang PROGRAM [WORD...], [always] slow SECONDS PROGRAM [WORD...], "
    "[always] fail STATUS PROGRAM [WORD...], busy DIRECTORY, disk ERRNO FILE, damage DEVICE-OR-IMAGE, clear"
)


def parse(words: tuple[str, ...]) -> dict[str, Any]:
    """Return the order to the kernel that ``words`` mean.

    Raises:
        ValueError: The words mean nothing; the text says what would.
    """
    times = 1
    if words[:1] == ("always",):
        times, words = -1, words[1:]
    match words:
        case ("clear",):
            return {"clear": True}
        case ("hang", program, *rest):
            return {"fault": _fault(program, rest, "hang", times)}
        case ("slow", seconds, program, *rest):
            delay = round(float(seconds) * 1e9)
            return {"fault": _fault(program, rest, "delay", times) | {"delay_ns": delay}}
        case ("fail", status, program, *rest):
            return {"fault": _fault(program, rest, "fail", times) | {"status": int(status)}}
        case ("busy", directory):
            text = f"umount: unmount of {directory} failed: Device busy\n"
            fault = _fault("umount", [directory], "fail", times)
            return {"fault": fault | {"status": 1, "stderr": text}}
        case ("disk", number, path):
            return {"disk": {path: int(number)}}
        case ("damage", device):
            return {"damage": device}
        case _:
            raise ValueError(_USAGE)


def _fault(program: str, words: list[str], kind: str, times: int) -> dict[str, Any]:
    return {"program": program, "words": words, "kind": kind, "times": times}


async def disturb(root: Path, words: tuple[str, ...]) -> None:
    """Put a fault into the host whose directory is ``root``.

    Raises:
        ValueError: The words mean nothing, or the kernel refused.
        OSError: There is no kernel.
    """
    answer = await order(root, parse(words))
    if not answer.get("ok"):
        raise ValueError(str(answer.get("error", "the kernel did not answer")))


async def order(root: Path, words: dict[str, Any]) -> dict[str, Any]:
    """Send one order to the kernel and return its answer."""
    reader, writer = await asyncio.open_unix_connection(door(str(root)))
    try:
        writer.write(json.dumps(words).encode() + b"\n")
        await writer.drain()
        answer: dict[str, Any] = json.loads(await reader.readline() or b"{}")
        return answer
    finally:
        writer.close()
        await writer.wait_closed()
