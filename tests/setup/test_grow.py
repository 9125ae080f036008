"""A volume becomes larger on a node: what is done, what is refused, and that it can be cut off anywhere."""

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from hafailover.cli.init import init
from hafailover.config.load import read_text
from hafailover.emulation import superblock
from hafailover.errors import EdgeError, UnusableConfigurationError
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.runtime.record_slots import SLOTS, encode_slot
from hafailover.runtime.settings import NodeSettings
from hafailover.setup.grow import plan_growth
from hafailover.setup.growth import GrowthFacts, GrowthPhase, GrowthPlan, GrowthStep
from hafailover.setup.refusals import Refused
from hafailover.storage.tail import decode_tail
from hafailover.system import growth_looks
from hafailover.system.growth_looks import edited, look_at_growth
from hafailover.system.growth_notes import growth_path, refuse_unfinished
from hafailover.system.growth_work import GrowthWork
from hafailover.system.setup_looks import Said, record_path, see_image
from hafailover.system.setup_run import carry_out, steps_of
from hafailover.system.work import replace_file
from tests.setup.bench import SIZE, Bench, PowerCutError, text_of

WANTED = 7 << 20
FILE = b"what a customer wrote" * 1000
AT = 1 << 20


@cache
def settings_in(text: str, name: str) -> NodeSettings:
    """Return what a text says; the same texts come again and again."""
    return read_text(text, "f").settings(name)


