"""Whose blocks are these? Asked of file systems that makefs(8) has made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hafailover.storage.ufs2_files import FileBlocks, NotReadableError, Ranges, files_in

MAKEFS = shutil.which("makefs")
needs_makefs = pytest.mark.skipif(MAKEFS is None, reason="needs makefs")
WHOLE = 64 << 20


def make(tree: Path, image: Path, block: int, fragment: int) -> bytes:
    """Have a file system made of a directory; returns its bytes."""
    assert MAKEFS is not None
    options = f"version=2,bsize={block},fsize={fragment},density=4096"
    argv = [MAKEFS, "-t", "ffs", "-o", options, "-s", "40m", str(image), str(tree)]
    subprocess.run(argv, check=True, capture_output=True)
    return image.read_bytes()


def look(raw: bytes, *ranges: tuple[int, int]) -> tuple[dict[str, FileBlocks], int]:
    files, own = files_in(lambda at, length: raw[at : at + length], ranges)
    return {each.path: each for each in files}, own


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "shop" / "orders").mkdir(parents=True)
    (root / "shop" / "orders" / "2026.db").write_bytes(os.urandom(9_000_001))
    (root / "shop" / "index.html").write_text("hello")
    (root / "empty").write_text("")
    (root / "short").symlink_to("shop")
    (root / "long").symlink_to("x" * 500)
    os.link(root / "shop" / "index.html", root / "twice")
    for number in range(300):
        (root / "shop" / f"file-{number}").write_text(str(number))
    return root


@needs_makefs
@pytest.mark.parametrize(("block", "fragment"), [(32768, 4096), (4096, 512)])
def test_every_file_is_found_with_all_of_its_blocks(
    tree: Path, tmp_path: Path, block: int, fragment: int
) -> None:
    raw = make(tree, tmp_path / "image", block, fragment)

    found, own = look(raw, (0, len(raw)))

    # Path.rglob of Python 3.11.2 trips over the long link.
    walked = ((top, name) for top, folders, names in os.walk(tree) for name in (*folders, *names))
    paths = {str(Path(top, name).relative_to(tree)) for top, name in walked}
    # Of the two names of one inode either may be told.
    assert paths - set(found) <= {"twice", "shop/index.html"}
    assert set(found) - paths == {"/"}
    orders = found["shop/orders/2026.db"]
    assert orders.size_bytes == 9_000_001
    assert 0 <= orders.bytes_there - 9_000_001 < 10 * block + 9_000_001 // block * 16
    assert found["shop/file-7"].bytes_there == fragment
    assert (found["empty"].bytes_there, found["short"].bytes_there) == (0, 0)
    assert found["long"].bytes_there > 0
    assert found["shop"].is_directory
    stat = (tree / "shop" / "file-7").stat()
    assert found["shop/file-7"].modified_s == int(stat.st_mtime)
    assert 0 < own < len(raw)


@needs_makefs
def test_a_byte_leads_to_the_file_that_it_is_in(tree: Path, tmp_path: Path) -> None:
    raw = make(tree, tmp_path / "image", 4096, 512)
    content = (tree / "shop" / "orders" / "2026.db").read_bytes()

    for at in (0, 300_000, 5_000_000, 9_000_000 - 16):
        place = raw.index(content[at : at + 16])
        found, own = look(raw, (place, 16))
        assert (list(found), own) == (["shop/orders/2026.db"], 0)
        assert found["shop/orders/2026.db"].bytes_there == 16


@needs_makefs
def test_two_trees_differ_in_the_files_that_differ(tree: Path, tmp_path: Path) -> None:
    one = make(tree, tmp_path / "one", 32768, 4096)
    (tree / "shop" / "file-7").write_text("another")
    other = make(tree, tmp_path / "other", 32768, 4096)
    places = [
        (at, 4096)
        for at in range(0, len(one), 4096)
        if one[at : at + 4096] != other[at : at + 4096]
    ]

    mine, theirs = look(one, *places)[0], look(other, *places)[0]

    changed = {
        path for path in mine if mine[path].bytes_there or mine[path].stamp != theirs[path].stamp
    }
    assert "shop/file-7" in changed
    assert len(changed) < 5


@needs_makefs
def test_a_damaged_file_system_is_read_as_far_as_it_goes(tree: Path, tmp_path: Path) -> None:
    whole = make(tree, tmp_path / "image", 4096, 512)
    for at in range(8192 + 1376, 2 << 20, 400_000):
        raw = bytearray(whole)
        raw[at : at + 4096] = os.urandom(4096)
        look(bytes(raw), (0, WHOLE))
    look(whole[: 3 << 20], (0, WHOLE))


@pytest.mark.parametrize(
    "raw", [b"", bytes(1 << 20), os.urandom(1 << 20)], ids=["nothing", "zeros", "noise"]
)
def test_what_is_no_file_system_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(NotReadableError, match="no UFS2"):
        look(raw, (0, WHOLE))


def test_what_ranges_share_is_counted() -> None:
    ranges = Ranges([(100, 10), (0, 10), (50, 10)])

    assert ranges.shared(0, 200) == 30
    assert ranges.shared(5, 50) == 10
    assert ranges.shared(10, 40) == 0
    assert ranges.shared(59, 1) == 1
    assert Ranges([]).shared(0, 10) == 0
