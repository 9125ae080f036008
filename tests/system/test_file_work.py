"""What workers do to real files: images, exports, mount points, records."""

import asyncio
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hafailover.storage.facts import ImageFacts, TailKind
from hafailover.storage.steps import FileStep, FileTask, StepOutcome
from hafailover.storage.tail import ZERO_SECTOR, encode_marker
from hafailover.system import mount_work
from hafailover.system.export_work import prepare_export, remove_export
from hafailover.system.file_tasks import (
    image_facts,
    look_at_image,
    outcome_of,
    request_of,
    run_file_step,
)
from hafailover.system.image_work import write_tail
from hafailover.system.state_work import SLOT, create_record, read_file, write_file, write_record
from hafailover.system.work import Refusal
from hafailover.system.worker import Answer, AnswerKind, Worker
from hafailover.units import seconds

PATIENT = seconds(60)
SIZE = 8192
FOREIGN = b"GEOM::MIRROR".ljust(512, b"x")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "data.img"
    path.write_bytes(os.urandom(SIZE - 512) + FOREIGN)
    return path


def step(task: FileTask, path: Path | str, **arguments: str) -> FileStep:
    return FileStep(task=task, path=str(path), deadline=PATIENT, arguments=tuple(arguments.items()))


def perform(wanted: FileStep) -> StepOutcome:
    async def whole() -> StepOutcome:
        worker = Worker(asyncio.get_running_loop(), "a test")
        try:
            return await run_file_step(worker, wanted)
        finally:
            worker.close()

    return asyncio.run(whole())


def look(path: Path) -> ImageFacts:
    async def whole() -> ImageFacts:
        worker = Worker(asyncio.get_running_loop(), "a test")
        try:
            return await look_at_image(worker, str(path), PATIENT)
        finally:
            worker.close()

    return asyncio.run(whole())


def test_an_image_is_seen_as_it_is(image: Path) -> None:
    seen = look(image)
    status = image.stat()
    assert (seen.device, seen.inode) == (status.st_dev, status.st_ino)
    assert (seen.exists, seen.size_bytes, seen.is_writable) == (True, SIZE, True)
    assert seen.tail is TailKind.FOREIGN
    assert seen.tail_sha256 == hashlib.sha256(FOREIGN).hexdigest()
    assert not seen.is_sparse
    assert seen.problem == ""


def test_a_missing_image_is_missing_and_an_odd_one_is_unread(tmp_path: Path) -> None:
    assert look(tmp_path / "missing") == ImageFacts(exists=False)
    odd = tmp_path / "odd"
    odd.write_bytes(b"x" * 700)
    for path in (odd, tmp_path):
        seen = look(path)
        assert (seen.exists, seen.tail) == (True, TailKind.UNREAD)
        assert seen.problem


def test_an_image_with_holes_is_sparse(tmp_path: Path) -> None:
    path = tmp_path / "sparse.img"
    with path.open("wb") as file:
        file.truncate(1 << 20)
    seen = look(path)
    assert (seen.is_sparse, seen.tail) == (True, TailKind.ZERO)


def test_an_image_that_could_not_be_looked_at_proves_nothing() -> None:
    seen = image_facts(Answer(kind=AnswerKind.ABANDONED, problem="hung"))
    assert (seen.exists, seen.tail, seen.problem) == (True, TailKind.UNREAD, "hung")


def test_the_tail_is_cleared_and_marked_and_nothing_else_changes(image: Path) -> None:
    before = image.read_bytes()
    cleared = perform(
        step(
            FileTask.CLEAR_TAIL,
            image,
            size=str(SIZE),
            expect=hashlib.sha256(FOREIGN).hexdigest(),
        )
    )
    assert cleared.status == 0
    assert json.loads(cleared.stdout) == {"was": FOREIGN.hex()}
    assert image.read_bytes() == before[:-512] + ZERO_SECTOR
    marked = perform(step(FileTask.WRITE_MARKER, image, size=str(SIZE), close_id="5f-1"))
    assert marked.status == 0
    assert image.read_bytes() == before[:-512] + encode_marker("5f-1")
    seen = look(image)
    assert (seen.tail, seen.marker) == (TailKind.MARKER, "5f-1")


@pytest.mark.parametrize(
    ("size", "expect", "reason"),
    [
        (SIZE, "0" * 64, "changed since it was looked at"),
        (SIZE + 512, "", f"has {SIZE} bytes, not the {SIZE + 512}"),
    ],
)
def test_an_image_that_is_not_as_told_is_left_alone(
    image: Path, size: int, expect: str, reason: str
) -> None:
    before = image.read_bytes()
    outcome = perform(step(FileTask.CLEAR_TAIL, image, size=str(size), expect=expect))
    assert outcome.status == 1
    assert reason in outcome.stderr
    assert image.read_bytes() == before