class Grower:
    """A node that was set up, and one volume of it that is to become larger."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.config = bench.root / "etc" / "hafailover.yaml"
        self.config.write_text(text_of(bench.root))
        self.done: list[str] = []
        self.edit_problem = ""

    def look(self) -> GrowthFacts:
        text = self.config.read_text()
        settings = settings_in(text, self.bench.settings.node)
        return look_at_growth(settings, "web", "data", self.run, self.edit_problem)

    def new_text(self, wanted: int) -> tuple[Path, str]:
        text = edited(self.config, self.bench.settings.node, "web", "data", f"{wanted}B")
        return self.config, text

    def run(self, argv: tuple[str, ...], limit: float) -> Said:
        return self.bench.run(argv, limit)

    def plan(self, wanted: int = WANTED) -> GrowthPlan:
        return plan_growth(self.look(), wanted, "cd" * 16)

    def refusal(self, wanted: int = WANTED) -> str:
        found = self.plan(wanted)
        assert isinstance(found, Refused), found
        assert found.remedy
        return found.text

    def work(self, wanted: int = WANTED) -> GrowthWork:
        paths = self.bench.settings.paths
        return GrowthWork(
            paths, self.look, self.run, lambda: self.new_text(wanted), lambda *_: None
        )

    def grow(self, wanted: int = WANTED, cut: int | None = None) -> None:
        work = self.work(wanted)

        class Cutting:
            def do(_self, step: GrowthStep) -> str:  # noqa: N805 - the grower is self
                said = work.do(step)
                self.done.append(step.text)
                if len(self.done) == cut:
                    raise PowerCutError
                return said

        carry_out(
            self.look,
            lambda facts: plan_growth(facts, wanted, "cd" * 16),
            Cutting(),
            lambda _: None,
            self.bench.sleep,
        )

    def block(self) -> superblock.Superblock:
        content = self.bench.image.read_bytes()
        found = superblock.decode(content[superblock.OFFSET :][: superblock.LENGTH])
        assert found is not None
        return found


def write_record(bench: Bench, record: LineageRecord) -> None:
    path = record_path(bench.settings, "web", "data")
    path.write_bytes(encode_slot("web", "data", record) * SLOTS)


def node(root: Path, name: str = "a") -> Grower:
    bench = Bench(root, name)
    if name == "b":
        bench.key()
    bench.set_up(bench.plan_of())
    with bench.image.open("r+b") as file:
        file.seek(AT)
        file.write(FILE)
    return Grower(bench)


@pytest.fixture
def source(tmp_path: Path) -> Grower:
    return node(tmp_path)


def assert_grown(grower: Grower, copy: CopyState, wanted: int = WANTED) -> None:
    bench = grower.bench
    image, record = see_image(str(bench.image)), bench.record()
    assert image.size_bytes == wanted
    assert not image.is_sparse
    assert record.copy is copy
    assert not record.is_open
    assert record.binding is not None
    assert record.binding.size_bytes == wanted
    settings = settings_in(grower.config.read_text(), bench.settings.node)
    assert settings.groups[0].volumes[0].size_bytes == wanted
    facts = grower.look()
    assert facts.misfit == ""
    storage = facts.storage
    assert (storage.memory_disks, storage.mirrors, storage.gates) == ((), (), ())
    assert not growth_path(bench.settings.paths, "web", "data").exists()
    assert decode_tail(bench.image.read_bytes()[-512:]).marker == image.marker != ""
    assert bench.image.read_bytes()[AT:][: len(FILE)] == FILE
    assert grower.plan(wanted) == ()
    refuse_unfinished(settings)


def test_the_source_grows_with_its_file_system(source: Grower) -> None:
    before = source.bench.record()
    source.grow()

    assert_grown(source, CopyState.SOLE)
    block = source.block()
    assert block.size == WANTED - 512
    assert block.clean
    assert not block.damaged
    after = source.bench.record()
    assert (after.lineage, after.ancestors) == (before.lineage, before.ancestors)
    assert after.sequence > before.sequence


def test_the_target_gets_room_and_keeps_what_it_holds(tmp_path: Path) -> None:
    target = node(tmp_path, "b")
    target.grow()

    assert_grown(target, CopyState.STALE)
    assert not any("growfs" in text or "gmirror" in text for text in target.done)


def test_the_plan_says_what_is_done_in_the_end(source: Grower) -> None:
    planned = [step.text for step in steps_of(source.plan())]
    assert source.bench.image.stat().st_size == SIZE
    source.grow()

    assert source.done == planned
    commands = [text.split()[0] for text in planned]
    assert commands.index("growfs") < commands.index("fsck_ffs") < commands.index("mark")


CUTS = range(1, 13)
"""Numbers of steps; the last one is beyond the end."""


@pytest.mark.parametrize(
    ("name", "cut", "loses_power"),
    [
        (name, cut, power)
        for name in "ab"
        for cut in CUTS[: 5 if name == "b" else None]
        for power in (0, 1)
    ],
)
def test_a_growth_that_was_cut_off_goes_on(
    tmp_path: Path, name: str, cut: int, *, loses_power: bool
) -> None:
    grower = node(tmp_path, name)
    try:
        grower.grow(cut=cut)
    except PowerCutError:
        if loses_power:
            grower.bench.lose_power()
        grower.done.clear()
        grower.grow()

    assert_grown(grower, CopyState.SOLE if name == "a" else CopyState.STALE)
    if name == "a":
        assert grower.block().size == WANTED - 512
        assert not grower.block().damaged


def test_the_cuts_reach_beyond_the_last_step(source: Grower) -> None:
    source.grow()

    assert 8 < len(source.done) < CUTS[-1]


def test_no_agent_starts_over_a_volume_between_two_sizes(source: Grower) -> None:
    for cut in range(1, CUTS[-1]):
        root = source.bench.root.parent / f"cut{cut}"
        grower = node(root)
        try:
            grower.grow(cut=cut)
        except PowerCutError:
            settings = settings_in(grower.config.read_text(), "a")
            if not grower.look().growth:
                continue
            with pytest.raises(UnusableConfigurationError, match=r"web\.data was begun"):
                refuse_unfinished(settings)
        shutil.rmtree(root)


def cut_growfs_off(source: Grower, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the host in the middle of growfs: the old superblock is left over a changed cylinder group."""
    run = source.run

    def half(argv: tuple[str, ...], limit: float) -> Said:
        if argv[0] != "growfs":
            return run(argv, limit)
        torn = replace(source.block(), flags=source.block().flags | superblock.NEEDS_FULL_CHECK)
        with source.bench.image.open("r+b") as file:
            file.seek(superblock.OFFSET)
            file.write(torn.encode())
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(source, "run", half)
        with pytest.raises(PowerCutError):
            source.grow()
    source.bench.lose_power()
    source.done.clear()


