"""What the lab's first setup leaves on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hafailover.lab import first_setup

if TYPE_CHECKING:
    from pathlib import Path


def test_an_image_is_the_owners_alone_and_every_block_of_it_is_there(tmp_path: Path) -> None:
    image = tmp_path / "sites.img"
    first_setup.allocate(image, 1 << 20)
    status = image.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_size == 1 << 20
    assert status.st_blocks * 512 >= 1 << 20
