"""The protocol of the design walked on two live hosts over real TCP, step by step as it was walked on
two real FreeBSD machines."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.lab_host.live import LiveHost, wait_for

pytestmark = pytest.mark.slow
SIZE = 16 << 20


class Session:
    """One export of one host's image, under a path of its own."""

    def __init__(self, host: LiveHost, number: int, port: int) -> None:
        self.host = host
        self.port = port
        # Two hosts on one machine: each has an address of its own.
        self.address = f"127.0.0.{1 + (host.name == 'nodeB')}"
        self.path = host.root / f"session{number}" / "data.img"
        self.path.parent.mkdir()
        self.path.symlink_to(host.image)
        exports = self.path.parent / "gg.exports"
        exports.write_text(f"127.0.0.0/8 RW {self.path}\n", encoding="utf-8")
        self.pidfile = self.path.parent / "pid"
        self.before = host.processes("ggated")
        host.ok(f"ggated -a {self.address} -p {port} -F {self.pidfile} {exports}")
        wait_for(lambda: self.pidfile.exists() and self.pidfile.read_text(), "the pid file")

    def end(self) -> None:
        """End parent and children by their process group, and see the image closed."""
        os.kill(-int(self.pidfile.read_text()), signal.SIGTERM)
        wait_for(lambda: not self.host.processes("ggated"), "the end of ggated")
        listing = self.host.ok(f"fstat {self.host.image}")
        assert listing.splitlines()[1:] == []


def gate(host: LiveHost, session: Session, unit: int, path: Path | None = None) -> int:
    """Connect a ggate; its exit status. The daemon may not have bound its socket yet."""
    line = f"ggatec create -t 30 -p {session.port} -u {unit} {session.address} "
    line += str(path or session.path)
    status = 1

    def connected() -> bool:
        nonlocal status
        status = host.run(line).returncode
        return status == 0

    if path is not None:
        return host.run(line).returncode
    wait_for(connected, "the gate")
    return status


def test_the_whole_walk(  # noqa: PLR0915 - one story, told as it was walked
    hosts: tuple[LiveHost, LiveHost], port: int
) -> None:
    one, two = hosts
    one.make_image(SIZE)
    two.make_image(SIZE, b"old junk")
    # 1, 2: B exports the file under a session path; A activates alone, then takes B in.
    first = Session(two, 1, port)
    one.clear_tail()
    one.ok(f"mdconfig -a -t vnode -f {one.image} -u 10")
    one.ok("gmirror label -b prefer data md10")
    assert one.ok("gmirror status -s") == "mirror/data  COMPLETE  md10 (ACTIVE)\n"
    one.ok("newfs -U -j /dev/mirror/data")
    one.ok(f"mount /dev/mirror/data {one.mount_point}")
    one.ok("gmirror configure -p 100 data md10")
    gate(one, first, 10)
    one.ok("gmirror insert -p 0 data ggate10")
    one.wait_status("COMPLETE", "ggate10 (ACTIVE)")
    # 3: clean handover; nothing comes back, both images are the same, without metadata.
    one.ok(f"umount {one.mount_point}")
    one.ok("gmirror destroy data")
    assert one.ok("gmirror status -s") == ""
    one.ok("ggatec destroy -u 10")
    one.ok("mdconfig -d -u 10")
    wait_for(lambda: not one.processes("ggatec"), "the end of ggatec")
    assert one.image.read_bytes() == two.image.read_bytes()
    assert one.image.read_bytes()[-512:] == bytes(512)
    second = Session(one, 2, port)
    # 4: B promotes with both labelled: no copy, clean, mounted.
    first.end()
    two.ok(f"mdconfig -a -t vnode -f {two.image} -u 10")
    gate(two, second, 10)
    two.ok("gmirror label -b prefer data ggate10 md10")
    two.wait_status("COMPLETE  ggate10 (ACTIVE)", "COMPLETE  md10 (ACTIVE)")
    assert "FILE SYSTEM CLEAN; SKIPPING CHECKS" in two.ok("fsck_ffs -p /dev/mirror/data")
    two.ok(f"mount /dev/mirror/data {two.mount_point}")
    # 5: A freezes: a write (the clean mark of umount) hangs until destroy -f.
    for pid in one.processes("ggated"):
        os.kill(pid, signal.SIGSTOP)
    unmount = two.start(f"umount {two.mount_point}")
    assert two.ok("gmirror status -s").count("COMPLETE") == 2
    with pytest.raises(subprocess.TimeoutExpired):
        unmount.wait(1)
    two.ok("ggatec destroy -f -u 10")
    assert unmount.wait(60) == 0
    two.wait_status("DEGRADED  md10 (ACTIVE)")
    two.ok("gmirror forget data")
    two.ok(f"mount /dev/mirror/data {two.mount_point}")
    assert two.ok("gmirror status -s") == "mirror/data  COMPLETE  md10 (ACTIVE)\n"
    # 6: A thaws: old session ended, the old path refused, the new one inserted online.
    for pid in one.processes("ggated"):
        os.kill(pid, signal.SIGCONT)
    two.end("ggatec")
    second.end()
    one.clear_tail()
    third = Session(one, 3, port)
    gate(two, third, 10)
    assert gate(two, third, 11, second.path) == 1
    two.ok("gmirror insert -p 0 data ggate10")
    two.wait_status("COMPLETE", "ggate10 (ACTIVE)")
    # 7: B loses power; A promotes alone: refused, journal replayed, mounted.
    two.power_off()
    third.end()
    one.clear_tail()
    one.ok(f"mdconfig -a -t vnode -f {one.image} -u 10")
    one.ok("gmirror label -b prefer data md10")
    refused = one.run(f"mount /dev/mirror/data {one.mount_point}")
    assert refused.returncode == 1
    assert "Filesystem is not clean - run fsck." in refused.stderr
    assert "SU+J Recovering /dev/mirror/data" in one.ok("fsck_ffs -p /dev/mirror/data")
    one.ok(f"mount /dev/mirror/data {one.mount_point}")