def test_a_growfs_that_was_cut_off_is_followed_by_a_full_check_first(
    source: Grower, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_growfs_off(source, monkeypatch)
    assert source.block().damaged

    source.grow()

    order = [text.split(" /")[0] for text in source.done if text.startswith(("fsck", "growfs"))]
    assert order == ["fsck_ffs -f -y", "growfs -y", "fsck_ffs -f -p"]
    assert not source.block().damaged
    assert_grown(source, CopyState.SOLE)


def test_an_image_whose_zeros_were_cut_off_is_written_from_the_old_end(source: Grower) -> None:
    with pytest.raises(PowerCutError):
        source.grow(cut=1)
    with source.bench.image.open("ab") as file:
        file.write(b"rubbish after a power cut")

    source.grow()

    assert b"rubbish" not in source.bench.image.read_bytes()
    assert_grown(source, CopyState.SOLE)


def test_a_growth_can_be_made_larger_on_the_way(source: Grower) -> None:
    with pytest.raises(PowerCutError):
        source.grow(cut=5)
    assert "was begun and not finished" in source.refusal(6 << 20)

    source.grow(9 << 20)

    assert_grown(source, CopyState.SOLE, 9 << 20)
    assert source.block().size == (9 << 20) - 512


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize("is_edited", [False, True])
def test_a_disk_that_became_full_leaves_a_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, is_edited: bool
) -> None:
    grower = node(tmp_path, name)
    before, record = grower.bench.image.read_bytes(), grower.bench.record()
    if is_edited:
        grower.config.write_text(grower.new_text(WANTED)[1])
    with pytest.raises(PowerCutError):
        grower.grow(cut=1)
    with grower.bench.image.open("ab") as file:
        file.write(bytes(12345))
    with monkeypatch.context() as full:
        full.setattr(growth_looks, "room", lambda _directory: 0)
        refused = grower.plan()
        assert isinstance(refused, Refused)
        assert f"or go back to what it was: hafailover grow web/data {SIZE}B" in refused.remedy

        grower.grow(SIZE)

    assert grower.bench.image.read_bytes() == before
    assert grower.bench.record() == record
    assert_grown(grower, record.copy, SIZE)


def test_there_is_no_way_back_once_the_image_is_whole(source: Grower) -> None:
    with pytest.raises(PowerCutError):
        source.grow(cut=2)

    assert "was begun and not finished" in source.refusal(SIZE)


def test_there_is_no_way_back_to_a_size_that_the_record_does_not_know(source: Grower) -> None:
    with pytest.raises(PowerCutError):
        source.grow(cut=2)
    with pytest.raises(PowerCutError):
        source.grow(9 << 20, cut=3)
    growth = source.look().growth
    assert growth is not None
    assert (growth.phase, growth.was) == (GrowthPhase.ENLARGING, WANTED)

    assert "was begun and not finished" in source.refusal(WANTED)


def test_init_does_nothing_over_a_volume_between_two_sizes(
    source: Grower, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PowerCutError):
        source.grow(cut=1)
    monkeypatch.setenv("HAFAILOVER_LAB", "1")

    said = CliRunner().invoke(init, ["--config", str(source.config), "--node", "a", "--plan"])

    assert isinstance(said.exception, UnusableConfigurationError)
    assert "or with the size that it had" in said.exception.hint


