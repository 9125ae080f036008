"""What the operations of a worker process share: how they decline, and writing that survives."""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PTH104, PTH108, PTH120, SIM105

from __future__ import annotations

import os


class Refusal(Exception):  # noqa: N818 - to decline is no error
    """An operation declined to act; the sentence says why, for a human."""


def schedule_ordinarily() -> None:
    """Give up a real-time priority of the agent's, which a child inherits."""
    try:
        if os.sched_getscheduler(0) != os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        # A worker of too high a priority is better than none.
        return


def write_whole(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` at ``offset``."""
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], offset + written)


def run_program(argv: tuple[str, ...]) -> tuple[int, bytes]:
    """Run a command in this worker's process group, to its end, and return status and output."""
    read, write = os.pipe()
    try:
        pid = os.posix_spawnp(
            argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)]
        )
    except OSError:
        os.close(read)
        raise
    finally:
        os.close(write)
    chunks = []
    while chunk := os.read(read, 65536):
        chunks.append(chunk)
    os.close(read)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), b"".join(chunks)


def sync_directory(path: str) -> None:
    """Make what was created, renamed or removed in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Put ``data`` at ``path`` so that a reader, or a power cut, sees the old or the new, whole.

    Never by a file that was there: whoever was given up while it wrote that one may write it still.
    """
    fresh = f"{path}.new"
    try:
        os.unlink(fresh)
    except FileNotFoundError:
        pass
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        os.fchmod(descriptor, mode)
        write_whole(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(fresh, path)
    sync_directory(os.path.dirname(path) or ".")
