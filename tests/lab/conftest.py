"""What the lab's tests need of the machine."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hafailover.lab import mounts

Story = Callable[[], Coroutine[Any, Any, None]]


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "needs /dev/fuse"
    return None


@pytest.fixture(scope="session")
def able() -> None:
    """Skip where the machine lacks what the lab needs; in CI nothing may be lacking."""
    missing = _missing()
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture
def in_own_namespaces(able: None) -> Callable[[Story], None]:
    """Run a coroutine in a thread that has mounts and a network of its own.

    The kernel removes both with the thread, and kills the nodes that were started from it.
    """

    def run(story: Story) -> None:
        problems: list[BaseException] = []

        def live() -> None:
            try:
                mounts.unshare(mounts.CLONE_NEWNS | mounts.CLONE_NEWNET)
                mounts.mount("none", "/", "", mounts.MS_REC | mounts.MS_PRIVATE)
                asyncio.run(story())
            except BaseException as problem:  # noqa: BLE001 -- the test's thread raises it again
                problems.append(problem)

        thread = threading.Thread(target=live)
        thread.start()
        thread.join()
        for problem in problems:
            raise problem

    return run
