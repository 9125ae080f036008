"""An image, or a mirror, that was there before is taken over without being touched."""

import json
from pathlib import Path

import pytest

from hafailover.lineage.record import CopyState
from hafailover.setup.facts import Part
from hafailover.setup.refusals import Refused
from hafailover.setup.steps import Task
from hafailover.storage.superblock import LENGTH, OFFSET, decode_superblock
from hafailover.system.setup_looks import note_path
from tests.emulation.hosts import Host, wait_status
from tests.setup.bench import SIZE, Bench, Cut, PowerCutError
from tests.setup.test_first_setup import assert_set_up, refusal


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A host on which somebody has a mirror of one image, by hand."""
    bench = Bench(tmp_path)
    bench.image.parent.mkdir()
    bench.image.write_bytes(bytes(SIZE))
    bench.host.ok(
        f"mdconfig -a -t vnode -f {bench.image} -u 0",
        "gmirror label -b prefer data md0",
        "newfs -U /dev/mirror/data",
    )
    return bench


def test_a_running_mirror_is_ended_and_its_file_system_kept(bench: Bench) -> None:
    before = bench.image.read_bytes()[:-512]

    bench.set_up(bench.plan_of(adopts=True))

    assert_set_up(bench, CopyState.SOLE)
    assert bench.image.read_bytes()[:-512] == before
    assert not any("newfs" in text for text in bench.done)


def test_without_the_word_it_is_refused(bench: Bench) -> None:
    assert "holds a UFS file system" in refusal(bench)


def test_a_mounted_one_is_refused_with_the_place(bench: Bench) -> None:
    point = bench.root / "elsewhere"
    point.mkdir()
    bench.host.ok(f"mount /dev/mirror/data {point}")

    assert f"/dev/mirror/data is mounted on {point}" in refusal(bench, adopts=True)


@pytest.mark.parametrize("at", range(8))
def test_it_can_be_cut_off_anywhere(bench: Bench, at: int) -> None:
    before = bench.image.read_bytes()[:-512]
    try:
        bench.set_up(bench.plan_of(adopts=True), Cut(at=at, is_after=True))
    except PowerCutError:
        bench.lose_power()
        bench.set_up(bench.plan_of(adopts=True))

    assert_set_up(bench, CopyState.SOLE)
    assert bench.image.read_bytes()[:-512] == before


@pytest.fixture
def half(bench: Bench) -> Bench:
    """The same host, with the other one's image in the mirror."""
    other = Host("nodeB", 2)
    other.files.create("/img/old", SIZE)
    bench.host.connect(other, "/img/old", 0)
    bench.host.ok("gmirror insert -p 0 data ggate0")
    wait_status(bench.host, "COMPLETE", "ggate0 (ACTIVE)")
    return bench


@pytest.mark.parametrize(
    ("part", "words"), [(Part.SOURCE, {"adopts": True}), (Part.TARGET, {"gives_up": True})]
)
def test_all_that_the_plan_shows_is_done(half: Bench, part: Part, words: dict[str, bool]) -> None:
    half.key()
    plan_of = half.plan_of(part, **words)
    shown = [step.text for step in half.steps(plan_of)]
    assert "ggatec destroy -u 0" in shown

    half.set_up(plan_of)

    assert half.done == shown
    assert half.look().storage.gates == ()


def test_the_gates_of_a_mirror_are_known_to_a_setup_that_was_begun_without_it(half: Bench) -> None:
    plan_of = half.plan_of(adopts=True)
    noted = [step.task for step in half.steps(plan_of)].index(Task.NOTE)
    with pytest.raises(PowerCutError):
        half.set_up(plan_of, Cut(at=noted, is_after=True))
    note = note_path(half.settings, "web", "data")
    said = json.loads(note.read_text())
    assert said.pop("gates") == [[0, "10.77.0.2:3080 /img/old"]]
    note.write_text(json.dumps(said))

    half.set_up(plan_of)

    assert_set_up(half, CopyState.SOLE)


