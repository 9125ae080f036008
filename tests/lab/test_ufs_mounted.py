"""Real system calls reach the device through the kernel, and fail and hang as the device does."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hafailover.lab.ufs import ContentStore, MountedFilesystem, check, format_device
from hafailover.lab.ufs.tree import ROOT
from tests.lab.memory_device import MemoryDevice

pytestmark = pytest.mark.lab

Story = Callable[[MemoryDevice, MountedFilesystem, Path], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path, in_own_namespaces: Callable[..., None]) -> Callable[[Story], None]:
    """Mount a fresh file system, play a story, and see to it that nothing stays mounted."""

    async def run(story: Story) -> None:
        device = MemoryDevice(4 * 1024 * 1024)
        await format_device(device)
        mounted = MountedFilesystem(device, tmp_path, source="/dev/mirror/data")
        await mounted.start()
        try:
            await story(device, mounted, tmp_path)
        finally:
            device.flowing.set()
            await mounted.stop(force=True)

    return lambda story: in_own_namespaces(lambda: run(story))


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _everyday_work(top: Path) -> None:
    (top / "d" / "e").mkdir(parents=True)
    (top / "d" / "a").write_bytes(b"hello" * 50_000)
    (top / "d" / "a").rename(top / "b")
    (top / "link").symlink_to("b")
    assert (top / "link").read_bytes() == b"hello" * 50_000
    with pytest.raises(OSError, match="not empty"):
        (top / "d").rmdir()
    (top / "d" / "e").rmdir()
    (top / "d").rmdir()
    (top / "gone").write_text("x")
    (top / "gone").unlink()
    (top / "b").chmod(0o600)
    os.truncate(top / "b", 7)
    assert (top / "b").stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(top)) == ["b", "link"]  # noqa: PTH208
    assert os.statvfs(top).f_bfree > 0
    with pytest.raises(OSError, match="not supported"):
        os.setxattr(top / "b", "user.x", b"1")


def test_everyday_work_survives_a_remount(play: Callable[[Story], None]) -> None:
    async def story(device: MemoryDevice, mounted: MountedFilesystem, top: Path) -> None:
        await asyncio.to_thread(_everyday_work, top)
        table = await asyncio.to_thread(Path("/proc/thread-self/mountinfo").read_text)
        assert "fuse.ufs /dev/mirror/data" in table
        await mounted.stop()
        assert await check(device) == []
        assert os.listdir(top) == []  # noqa: PTH208
        await mounted.start()
        assert await asyncio.to_thread((top / "b").read_bytes) == b"hellohe"

    play(story)


def test_fsync_is_durable_and_a_plain_write_is_not(play: Callable[[Story], None]) -> None:
    async def story(device: MemoryDevice, mounted: MountedFilesystem, top: Path) -> None:
        await asyncio.to_thread(_write_synced, top / "safe", b"acknowledged")
        await asyncio.to_thread((top / "cached").write_bytes, b"not yet")
        store = await ContentStore.load(device.after_crash(3))
        names = store.tree.inodes[ROOT].entries
        assert list(names) == ["safe"]
        assert await store.read(store.tree.inodes[names["safe"]], 0, 99) == b"acknowledged"

    play(story)


def test_an_open_file_keeps_it_busy(play: Callable[[Story], None]) -> None:
    async def story(device: MemoryDevice, mounted: MountedFilesystem, top: Path) -> None:
        file = await asyncio.to_thread((top / "a").open, "wb")
        assert mounted.open_files
        with pytest.raises(OSError, match="busy") as caught:
            await mounted.stop()
        assert caught.value.errno == errno.EBUSY
        await asyncio.to_thread(file.close)
        await mounted.stop()
        assert not mounted.open_files

    play(story)


def test_force_detaches_and_later_writes_fail(play: Callable[[Story], None]) -> None:
    async def story(device: MemoryDevice, mounted: MountedFilesystem, top: Path) -> None:
        descriptor = await asyncio.to_thread(os.open, top / "a", os.O_RDWR | os.O_CREAT)
        await asyncio.to_thread(os.write, descriptor, b"before")
        await mounted.stop(force=True)
        assert os.listdir(top) == []  # noqa: PTH208
        with pytest.raises(OSError, match=r"."):
            await asyncio.to_thread(os.write, descriptor, b"after")
        # close(2) reports the flush that nobody answers; the descriptor is gone all the same.
        with pytest.raises(OSError, match=r"."):
            await asyncio.to_thread(os.close, descriptor)
        store = await ContentStore.load(device)
        inode = store.tree.child(store.tree.inodes[ROOT], "a")
        assert await store.read(inode, 0, 99) == b"before"

    play(story)


def test_the_error_of_the_device_reaches_fsync(play: Callable[[Story], None]) -> None:
    async def story(device: MemoryDevice, mounted: MountedFilesystem, top: Path) -> None:
        device.error = errno.ENXIO
        with pytest.raises(OSError, match=r".") as caught:
            await asyncio.to_thread(_write_synced, top / "a", b"x")
        assert caught.value.errno == errno.ENXIO
        device.error = None
        await asyncio.to_thread(_write_synced, top / "a", b"x")

    play(story)


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def test_a_stuck_device_hangs_the_caller_beyond_sigkill_until_it_ends(
    play: Callable[[Story], None],
) -> None:
    script = (
        "import os,sys; f=open(sys.argv[1],'wb'); f.write(b'x'); f.flush(); os.fsync(f.fileno())"
    )

    async def story(device: MemoryDevice, mounted: MountedFilesystem, top: Path) -> None:
        device.flowing.clear()
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, top / "a")
        # Uninterruptible once killed: first it has to arrive in the wait for the device.
        await _until(lambda: bool(mounted.open_files))
        waiting = 0
        while waiting < 20:
            waiting = waiting + 1 if _state(process.pid) in "SD" else 0
            await asyncio.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        await _until(lambda: _state(process.pid) == "D")
        await asyncio.sleep(0.2)
        assert _state(process.pid) == "D"
        device.flowing.set()
        assert await process.wait() == -signal.SIGKILL

    play(story)
