"""What do drills do to a live host, and what does a loss of power take from its disks?"""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from hafailover.lab.host.control import disturb, parse
from hafailover.lab.host.kerneld import RESET_STATUS
from hafailover.lab.host.undo import UndoJournal, power_off
from hafailover.storage.superblock import LENGTH, OFFSET, decode_superblock
from tests.lab_host.live import LiveHost, wait_for
from tests.lab_host.test_ggate import mirror

SIZE = 1 << 20


def order(host: LiveHost, *words: str) -> None:

    asyncio.run(disturb(host.root, words))


def write(journal: UndoJournal, image: Path, offset: int, data: bytes) -> None:
    descriptor = os.open(image, os.O_RDWR)
    try:
        journal.before_write(descriptor, offset, len(data))
        os.pwrite(descriptor, data, offset)
    finally:
        os.close(descriptor)


def test_power_takes_back_what_nobody_synced(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"0" * SIZE)
    descriptor = os.open(image, os.O_RDWR)
    os.fsync(descriptor)
    journal = UndoJournal(str(tmp_path), str(image))
    write(journal, image, 4096, b"1" * 4096)
    journal.clear()
    write(journal, image, 4096, b"2" * 4096)
    write(journal, image, 4096, b"3" * 4096)
    write(journal, image, 65536, b"3" * 512)
    lost = power_off(tmp_path)
    assert lost == {str(image): 4096 + 512}
    assert os.pread(descriptor, 8192, 4096) == b"1" * 4096 + b"0" * 4096
    assert os.pread(descriptor, 512, 65536) == b"0" * 512
    os.close(descriptor)
    assert power_off(tmp_path) == {}


def test_what_another_process_synced_survives(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(SIZE))
    journal = UndoJournal(str(tmp_path), str(image))
    write(journal, image, 0, b"1" * 4096)
    descriptor = os.open(image, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    # Where the page cache cannot be asked, a second makes it safe.
    time.sleep(1.1)
    assert power_off(tmp_path) == {str(image): 0}
    assert image.read_bytes()[:4096] == b"1" * 4096


def test_each_pages_fate_comes_from_the_seed(tmp_path: Path) -> None:
    def survivors(seed: int) -> list[bool]:
        image = tmp_path / "image"
        image.write_bytes(bytes(SIZE))
        journal = UndoJournal(str(tmp_path), str(image))
        for page in range(64):
            write(journal, image, page * 4096, b"1" * 4096)
        power_off(tmp_path, seed)
        content = image.read_bytes()
        return [content[page * 4096] == ord("1") for page in range(64)]

    first = survivors(1)
    assert 0 < sum(first) < 64
    assert survivors(1) == first
    assert survivors(2) != first


def test_unflushed_bytes_of_a_rebuild_are_lost_with_power(
    hosts: tuple[LiveHost, LiveHost], port: int
) -> None:
    one, two = hosts
    mirror(one, two, port)
    assert decode_superblock(two.image.read_bytes()[OFFSET : OFFSET + LENGTH]) is not None
    two.power_off()
    lost = power_off(two.root)
    assert set(lost) == {str(two.image)}


def test_a_hung_command_survives_signals_and_ends_when_cleared(
    hosts: tuple[LiveHost, LiveHost],
) -> None:
    host, _ = hosts
    order(host, "always", "hang", "mdconfig", "-l")
    hung = host.start("mdconfig -l")
    time.sleep(0.5)
    hung.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert hung.poll() is None
    assert host.ok("gmirror status -s") == ""
    order(host, "clear")
    assert hung.wait(60) == 0


def test_a_slow_command_dies_of_a_signal(hosts: tuple[LiveHost, LiveHost]) -> None:
    host, _ = hosts
    order(host, "slow", "600", "mount")
    slow = host.start("mount")
    time.sleep(0.5)
    slow.send_signal(signal.SIGTERM)
    assert slow.wait(60) == -signal.SIGKILL


def test_failures_on_order(hosts: tuple[LiveHost, LiveHost]) -> None:
    host, _ = hosts
    host.make_image(SIZE)
    order(host, "fail", "5", "mdconfig", "-a")
    attach = f"mdconfig -a -t vnode -f {host.image} -u 1"
    assert host.run(attach).returncode == 5
    host.ok(attach)
    host.ok("newfs -U -j /dev/md1")
    order(host, "disk", "28", str(host.image))
    assert host.run(f"mount /dev/md1 {host.mount_point}").returncode == 1
    order(host, "disk", "0", str(host.image))
    host.ok(f"mount /dev/md1 {host.mount_point}")
    order(host, "busy", str(host.mount_point))
    assert host.run(f"umount {host.mount_point}").stderr.endswith("failed: Device busy\n")
    host.ok(f"umount {host.mount_point}")
    order(host, "damage", "/dev/md1")
    assert host.run("fsck_ffs -p /dev/md1").returncode == 8
    host.ok("fsck_ffs -f -y /dev/md1")


def test_orders_that_mean_nothing_are_refused() -> None:
    for words in ((), ("explode",), ("disk", "28"), ("always",)):
        with pytest.raises(ValueError, match="a fault is one of"):
            parse(words)


def test_a_reset_ends_the_kernel_at_once(hosts: tuple[LiveHost, LiveHost]) -> None:
    host, _ = hosts
    host.start("reboot -nq").wait(60)
    assert host.kernel is not None
    assert host.kernel.wait(60) == RESET_STATUS
    assert (host.root / "var" / "run" / "reset").read_text() == "reboot -nq\n"


def test_a_new_boot_knows_nothing_of_the_last(hosts: tuple[LiveHost, LiveHost]) -> None:
    host, _ = hosts
    host.make_image(SIZE)
    host.ok(f"mdconfig -a -t vnode -f {host.image} -u 1")
    host.ok("gmirror label data md1")
    host.power_off()
    host.boot()
    assert host.ok("mdconfig -l") == ""
    assert host.ok("gmirror status -s") == ""
    host.ok(f"mdconfig -a -t vnode -f {host.image} -u 7")
    assert host.wait_status("COMPLETE") == "mirror/data  COMPLETE  md7 (ACTIVE)\n"


def test_ps_shows_programs_as_freebsd_would(hosts: tuple[LiveHost, LiveHost]) -> None:
    host, _ = hosts
    order(host, "always", "hang", "mdconfig", "-l")
    hung = host.start("mdconfig -l")
    wanted = f"{hung.pid:>5} {os.getpid():>5} "

    def shown() -> bool:
        lines = host.ok("ps -axww -o pid= -o ppid= -o state= -o command=").splitlines()
        return any(line.startswith(wanted) and line.endswith(" mdconfig -l") for line in lines)

    wait_for(shown, "the program in ps")
    order(host, "clear")
    assert hung.wait(60) == 0
