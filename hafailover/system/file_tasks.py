"""Storage steps that are work on files, performed by a worker: words in, a ``StepOutcome`` out.

Arguments of each ``FileStep``, by task (``path`` and ``deadline`` are fields of the step):

* CLEAR_TAIL: ``path`` the image; ``size``; optionally ``expect``, the SHA-256 that its last sector
  must still have.
* WRITE_MARKER: the same, and ``close_id``.
* SYNC_IMAGE: ``path`` the image.
* PREPARE_EXPORT: ``path`` the image; ``directory`` of all sessions; ``session``; ``name`` under
  which the image is exported; ``client``, the only IPv4 address that may connect.
* REMOVE_EXPORT: ``directory`` and ``session``.
* GUARD_MOUNT_POINT, KILL_USERS: ``path`` the mount point.
* APPEND_MARK: ``path`` the mount point; ``line``.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from hafailover.storage.facts import ImageFacts, TailKind
from hafailover.storage.steps import FileStep, FileTask, StepOutcome
from hafailover.storage.tail import ZERO_SECTOR, decode_tail, encode_marker
from hafailover.system.worker import Answer, AnswerKind, Worker
from hafailover.units import SECOND, Nanoseconds

_DONE: Final = 0
_NOT_DONE: Final = 1


async def run_file_step(worker: Worker, step: FileStep) -> StepOutcome:
    """Perform a step; ends within its deadline.

    Status 0 is done, 1 declined or failed with the reason in ``stderr``, None unknown: abandoned,
    or lost with its worker.
    """
    operation, arguments = request_of(step)
    return outcome_of(step, await worker.call(operation, arguments, step.deadline))


async def look_at_image(worker: Worker, path: str, deadline: Nanoseconds) -> ImageFacts:
    """Look at one image; ends within the deadline. What cannot be seen stands in ``problem``."""
    return image_facts(await worker.call("look_at_image", {"path": path}, deadline))


def request_of(step: FileStep) -> tuple[str, dict[str, Any]]:
    """Return the worker's operation for a step, with its arguments."""
    given = dict(step.arguments)
    match step.task:
        case FileTask.CLEAR_TAIL:
            return "write_tail", _tail_arguments(step, given, ZERO_SECTOR)
        case FileTask.WRITE_MARKER:
            return "write_tail", _tail_arguments(step, given, encode_marker(given["close_id"]))
        case FileTask.SYNC_IMAGE:
            return "sync_image", {"path": step.path}
        case FileTask.PREPARE_EXPORT:
            words = {word: given[word] for word in ("directory", "session", "name", "client")}
            return "prepare_export", {"image": step.path, **words}
        case FileTask.REMOVE_EXPORT:
            return "remove_export", {word: given[word] for word in ("directory", "session")}
        case FileTask.GUARD_MOUNT_POINT:
            return "guard_mount_point", {"path": step.path}
        case FileTask.KILL_USERS:
            limit = step.deadline / SECOND
            # TERM gets a third of the time, and the answer must be back before the deadline.
            return "kill_users", {"path": step.path, "patience": limit / 3, "limit": limit * 0.8}
        case FileTask.APPEND_MARK:
            return "append_mark", {"mount_point": step.path, "line": given["line"]}


def outcome_of(step: FileStep, answer: Answer) -> StepOutcome:
    """Tell an answer as the outcome of a step."""
    match answer.kind:
        case AnswerKind.DONE:
            left = answer.result.get("left", [])
            return StepOutcome(
                status=_NOT_DONE if left else _DONE,
                stdout=json.dumps(answer.result),
                stderr=f"still there: {', '.join(left)}" if left else "",
                took_ns=answer.took_ns,
            )
        case AnswerKind.REFUSED | AnswerKind.FAILED | AnswerKind.NOT_BEGUN:
            return StepOutcome(status=_NOT_DONE, stderr=answer.problem, took_ns=answer.took_ns)
        case AnswerKind.ABANDONED | AnswerKind.LOST:
            problem = f"{step.task.value}: {answer.problem}"
            return StepOutcome(status=None, problem=problem, took_ns=answer.took_ns)


def image_facts(answer: Answer) -> ImageFacts:
    """Tell an answer to ``look_at_image`` as facts.

    An image that could not be looked at is said to exist, unread: nothing may be concluded from it.
    """
    if not answer.is_done:
        return ImageFacts(exists=True, problem=answer.problem)
    seen = answer.result
    if not seen["exists"]:
        return ImageFacts(exists=False)
    sector = bytes.fromhex(seen["sector"])
    tail = decode_tail(sector) if sector else None
    return ImageFacts(
        exists=True,
        size_bytes=seen["size_bytes"],
        device=seen["device"],
        inode=seen["inode"],
        birth_ns=seen["birth_ns"],
        is_writable=seen["is_writable"],
        is_sparse=seen["is_sparse"],
        tail=tail.kind if tail is not None else TailKind.UNREAD,
        tail_sha256=hashlib.sha256(sector).hexdigest() if sector else "",
        metadata=tail.metadata if tail is not None else None,
        marker=tail.marker if tail is not None else "",
        problem=seen["problem"],
    )


def _tail_arguments(step: FileStep, given: Mapping[str, str], sector: bytes) -> dict[str, Any]:
    return {
        "path": step.path,
        "size": int(given["size"]),
        "sector": sector.hex(),
        "expect": given.get("expect", ""),
    }
