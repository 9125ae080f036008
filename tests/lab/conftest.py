"""What the lab's tests need of the machine."""

from __future__ import annotations

import os

import pytest

from hafailover.lab import mounts


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "needs /dev/fuse"
    return None


@pytest.fixture(scope="session")
def private_mounts() -> None:
    """Give the test process a mount table of its own, so that nothing is left behind."""
    missing = _missing()
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    mounts.unshare(mounts.CLONE_NEWNS)
    mounts.mount("none", "/", "", mounts.MS_REC | mounts.MS_PRIVATE)
