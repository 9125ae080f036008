"""The first setup of a node: what it does, what it refuses, and that it can be cut off anywhere."""

import errno
import json
import os
from pathlib import Path

import pytest

from hafailover.cli.init import _document
from hafailover.errors import EdgeError
from hafailover.lineage.compare import Side, Verdict, compare
from hafailover.lineage.evidence import misfit
from hafailover.lineage.record import CopyState
from hafailover.setup.facts import Part
from hafailover.setup.refusals import Refused, Wishes
from hafailover.setup.steps import Task
from hafailover.storage.superblock import LENGTH, OFFSET, decode_superblock
from hafailover.storage.tail import decode_tail
from hafailover.system import setup_looks, setup_work
from hafailover.system.setup_looks import Said, note_path, see_image
from tests.cli.json_schemas import assert_fits
from tests.setup.bench import SIZE, Bench, Cut, PowerCutError


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def refusal(bench: Bench, part: Part | None = None, *, adopts: bool = False) -> str:
    found = bench.plan_of(part, adopts=adopts)(bench.look())
    assert isinstance(found, Refused), found
    assert found.remedy
    return found.text


def assert_set_up(bench: Bench, copy: CopyState) -> None:
    image = see_image(str(bench.image))
    record = bench.record()
    assert record.copy is copy
    assert misfit(record, image, SIZE) == ""
    assert not record.is_open
    assert not image.is_sparse
    assert decode_tail(bench.image.read_bytes()[-512:]).marker == image.marker != ""
    facts = bench.look().storage
    assert (facts.memory_disks, facts.mirrors, facts.gates) == ((), (), ())
    assert not note_path(bench.settings, "web", "data").exists()
    assert bench.steps(bench.plan_of()) == ()


def test_the_source_gets_key_image_file_system_and_record(bench: Bench) -> None:
    bench.set_up(bench.plan_of())

    assert_set_up(bench, CopyState.SOLE)
    block = decode_superblock(bench.image.read_bytes()[OFFSET : OFFSET + LENGTH])
    assert block is not None
    assert block.is_clean
    assert block.size_bytes <= SIZE - 512
    key = bench.settings.channel.key_file
    assert len(key.read_text().strip()) == 64
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_target_waits_for_the_key_and_gets_an_empty_image(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "b")
    assert "both nodes need the same" in refusal(bench)

    bench.key()
    bench.set_up(bench.plan_of())

    assert_set_up(bench, CopyState.STALE)
    assert not any(bench.image.read_bytes()[:-512])


def test_when_the_two_meet_the_source_holds_the_data(tmp_path: Path) -> None:
    source, target = Bench(tmp_path / "a"), Bench(tmp_path / "b", "b")
    target.key()
    for bench in (source, target):
        bench.set_up(bench.plan_of())

    sides = [Side(record=bench.record()) for bench in (source, target)]
    assert compare(*sides) is Verdict.MINE
    assert compare(*reversed(sides)) is Verdict.THEIRS


def test_the_plan_names_what_it_overwrites(bench: Bench) -> None:
    steps = bench.steps(bench.plan_of())
    document = _document(bench.settings, Wishes(part=Part.SOURCE), steps)
    assert_fits("init", json.loads(json.dumps(document)))

    assert [step.task for step in steps][-1] is Task.RECORD
    assert Task.MAKE_KEY in [step.task for step in steps]
    assert [step.text for step in steps if step.destroys] == [
        "gmirror label -b prefer data md10",
        "newfs -U -j /dev/mirror/data",
    ]
    assert not bench.image.exists()


CUTS = range(17)
"""Numbers of steps; the end of one is the beginning of the next."""


@pytest.mark.parametrize("at", CUTS)
@pytest.mark.parametrize("loses_power", [False, True], ids=["killed", "power"])
def test_a_setup_that_was_cut_off_goes_on(bench: Bench, at: int, *, loses_power: bool) -> None:
    try:
        bench.set_up(bench.plan_of(), Cut(at=at, is_after=True))
    except PowerCutError:
        if loses_power:
            bench.lose_power()
        bench.set_up(bench.plan_of())

    assert_set_up(bench, CopyState.SOLE)


def test_the_cuts_reach_beyond_the_last_step(bench: Bench) -> None:
    bench.set_up(bench.plan_of())

    assert 10 < len(bench.done) <= CUTS[-1]


def test_an_image_that_is_cut_off_while_it_is_made_never_counts(bench: Bench) -> None:
    bench.image.parent.mkdir()
    fresh = Path(f"{bench.image}.hafailover-new")
    fresh.write_bytes(bytes(SIZE // 2))

    bench.set_up(bench.plan_of())

    assert_set_up(bench, CopyState.SOLE)
    assert not fresh.exists()


def test_what_was_left_of_an_image_counts_as_room_for_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.image.parent.mkdir()
    Path(f"{bench.image}.hafailover-new").write_bytes(b"x" * (SIZE // 2))
    monkeypatch.setattr(setup_looks, "room", lambda _directory: SIZE // 2 + (64 << 20))

    bench.set_up(bench.plan_of())

    assert_set_up(bench, CopyState.SOLE)


def test_nothing_is_left_of_an_image_that_does_not_fit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(descriptor: int, *_: object) -> None:
        os.write(descriptor, b"x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(setup_work, "fill", fill)

    with pytest.raises(EdgeError, match="No space left"):
        bench.set_up(bench.plan_of())
    assert list(bench.image.parent.iterdir()) == []


def test_an_image_that_holds_data_is_not_touched(bench: Bench) -> None:
    bench.image.parent.mkdir()
    content = bytes(SIZE - 4096) + b"x" + bytes(4095)
    bench.image.write_bytes(content)

    assert f"holds data, the first of it at byte {SIZE - 4096}" in refusal(bench)
    assert bench.image.read_bytes() == content


def test_an_image_of_zeros_is_used_as_it_is(bench: Bench) -> None:
    bench.image.parent.mkdir()
    bench.image.write_bytes(bytes(SIZE))
    inode = bench.image.stat().st_ino

    bench.set_up(bench.plan_of())

    assert_set_up(bench, CopyState.SOLE)
    assert bench.image.stat().st_ino == inode


def test_an_image_of_another_size_is_not_touched(bench: Bench) -> None:
    bench.image.parent.mkdir()
    bench.image.write_bytes(bytes(SIZE + 512))

    assert f"has {SIZE + 512} bytes" in refusal(bench)


def test_a_disk_without_room_is_told_before_anything_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = os.statvfs_result((4096, 4096, 100, 100, 100, 1, 1, 1, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: small)

    assert "are free" in refusal(bench)


def test_a_record_of_another_image_is_no_licence(bench: Bench) -> None:
    bench.set_up(bench.plan_of())
    bench.image.unlink()

    assert "has a record, and it is not one of the image" in refusal(bench)


def test_a_part_that_was_begun_is_finished_as_that_part(bench: Bench) -> None:
    while not bench.image.exists():
        with pytest.raises(PowerCutError):
            bench.set_up(bench.plan_of(), Cut(at=0, is_after=True))

    assert "was begun as the source" in refusal(bench, Part.TARGET)


def test_a_running_ggated_stands_in_the_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.run

    def with_ggated(argv: tuple[str, ...], limit: float) -> Said:
        said = run(argv, limit)
        if argv[0] == "ps":
            return Said(status=0, output="77 1 77 Ss ggated /etc/gg.exports\n")
        return said

    monkeypatch.setattr(bench, "run", with_ggated)
    assert "ggated runs (pid 77)" in refusal(bench)
