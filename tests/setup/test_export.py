"""A copy for another server: whole, closed, without anything of ours on it, or none."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from hafailover.errors import EdgeError
from hafailover.lineage.record import CopyState
from hafailover.setup.facts import Part
from hafailover.storage.superblock import LENGTH, OFFSET, decode_superblock
from hafailover.system.image_export import copy_image, export_refusal
from tests.setup.bench import SIZE, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    subject = Bench(tmp_path)
    subject.set_up(subject.plan_of())
    return subject


def refusal(bench: Bench, *, although_stale: bool = False) -> str:
    facts = bench.look()
    volume = facts.volumes[0][1]
    found = export_refusal(volume, facts.storage, although_stale=although_stale)
    return "" if found is None else found.text


def test_a_closed_image_is_copied_and_mounts_without_us(bench: Bench, tmp_path: Path) -> None:
    assert refusal(bench) == ""

    digest = copy_image(bench.image, tmp_path / "copy", SIZE, lambda *_: None)

    content = (tmp_path / "copy").read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert content[:-512] == bench.image.read_bytes()[:-512]
    assert not any(content[-512:])
    assert decode_superblock(content[OFFSET : OFFSET + LENGTH]) is not None
    (tmp_path / "there").mkdir()
    bench.host.ok(
        f"mdconfig -a -t vnode -f {tmp_path}/copy -u 7",
        "fsck_ffs -p /dev/md7",
        f"mount /dev/md7 {tmp_path}/there",
    )


def test_a_file_that_exists_is_not_overwritten(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("mine")

    with pytest.raises(EdgeError, match="File exists"):
        copy_image(bench.image, tmp_path / "copy", SIZE, lambda *_: None)

    assert (tmp_path / "copy").read_text() == "mine"


def test_nothing_is_left_of_a_copy_that_failed(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="ended after"):
        copy_image(bench.image, tmp_path / "copy", 2 * SIZE, lambda *_: None)

    assert not (tmp_path / "copy").exists()


def test_an_image_in_use_is_refused(bench: Bench) -> None:
    bench.host.ok(f"mdconfig -a -t vnode -f {bench.image} -u 10")

    assert "is in use on this node" in refusal(bench)


def test_a_copy_that_is_behind_or_unknown_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.key()
    assert "has no valid record" in refusal(bench)

    bench.set_up(bench.plan_of(Part.TARGET))

    assert "is stale, and no file system is on it" in refusal(bench, although_stale=True)


def test_a_copy_that_the_other_node_has_gone_on_without_is_copied_on_a_word(bench: Bench) -> None:
    facts = bench.look()
    volume = facts.volumes[0][1]
    assert volume.record is not None
    behind = replace(volume, record=replace(volume.record, copy=CopyState.STALE))

    refused = export_refusal(behind, facts.storage)

    assert refused is not None
    assert "gone on without it" in refused.text
    assert "--although-stale" in refused.remedy
    assert export_refusal(behind, facts.storage, although_stale=True) is None
