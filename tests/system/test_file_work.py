"""What workers do to real files: images, exports, records."""

import asyncio
import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from hafailover.storage.facts import ImageFacts, TailKind
from hafailover.storage.steps import FileStep, FileTask
from hafailover.storage.tail import ZERO_SECTOR, encode_marker
from hafailover.system.export_work import prepare_export, remove_export
from hafailover.system.file_tasks import (
    image_facts,
    look_at_image,
    outcome_of,
)
from hafailover.system.image_work import write_tail
from hafailover.system.state_work import SLOT, keep_file, read_file, write_file, write_record
from hafailover.system.work import Refusal
from hafailover.system.worker import Answer, AnswerKind, Worker
from tests.system.file_steps import PATIENT, perform, step

SIZE = 8192
FOREIGN = b"GEOM::MIRROR".ljust(512, b"x")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "data.img"
    path.write_bytes(os.urandom(SIZE - 512) + FOREIGN)
    return path


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


def test_a_record_is_written_into_its_slot(tmp_path: Path) -> None:
    path = str(tmp_path / "record")
    Path(path).write_bytes(bytes(2 * SLOT))
    write_record(path=path, slot=1, data=b"second".hex())
    content = Path(path).read_bytes()
    assert content == bytes(SLOT) + b"second".ljust(SLOT, b"\0")
    write_record(path=path, slot=1, data=b"2".hex())
    assert Path(path).read_bytes() == bytes(SLOT) + b"2".ljust(SLOT, b"\0")
    with pytest.raises(Refusal, match="no slot 2"):
        write_record(path=path, slot=2, data="00")
    with pytest.raises(Refusal, match="does not fit"):
        write_record(path=path, slot=0, data="00" * (SLOT + 1))


def test_a_file_has_two_names_until_another_takes_its_place(tmp_path: Path) -> None:
    path, aside = tmp_path / "record", tmp_path / "aside"
    assert keep_file(path=str(path), aside=str(aside)) == {"kept": False}
    path.write_bytes(b"not understood")
    assert keep_file(path=str(path), aside=str(aside)) == {"kept": True}
    write_file(path=str(path), data=b"new".hex())
    assert (path.read_bytes(), aside.read_bytes()) == (b"new", b"not understood")


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


def test_a_file_is_replaced_by_none_that_somebody_else_may_still_write(tmp_path: Path) -> None:
    """A worker that was given up in the middle of a write finishes it when the kernel likes."""
    path = tmp_path / "data.record"
    with (tmp_path / "data.record.new").open("wb", buffering=0) as given_up:
        write_file(path=str(path), data=b"sole, after the loss".hex())
        given_up.write(b"in_sync, before")
    assert path.read_bytes() == b"sole, after the loss"
    assert list(tmp_path.iterdir()) == [path]


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
