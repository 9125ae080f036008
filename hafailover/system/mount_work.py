"""What a worker does at a mount point: guard it while bare, free it of users, prove that it writes.

Nothing but the device number tells a mounted directory from a bare one: it differs from that of
``..``, which leads out of a mounted file system.
"""

# Neither pathlib nor typing is imported, nor what they draw in: they take a worker longer to load
# than everything that it needs.
# ruff: noqa: PTH116

from __future__ import annotations

import os
import stat
import time

from hafailover.system.work import Refusal, run_program, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

    from hafailover.storage.facts import Opener

NOTICE: Final = "NOTHING-IS-MOUNTED-HERE"
NOTICE_TEXT: Final = b"hafailover guards this directory while its volume is not mounted on it.\n"
CANARY_DIRECTORY: Final = ".hafailover"
CANARY_FILE: Final = "canary"
MARKS_FILE: Final = "drill"
_MARKS_SIZE_MAX: Final = 4 * 1024 * 1024
_CANARY_SIZE: Final = 512
_POLL_SECONDS: Final = 0.1
_TERM: Final = 15
_KILL: Final = 9
"""Signal numbers are the same on every host (signal(3)); the module of that name is slow to load."""


def guard_mount_point(*, path: str) -> dict[str, Any]:
    """Make the bare directory unwritable, so that nobody's data ends up under the volume.

    Mode 000 and, where the host has it, the system immutable flag, which binds root as well; a
    mount on top needs neither. A directory that is missing is made, if its parent is there.
    """
    _make_directory(path, 0)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        status = os.fstat(descriptor)
        if is_mounted(path):
            raise Refusal(f"something is mounted on {path}")
        flags = getattr(status, "st_flags", 0)
        if stat.S_IMODE(status.st_mode) == 0 and (_has_no_flags() or flags & stat.SF_IMMUTABLE):
            return {"guarded": "already"}
        _leave_notice(descriptor)
        os.fchmod(descriptor, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not _has_no_flags():
        _set_immutable(path, flags)
    return {"guarded": "now"}


def kill_users(
    *, path: str, patience: float, limit: float, spare: Iterable[int] = ()
) -> dict[str, Any]:
    """End every process that uses the file system mounted on ``path``: TERM, then KILL.

    Args:
        path: The mount point.
        patience: Seconds between the two signals.
        limit: Seconds after which whoever is still there is reported as left.
        spare: Processes that are never ended, besides this worker, its agent and init.

    Returns:
        ``told``: everybody who got a signal; ``left``: who is still there; each by name and pid.
    """
    if not is_mounted(path):
        raise Refusal(f"nothing is mounted on {path}")
    spared = {0, 1, os.getpid(), os.getppid(), *spare}
    told: dict[int, str] = {}
    started = time.monotonic()
    forced = False
    while users := [user for user in _users(path) if user.pid not in spared]:
        elapsed = time.monotonic() - started
        if elapsed >= limit:
            return {"told": list(told.values()), "left": [_call(user) for user in users]}
        forced = forced or elapsed >= patience
        for user in users:
            # Newcomers get both signals as well; nobody gets TERM twice.
            if forced or user.pid not in told:
                told[user.pid] = _call(user)
                _signal(user.pid, _KILL if forced else _TERM)
        time.sleep(_POLL_SECONDS)
    return {"told": list(told.values()), "left": []}


def canary(*, mount_point: str, sequence: int) -> dict[str, Any]:
    """Write a number into the volume and wait until it is durable: proof that its I/O progresses.

    The file keeps its one block, so every write but the first changes only that block.
    """
    directory, descriptor = _open_own_file(mount_point, CANARY_FILE)
    try:
        is_fresh = os.fstat(descriptor).st_size == 0
        write_whole(descriptor, f"{sequence}\n".encode().ljust(_CANARY_SIZE, b"\0"), 0)
        os.fsync(descriptor)
        if is_fresh:
            os.fsync(directory)
    finally:
        os.close(descriptor)
        os.close(directory)
    return {"sequence": sequence}


def append_mark(*, mount_point: str, line: str) -> dict[str, Any]:
    """Append a line to the drill's file in the volume and wait until it is durable.

    A drill's first line begins with ``begin`` and empties the file; a file that has grown too large takes no more.
    """
    directory, descriptor = _open_own_file(mount_point, MARKS_FILE)
    try:
        if line.startswith("begin "):
            os.ftruncate(descriptor, 0)
        size = os.fstat(descriptor).st_size
        if size > _MARKS_SIZE_MAX:
            raise Refusal(f"{mount_point}/{CANARY_DIRECTORY}/{MARKS_FILE} has grown too large")
        write_whole(descriptor, f"{line}\n".encode(), size)
        os.fsync(descriptor)
        if size == 0:
            os.fsync(directory)
    finally:
        os.close(descriptor)
        os.close(directory)
    return {"size": size}


def is_mounted(path: str) -> bool:
    """Return whether ``path`` is the root of a mounted file system."""
    here, above = os.stat(path), os.stat(f"{path}/..")
    return here.st_dev != above.st_dev


def _has_no_flags() -> bool:
    return not hasattr(os, "chflags")


def _open_own_file(mount_point: str, name: str) -> tuple[int, int]:
    """Open the agent's directory in the volume and a file in it; what is missing is made."""
    if not is_mounted(mount_point):
        raise Refusal(f"nothing is mounted on {mount_point}")
    directory = _open_own_directory(mount_point)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        return directory, os.open(name, flags, 0o600, dir_fd=directory)
    except OSError:
        os.close(directory)
        raise


def _open_own_directory(mount_point: str) -> int:
    """Open it only where it seems to be: the volume belongs to others, who must not choose where root writes."""
    root = os.open(mount_point, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _make_directory(CANARY_DIRECTORY, 0o700, root)
        found = os.stat(CANARY_DIRECTORY, dir_fd=root, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode) or found.st_dev != os.fstat(root).st_dev:
            what = "is a link or a file, or something else is mounted on it"
            raise Refusal(f"{mount_point}/{CANARY_DIRECTORY} {what}: nothing is written there")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        return os.open(CANARY_DIRECTORY, flags, dir_fd=root)
    finally:
        os.close(root)


def _make_directory(path: str, mode: int, within: int | None = None) -> None:
    try:
        os.mkdir(path, mode, dir_fd=within)
    except FileExistsError:
        return


def _leave_notice(directory: int) -> None:
    try:
        descriptor = os.open(
            NOTICE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400, dir_fd=directory
        )
    except FileExistsError:
        return
    try:
        write_whole(descriptor, NOTICE_TEXT, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_immutable(path: str, flags: int) -> None:
    """Set the flag by path, for want of a call by descriptor, and take it back if a mount came."""
    os.chflags(path, flags | stat.SF_IMMUTABLE)  # type: ignore[attr-defined,unused-ignore]
    if is_mounted(path):
        os.chflags(path, flags)  # type: ignore[attr-defined,unused-ignore]
        raise Refusal(f"something was mounted on {path} just now")


def _users(path: str) -> tuple[Opener, ...]:
    # Imported here: what it draws in would double the start-up time of every worker.
    from hafailover.storage.observation import ObservationError  # noqa: PLC0415
    from hafailover.storage.openers import parse_openers  # noqa: PLC0415

    status, output = run_program(("fstat", "-f", path))
    if status != 0:
        raise Refusal(f"fstat -f {path} ended with exit status {status}")
    try:
        return parse_openers(output.decode("utf-8", "replace"))
    except ObservationError as error:
        raise Refusal(f"who uses {path} is unknown: {error}") from error


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _call(user: Opener) -> str:
    return f"{user.command} (pid {user.pid})"
