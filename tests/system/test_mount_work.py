"""What workers do at mount points: guard the bare ones, free the others of users, prove writing."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from hafailover.storage.steps import FileTask
from hafailover.system import mount_work
from hafailover.system.file_tasks import outcome_of, request_of
from hafailover.system.work import Refusal
from hafailover.system.worker import Answer, AnswerKind
from tests.system.file_steps import perform, step


def test_a_bare_mount_point_is_guarded_once(tmp_path: Path) -> None:
    point = tmp_path / "mnt"
    outcome = perform(step(FileTask.GUARD_MOUNT_POINT, point))
    assert (outcome.status, json.loads(outcome.stdout)) == (0, {"guarded": "already"})
    assert stat.S_IMODE(point.stat().st_mode) == 0
    point.chmod(0o755)
    outcome = perform(step(FileTask.GUARD_MOUNT_POINT, point))
    assert json.loads(outcome.stdout) == {"guarded": "now"}
    assert stat.S_IMODE(point.stat().st_mode) == 0
    point.chmod(0o700)
    assert [entry.name for entry in point.iterdir()] == [mount_work.NOTICE]


def test_a_mounted_directory_is_never_guarded() -> None:
    with pytest.raises(Refusal, match="something is mounted on /proc"):
        mount_work.guard_mount_point(path="/proc")


def test_a_host_with_file_flags_gets_the_immutable_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(
        os, "chflags", lambda path, flags: calls.append((path, flags)), raising=False
    )
    mount_work.guard_mount_point(path=str(tmp_path / "mnt"))
    assert calls == [(str(tmp_path / "mnt"), stat.SF_IMMUTABLE)]


def test_a_mount_that_comes_in_between_is_freed_of_the_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(os, "chflags", lambda _path, flags: calls.append(flags), raising=False)
    monkeypatch.setattr(mount_work, "is_mounted", lambda _path: bool(calls))
    with pytest.raises(Refusal, match="just now"):
        mount_work.guard_mount_point(path=str(tmp_path / "mnt"))
    assert calls == [stat.SF_IMMUTABLE, 0]


def test_the_canary_writes_only_where_something_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refusal, match="nothing is mounted"):
        mount_work.canary(mount_point=str(tmp_path), sequence=1)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(mount_work, "is_mounted", lambda _path: True)
    for sequence in (1, 12345, 7):
        mount_work.canary(mount_point=str(tmp_path), sequence=sequence)
        content = (tmp_path / ".hafailover" / "canary").read_bytes()
        assert content == f"{sequence}\n".encode().ljust(512, b"\0")


@pytest.mark.parametrize(
    "write",
    [
        partial(mount_work.canary, sequence=1),
        partial(mount_work.append_mark, line="begin 1"),
    ],
    ids=["canary", "mark"],
)
def test_nothing_is_written_where_a_link_in_the_volume_leads(
    write: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mount_work, "is_mounted", lambda _path: True)
    volume, elsewhere = tmp_path / "volume", tmp_path / "elsewhere"
    volume.mkdir()
    elsewhere.mkdir()
    (volume / ".hafailover").symlink_to(elsewhere)
    with pytest.raises(Refusal, match=r"volume/\.hafailover is a link or a file"):
        write(mount_point=str(volume))
    assert list(elsewhere.iterdir()) == []


def test_a_link_that_comes_in_between_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mount_work, "is_mounted", lambda _path: True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / ".hafailover").symlink_to(elsewhere)
    before = elsewhere.lstat()
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda *_, **__: before)
        with pytest.raises(OSError, match=r"\.hafailover"):
            mount_work.canary(mount_point=str(tmp_path), sequence=1)
    assert list(elsewhere.iterdir()) == []


def test_what_is_mounted_inside_the_volume_proves_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mount_work, "is_mounted", lambda _path: True)
    monkeypatch.setattr(mount_work, "CANARY_DIRECTORY", "proc")
    with pytest.raises(Refusal, match="something else is mounted on it"):
        mount_work.canary(mount_point="/", sequence=1)


FSTAT = """#!/bin/sh
[ "$1" = -f ] || exit 1
echo "USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W"
while read -r pid; do
    grep -q '^State:.[^ZX]' "/proc/$pid/status" 2>/dev/null &&
        echo "root     python $pid   wd $2      2 drwxr-xr-x     512  r"
done < {pids}
exit 0
"""
OBEDIENT = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(600)"
)


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return the processes that use a mounted file system, one of which ignores SIGTERM."""
    fstat = tmp_path / "bin" / "fstat"
    fstat.parent.mkdir()
    pids = tmp_path / "pids"
    fstat.write_text(FSTAT.replace("{pids}", str(pids)))
    fstat.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fstat.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(mount_work, "is_mounted", lambda _path: True)
    with (
        subprocess.Popen([sys.executable, "-c", OBEDIENT]) as obedient,
        subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as stubborn,
    ):
        assert stubborn.stdout is not None
        assert stubborn.stdout.readline() == b"ready\n"
        found = [obedient.pid, stubborn.pid]
        # This test itself and its parent use the file system too; the worker must spare them.
        pids.write_text("".join(f"{pid}\n" for pid in (*found, os.getpid(), os.getppid())))
        try:
            yield found
        finally:
            obedient.kill()
            stubborn.kill()


def test_users_are_told_and_then_killed(users: list[int]) -> None:
    result = mount_work.kill_users(path="/mnt/x", patience=0.5, limit=60.0)
    assert sorted(result["told"]) == sorted(f"python (pid {pid})" for pid in users)
    assert result["left"] == []


def test_users_that_may_not_be_killed_are_not_waited_for(users: list[int]) -> None:
    result = mount_work.kill_users(path="/mnt/x", patience=0.2, limit=60.0, spare=users)
    assert result == {"told": [], "left": []}


def test_whoever_is_still_there_is_named(users: list[int]) -> None:
    result = mount_work.kill_users(path="/mnt/x", patience=60.0, limit=0.5)
    assert f"python (pid {users[1]})" in result["left"]
    outcome = outcome_of(
        step(FileTask.KILL_USERS, "/mnt/x"), Answer(kind=AnswerKind.DONE, result=result)
    )
    assert outcome.status == 1
    assert f"pid {users[1]}" in outcome.stderr


def test_nobody_is_killed_when_it_is_unknown_who_uses_it(users: list[int], tmp_path: Path) -> None:
    (tmp_path / "bin" / "fstat").write_text("#!/bin/sh\necho nonsense\n")
    with pytest.raises(Refusal, match="unknown"):
        mount_work.kill_users(path="/mnt/x", patience=0.1, limit=1.0)
    (tmp_path / "bin" / "fstat").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(Refusal, match="exit status 1"):
        mount_work.kill_users(path="/mnt/x", patience=0.1, limit=1.0)
    for pid in users:
        os.kill(pid, 0)


def test_the_mounted_are_told_from_the_bare(tmp_path: Path) -> None:
    assert mount_work.is_mounted("/proc")
    assert not mount_work.is_mounted(str(tmp_path))


def test_users_are_ended_within_the_deadline_of_the_step() -> None:
    operation, arguments = request_of(step(FileTask.KILL_USERS, "/mnt/x"))
    assert operation == "kill_users"
    assert 0 < arguments["patience"] < arguments["limit"] < 60