def test_a_check_that_fails_ends_it_with_the_record_as_it_was(
    source: Grower, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = source.run

    def failing(argv: tuple[str, ...], limit: float) -> Said:
        if argv[0] == "fsck_ffs":
            return Said(status=8, output="UNEXPECTED INCONSISTENCY")
        return run(argv, limit)

    monkeypatch.setattr(source, "run", failing)
    with pytest.raises(EdgeError, match="exit status 8: UNEXPECTED"):
        source.grow()
    binding = source.bench.record().binding
    assert binding is not None
    assert binding.size_bytes == SIZE


def test_the_configuration_may_have_the_new_size_already(source: Grower) -> None:
    source.config.write_text(source.new_text(WANTED)[1])

    source.grow()

    assert_grown(source, CopyState.SOLE)


def test_a_file_that_cannot_be_changed_is_told_before_anything_is_done(source: Grower) -> None:
    source.edit_problem = "it is written over several lines"
    assert "cannot be changed: it is written over" in source.refusal()


def test_only_the_one_size_changes_in_the_file(source: Grower) -> None:
    before = source.config.read_text()
    source.grow()

    assert source.config.read_text() == before.replace(f"size: {SIZE}B", f"size: {WANTED}B")


def test_a_configuration_that_is_a_link_stays_one(source: Grower) -> None:
    kept = source.bench.root / "kept.yaml"
    source.config.rename(kept)
    source.config.symlink_to(kept)

    source.grow()

    assert source.config.readlink() == kept
    assert f"size: {WANTED}B" in kept.read_text()


def test_a_file_in_the_working_directory_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    replace_file("hafailover.yaml", b"new", 0o600)

    assert (tmp_path / "hafailover.yaml").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (SIZE - 4096, "no volume is shrunk"),
        (SIZE + 1000, "no multiple of 4096"),
        (SIZE + 4096, "less than 1M more"),
        (1 << 43, "MB are free"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(source: Grower, wanted: int, text: str) -> None:
    assert text in source.refusal(wanted)
    assert source.bench.image.stat().st_size == SIZE


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"copy": CopyState.IN_SYNC}, "two copies that count alike"),
        ({"copy": CopyState.SYNCING}, "is syncing"),
        ({"session": "active:x"}, "is open"),
        ({"clean": False}, "not unmounted in order"),
        ({"binding": None}, "bound to no image"),
    ],
)
def test_a_copy_that_is_not_the_only_one_is_refused(
    source: Grower, change: dict[str, object], text: str
) -> None:
    write_record(source.bench, replace(source.bench.record(), **change))  # type: ignore[arg-type]

    assert text in source.refusal()


def test_what_is_in_use_is_refused(source: Grower) -> None:
    source.bench.host.ok(f"mdconfig -a -t vnode -f {source.bench.image} -u 10")
    assert "is attached" in source.refusal()


def test_the_mirror_of_another_image_is_not_grown(source: Grower) -> None:
    with pytest.raises(PowerCutError):
        source.grow(cut=2)
    other = source.bench.image.with_name("other.img")
    other.write_bytes(bytes(WANTED))
    source.bench.host.ok(f"mdconfig -a -t vnode -f {other} -u 1", "gmirror label data md1")

    assert f"does not stand on {source.bench.image}, but on md1" in source.refusal()


def test_a_node_that_was_not_set_up_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    (tmp_path / "etc").mkdir()
    assert "there is no image" in Grower(bench).refusal()


def test_an_image_that_was_resized_by_hand_is_refused(source: Grower) -> None:
    with source.bench.image.open("ab") as file:
        file.truncate(WANTED)
    assert f"has {WANTED} bytes, the record says {SIZE}" in source.refusal()


def test_both_parts_fit_each_other_afterwards(tmp_path: Path) -> None:
    source, target = node(tmp_path / "a"), node(tmp_path / "b", "b")
    for grower in (target, source):
        grower.grow()
    digests = {
        read_text(each.config.read_text().replace(str(each.bench.root), ""), "f")
        .settings("a")
        .groups[0]
        .digest
        for each in (source, target)
    }
    assert len(digests) == 1