def test_a_gate_that_is_none_of_the_mirrors_stays(bench: Bench) -> None:
    other = Host("nodeB", 2)
    other.files.create("/img/other", SIZE)
    bench.host.connect(other, "/img/other", 0)

    bench.set_up(bench.plan_of(adopts=True))

    assert [gate.unit for gate in bench.look().storage.gates or ()] == [0]


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize("has_image", [False, True])
def test_a_mirror_of_another_image_is_not_touched(
    bench: Bench, part: Part, *, has_image: bool
) -> None:
    bench.key()
    old = bench.image.rename(bench.image.with_name("old.img"))
    bench.host.ok("gmirror destroy data", "mdconfig -d -u 0", f"mdconfig -a -t vnode -f {old} -u 0")
    bench.host.ok("gmirror label -b prefer data md0")
    if has_image:
        bench.image.write_bytes(bytes(SIZE))

    assert f"does not stand on {bench.image}, but on md0" in refusal(bench, part)


def test_a_file_system_is_not_made_on_two_components(bench: Bench) -> None:
    bench.host.ok("gmirror destroy data", "mdconfig -d -u 0")
    bench.image.write_bytes(bytes(SIZE))
    other = bench.image.with_name("other.img")
    other.write_bytes(bytes(SIZE))
    bench.host.ok(
        f"mdconfig -a -t vnode -f {bench.image} -u 0",
        f"mdconfig -a -t vnode -f {other} -u 1",
        "gmirror label -b prefer data md0 md1",
    )

    assert "more than the one component of this node: md0, md1" in refusal(bench)


@pytest.mark.parametrize("part", list(Part))
def test_nothing_is_done_to_a_mirror_that_is_set_up_beside_a_begun_setup(
    bench: Bench, part: Part
) -> None:
    bench.key()
    bench.host.ok("gmirror destroy data", "mdconfig -d -u 0")
    bench.image.unlink()
    while not bench.image.exists():
        with pytest.raises(PowerCutError):
            bench.set_up(bench.plan_of(part), Cut(at=0, is_after=True))
    other = bench.image.with_name("other.img")
    other.write_bytes(bytes(SIZE))
    bench.host.ok(f"mdconfig -a -t vnode -f {other} -u 1", "gmirror label -b prefer data md1")

    assert "but on md1" in refusal(bench, part)


def test_a_file_system_without_room_for_the_last_sector_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.image.parent.mkdir()
    bench.image.write_bytes(bytes(SIZE))
    bench.host.ok(
        f"mdconfig -a -t vnode -f {bench.image} -u 0", "newfs -U /dev/md0", "mdconfig -d -u 0"
    )

    found = bench.plan_of(adopts=True)(bench.look())

    assert isinstance(found, Refused)
    assert "reaches into the last sector" in found.text
    assert f"truncate -s {SIZE + 4096}" in found.remedy


def test_what_is_no_file_system_cannot_be_taken_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.image.parent.mkdir()
    bench.image.write_bytes(b"x" * SIZE)

    assert "holds no UFS2 file system" in refusal(bench, adopts=True)


def test_the_other_nodes_old_copy_is_given_up_on_a_word_only(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "b")
    bench.key()
    bench.image.parent.mkdir()
    bench.image.write_bytes(b"x" * SIZE)
    assert "holds data" in refusal(bench)

    bench.set_up(bench.plan_of(Part.TARGET, gives_up=True))

    assert_set_up(bench, CopyState.STALE)


def test_a_new_file_system_that_was_used_meanwhile_is_not_made_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    while not any(text.startswith("newfs") for text in bench.done):
        with pytest.raises(PowerCutError):
            bench.set_up(bench.plan_of(), Cut(at=0, is_after=True))
    point = bench.volume.mount_point
    bench.host.ok(f"mount /dev/mirror/data {point}", f"umount {point}")
    block = decode_superblock(bench.image.read_bytes()[OFFSET : OFFSET + LENGTH])
    assert block is not None
    assert block.last_mount == point

    assert f"was mounted on {point}: it may hold data" in refusal(bench)
