"""Do acknowledged bytes survive on both sides, through real mounts, ggate and the mirror?"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hafailover.lab.host.control import disturb
from hafailover.lab.host.undo import power_off
from tests.lab_host.live import LiveHost, wait_for
from tests.lab_host.test_ggate import mirror

pytestmark = pytest.mark.lab


@pytest.fixture
def mounting(tmp_path: Path) -> Iterator[tuple[LiveHost, LiveHost]]:
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        assert not os.environ.get("CI"), "needs root and /dev/fuse"
        pytest.skip("needs root and /dev/fuse")
    pair = LiveHost(tmp_path / "A", "nodeA"), LiveHost(tmp_path / "B", "nodeB")
    try:
        for host in pair:
            host.boot(mounting=True)
        yield pair
    finally:
        for host in pair:
            host.power_off()


def acknowledge(host: LiveHost, record: bytes) -> None:
    """Append a record as a service does that promises it."""
    with (host.mounted / "records").open("ab") as file:
        file.write(record)
        file.flush()
        os.fsync(file.fileno())


def test_acknowledged_records_survive_the_loss_of_both_hosts_power(
    mounting: tuple[LiveHost, LiveHost], port: int
) -> None:
    one, two = mounting
    mirror(one, two, port)
    records = b"".join(b"record %08d\n" % number for number in range(20))
    for line in records.splitlines(keepends=True):
        acknowledge(one, line)
    for host in (one, two):
        host.power_off()
        power_off(host.root)
    for host in (one, two):
        host.boot(mounting=True)
        host.clear_tail()
        host.ok(f"mdconfig -a -t vnode -f {host.image} -u 10")
        host.ok("gmirror label -b prefer data md10")
        assert host.run(f"mount /dev/mirror/data {host.mount_point}").returncode == 1
        host.ok("fsck_ffs -p /dev/mirror/data")
        host.ok(f"mount /dev/mirror/data {host.mount_point}")
        assert (host.mounted / "records").read_bytes() == records


def test_an_open_file_keeps_it_mounted_and_force_takes_it_away(
    mounting: tuple[LiveHost, LiveHost],
) -> None:
    host, _ = mounting
    host.make_image(4 << 20)
    host.ok(f"mdconfig -a -t vnode -f {host.image} -u 1")
    host.ok("newfs -U -j /dev/md1")
    host.ok(f"mount /dev/md1 {host.mount_point}")
    descriptor = os.open(host.mounted / "open", os.O_RDWR | os.O_CREAT)
    refused = host.run(f"umount {host.mount_point}")
    assert refused.stderr == f"umount: unmount of {host.mount_point} failed: Device busy\n"
    assert f"/dev/md1 on {host.mount_point} (ufs, local" in host.ok("mount")
    host.ok(f"umount -f {host.mount_point}")
    with pytest.raises(OSError, match=r"."):
        os.write(descriptor, b"too late")
    # What is left of the open file says so too when it is closed.
    with contextlib.suppress(OSError):
        os.close(descriptor)
    assert str(host.mount_point) not in host.ok("mount")
    host.ok("mdconfig -d -u 1")


def test_damage_to_an_image_is_found_before_it_is_mounted(
    mounting: tuple[LiveHost, LiveHost],
) -> None:

    host, _ = mounting
    host.make_image(4 << 20)
    host.ok(f"mdconfig -a -t vnode -f {host.image} -u 1")
    host.ok("newfs -U -j /dev/md1")
    host.ok("mdconfig -d -u 1")
    asyncio.run(disturb(host.root, ("damage", str(host.image))))
    host.ok(f"mdconfig -a -t vnode -f {host.image} -u 1")
    assert host.run("fsck_ffs -p /dev/md1").returncode == 8
    assert host.run(f"mount /dev/md1 {host.mount_point}").returncode == 1
    host.ok("fsck_ffs -f -y /dev/md1")
    host.ok(f"mount /dev/md1 {host.mount_point}")


def test_who_stands_in_a_volume_is_named_and_ended(mounting: tuple[LiveHost, LiveHost]) -> None:
    host, _ = mounting
    host.make_image(4 << 20)
    host.ok(f"mdconfig -a -t vnode -f {host.image} -u 1")
    host.ok("newfs -U -j /dev/md1")
    host.ok(f"mount /dev/md1 {host.mount_point}")
    user = subprocess.Popen([*inside(host), "sh", "-c", f"cd {host.mount_point}; exec sleep 1000"])
    where = f"{host.mount_point}      2 drwxr-xr-x     512  r"
    wait_for(
        lambda: (
            f"root     sleep      {user.pid:>5}   wd {where}\n"
            in host.ok(f"fstat -f {host.mount_point}")
        ),
        "the user",
    )
    program = (
        "from hafailover.system.mount_work import kill_users; "
        f"print(kill_users(path={str(host.mount_point)!r}, patience=0.2, limit=20.0))"
    )
    environment = {**os.environ, "PATH": f"{host.root}/bin:{os.environ['PATH']}"}
    done = subprocess.run(
        [*inside(host), sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{{'told': ['sleep (pid {user.pid})'], 'left': []}}\n"
    assert user.wait() < 0
    host.ok(f"umount {host.mount_point}")


def inside(host: LiveHost) -> list[str]:
    """Return the words before a command that is to see the host's mounts."""
    assert host.kernel is not None
    return ["nsenter", f"--mount=/proc/{host.kernel.pid}/ns/mnt", "--"]
