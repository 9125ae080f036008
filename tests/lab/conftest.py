"""What the lab's tests need of the machine."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hafailover.lab import mounts

_TELLING_S = 15
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
def in_own_namespaces(able: None, request: pytest.FixtureRequest) -> Callable[[Story], None]:
    """Run a coroutine in a thread that has mounts and a network of its own.

    The kernel removes both with the thread, and kills the nodes that were started from it. A story that does not end
    in its test's time fails with what each of its tasks waits for.
    """
    marker = request.node.get_closest_marker("timeout")
    limit_s = float(marker.args[0] if marker else request.config.getini("timeout")) - _TELLING_S

    def run(story: Story) -> None:
        problems: list[BaseException] = []
        loops: list[asyncio.AbstractEventLoop] = []

        async def telling() -> None:
            loops.append(asyncio.get_running_loop())
            await story()

        def live() -> None:
            try:
                mounts.unshare(mounts.CLONE_NEWNS | mounts.CLONE_NEWNET)
                mounts.mount("none", "/", "", mounts.MS_REC | mounts.MS_PRIVATE)
                asyncio.run(telling())
            except BaseException as problem:  # noqa: BLE001 -- the test's thread raises it again
                problems.append(problem)

        # A thread that never ends must not keep the tests from ending.
        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        thread.join(limit_s)
        if thread.is_alive():
            pytest.fail(f"the story did not end within {limit_s:g} s:\n{_waiting(loops)}")
        for problem in problems:
            raise problem

    return run


def _waiting(loops: list[asyncio.AbstractEventLoop]) -> str:
    """Return what every task of the loops waits for."""
    text = io.StringIO()
    for loop in loops:
        for task in asyncio.all_tasks(loop):
            task.print_stack(file=text)
    return text.getvalue()