def test_only_a_regular_file_has_a_tail() -> None:
    with pytest.raises(Refusal, match="not a regular file"):
        write_tail(path="/dev/null", size=512, sector=ZERO_SECTOR.hex())


def test_an_image_is_synced(image: Path) -> None:
    assert perform(step(FileTask.SYNC_IMAGE, image)).status == 0
    assert perform(step(FileTask.SYNC_IMAGE, image.parent / "missing")).status == 1


def export(image: Path, directory: Path, session: str = "data-5f") -> FileStep:
    return step(
        FileTask.PREPARE_EXPORT,
        image,
        directory=str(directory),
        session=session,
        name="data.img",
        client="192.0.2.1",
    )


def test_an_export_is_made_and_removed(image: Path, tmp_path: Path) -> None:
    directory = tmp_path / "exports"
    link = directory / "data-5f" / "data.img"
    for _ in range(2):
        assert perform(export(image, directory)).status == 0
        assert link.readlink() == image
        assert (link.parent / "exports").read_text() == f"192.0.2.1 rw {link}\n"
        assert stat.S_IMODE(link.parent.stat().st_mode) == 0o700
        assert sorted(entry.name for entry in link.parent.iterdir()) == ["data.img", "exports"]
    gone = step(FileTask.REMOVE_EXPORT, image, directory=str(directory), session="data-5f")
    for _ in range(2):
        assert perform(gone).status == 0
        assert not link.parent.exists()
    assert image.stat().st_size == SIZE


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"session": "../x"}, "cannot be the session"),
        ({"session": ".."}, "cannot be the session"),
        ({"name": "a b"}, "cannot be exported"),
        ({"name": "a&b"}, "cannot be exported"),
        ({"client": "2001:db8::1"}, "no IPv4 address"),
        ({"client": "10.0.0.300"}, "no IPv4 address"),
        ({"image": "/dev/null"}, "not a regular file"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    image: Path, tmp_path: Path, changed: dict[str, str], reason: str
) -> None:
    right = {
        "image": str(image),
        "directory": str(tmp_path / "exports"),
        "session": "s",
        "name": "data.img",
        "client": "192.0.2.1",
    }
    with pytest.raises(Refusal, match=reason):
        prepare_export(**{**right, **changed})
    assert not (tmp_path / "exports").exists()


def test_a_path_that_leads_elsewhere_is_not_redirected(image: Path, tmp_path: Path) -> None:
    directory = tmp_path / "exports"
    (directory / "s").mkdir(parents=True)
    (directory / "s" / "data.img").symlink_to("/etc/passwd")
    with pytest.raises(Refusal, match="leads elsewhere"):
        prepare_export(
            image=str(image),
            directory=str(directory),
            session="s",
            name="data.img",
            client="192.0.2.1",
        )
    with pytest.raises(Refusal, match="cannot be the session"):
        remove_export(directory=str(directory), session="../exports")


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


def test_a_record_is_written_into_its_slot(tmp_path: Path) -> None:
    path = str(tmp_path / "record")
    assert create_record(path=path, slots=2) == {"created": True}
    assert create_record(path=path, slots=2) == {"created": False}
    write_record(path=path, slot=1, data=b"second".hex())
    content = Path(path).read_bytes()
    assert content == bytes(SLOT) + b"second".ljust(SLOT, b"\0")
    write_record(path=path, slot=1, data=b"2".hex())
    assert Path(path).read_bytes() == bytes(SLOT) + b"2".ljust(SLOT, b"\0")
    with pytest.raises(Refusal, match="no slot 2"):
        write_record(path=path, slot=2, data="00")
    with pytest.raises(Refusal, match="does not fit"):
        write_record(path=path, slot=0, data="00" * (SLOT + 1))


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "pause"
    assert read_file(path=str(path), limit=10)["exists"] is False
    write_file(path=str(path), data=b"one".hex())
    write_file(path=str(path), data=b"two".hex(), mode=0o640)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]
    assert read_file(path=str(path), limit=2) == {
        "exists": True,
        "data": b"tw".hex(),
        "size": 3,
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (AnswerKind.REFUSED, 1),
        (AnswerKind.FAILED, 1),
        (AnswerKind.NOT_BEGUN, 1),
        (AnswerKind.ABANDONED, None),
        (AnswerKind.LOST, None),
    ],
)
def test_an_unknown_effect_is_never_told_as_a_status(kind: AnswerKind, status: int | None) -> None:
    outcome = outcome_of(
        step(FileTask.SYNC_IMAGE, "/x"), Answer(kind=kind, problem="why", took_ns=5)
    )
    assert (outcome.status, outcome.took_ns) == (status, 5)
    assert "why" in outcome.stderr + outcome.problem
