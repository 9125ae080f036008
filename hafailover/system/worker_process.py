"""A worker process: takes requests from its standard input and answers on its standard output.

A message is its length in four bytes, big-endian, and a value as ``marshal`` writes it: both ends are
the same interpreter, and unlike ``json`` it costs nothing to load. A worker must be there in a few
milliseconds when another one is stuck. Request ``{"id": 7, "op": "sync_image", "args": {...}}``;
answer ``{"id": 7, "done": {...}}``, or ``{"id": 7, "refused": "sentence"}`` when it declined to act,
or ``{"id": 7, "failed": "sentence"}`` when the host did not let it. End of file ends the worker: it
does not outlive its agent.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.

from __future__ import annotations

import marshal
import os

from hafailover.system import (
    compare_work,
    export_work,
    image_work,
    mount_work,
    state_work,
    sysctl_work,
)
from hafailover.system.work import Refusal, schedule_ordinarily

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

OPERATIONS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "look_at_image": image_work.look_at_image,
    "write_tail": image_work.write_tail,
    "sync_image": image_work.sync_image,
    "prepare_export": export_work.prepare_export,
    "remove_export": export_work.remove_export,
    "guard_mount_point": mount_work.guard_mount_point,
    "kill_users": mount_work.kill_users,
    "canary": mount_work.canary,
    "append_mark": mount_work.append_mark,
    "read_sysctl": sysctl_work.read_sysctl,
    "hash_blocks": compare_work.hash_blocks,
    "files_of": compare_work.files_of,
    "begin_kept": compare_work.begin_kept,
    "keep_blocks": compare_work.keep_blocks,
    "end_kept": compare_work.end_kept,
    "keep_file": state_work.keep_file,
    "write_record": state_work.write_record,
    "read_file": state_work.read_file,
    "write_file": state_work.write_file,
}
"""Every operation by its name; arguments are given by keyword."""


_HEADER = 4
"""Bytes of a message's length."""


def main() -> None:
    """Serve until standard input ends."""
    schedule_ordinarily()
    while header := _read(_HEADER):
        request = marshal.loads(_read(int.from_bytes(header, "big")))  # noqa: S302 - our agent's
        answer = marshal.dumps(perform(request))
        _write(len(answer).to_bytes(_HEADER, "big") + answer)


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


def _read(length: int) -> bytes:
    """Read exactly so many bytes, or none at the end."""
    data = b""
    while len(data) < length:
        chunk = os.read(0, length - len(data))
        if not chunk:
            return b""
        data += chunk
    return data


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
