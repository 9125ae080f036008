"""A worker process: takes requests from its standard input, one JSON object per line, and answers.

Request ``{"id": 7, "op": "sync_image", "args": {...}}``; answer ``{"id": 7, "done": {...}}``, or
``{"id": 7, "refused": "sentence"}`` when it declined to act, or ``{"id": 7, "failed": "sentence"}``
when the host did not let it. End of file ends the worker: it does not outlive its agent.

It imports next to nothing, since it must be there in a few milliseconds when another one is stuck.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hafailover.system import export_work, image_work, mount_work, state_work
from hafailover.system.work import Refusal

OPERATIONS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "look_at_image": image_work.look_at_image,
    "write_tail": image_work.write_tail,
    "sync_image": image_work.sync_image,
    "prepare_export": export_work.prepare_export,
    "remove_export": export_work.remove_export,
    "guard_mount_point": mount_work.guard_mount_point,
    "kill_users": mount_work.kill_users,
    "canary": mount_work.canary,
    "create_record": state_work.create_record,
    "write_record": state_work.write_record,
    "read_file": state_work.read_file,
    "write_file": state_work.write_file,
}
"""Every operation by its name; arguments are given by keyword."""


def main() -> None:
    """Serve until standard input ends."""
    _schedule_ordinarily()
    for line in _lines(0):
        _write(1, json.dumps(perform(json.loads(line)), separators=(",", ":")).encode() + b"\n")


def perform(request: Mapping[str, Any]) -> dict[str, Any]:
    """Perform one request and return its answer; an error in it is an answer too."""
    number = request["id"]
    operation = OPERATIONS.get(request["op"])
    if operation is None:
        return {"id": number, "failed": f"no operation {request['op']!r}"}
    try:
        return {"id": number, "done": operation(**request["args"])}
    except Refusal as refusal:
        return {"id": number, "refused": str(refusal)}
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return {"id": number, "failed": f"{where}{error.strerror or error}"}
    except Exception as error:  # noqa: BLE001 - the caller reports it; the worker stays of use
        return {"id": number, "failed": f"{request['op']}: {type(error).__name__}: {error}"}


def _schedule_ordinarily() -> None:
    """Give up a real-time priority of the agent's, which a child inherits."""
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _lines(descriptor: int) -> Iterator[bytes]:
    pending = b""
    while chunk := os.read(descriptor, 65536):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from whole


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
