"""Which states of a file system does the emulated host mount, refuse and repair?"""

from dataclasses import replace

import pytest

from hafailover.emulation import superblock
from hafailover.emulation.effects import FilesystemVerb
from hafailover.emulation.errors import EBUSY, ENXIO
from hafailover.emulation.faults import EVERY_TIME, Fault, FaultKind
from hafailover.emulation.geom import BioCommand
from hafailover.emulation.kernel import KILLED, Kernel
from hafailover.units import SECOND
from tests.emulation.hosts import MEGABYTE, Host, complete, pair

DEVICE = "/dev/md5"
DENIED = f"mount: {DEVICE}: R/W mount of /mnt/data denied. Filesystem is not clean - run fsck."


def crashed(options: str) -> Host:
    """Return a host with a file system that was mounted when the power went."""
    host = Host()
    host.files.create("/img/f", 64 * MEGABYTE)
    host.ok(
        "mdconfig -a -t vnode -f /img/f -u 5",
        f"newfs {options} {DEVICE}",
        f"mount {DEVICE} /mnt/data",
    )
    host.kernel = Kernel(host.config, host.files)
    host.now = 0
    host.done.clear()
    host.ok("mdconfig -a -t vnode -f /img/f -u 5")
    return host


def damage(host: Host) -> None:
    handle = host.kernel.open_device("md5")
    assert handle is not None
    block = superblock.decode(host.files.pread("/img/f", superblock.OFFSET, superblock.LENGTH))
    assert block is not None
    worse = replace(block, flags=block.flags | superblock.NEEDS_FULL_CHECK, clean=False)
    host.files.pwrite("/img/f", superblock.OFFSET, worse.encode())


def test_plain_soft_updates_mount_dirty_and_stay_unclean() -> None:
    host = crashed("-U")
    assert host.run(f"fsck_ffs -F {DEVICE}").status == 0
    host.ok(f"mount {DEVICE} /mnt/data")
    assert "WARNING: /mnt/data was not properly dismounted" in host.messages
    host.ok("umount /mnt/data")
    assert "clean\t0\n" in host.run(f"dumpfs {DEVICE}").stdout
    host.ok(f"fsck_ffs -p {DEVICE}")
    assert "clean\t1\n" in host.run(f"dumpfs {DEVICE}").stdout
    assert host.run(f"fsck_ffs -F {DEVICE}").status == 7


@pytest.mark.parametrize(
    ("options", "more", "foreground"),
    [("", "", 5), ("-U -j", " Forced mount will invalidate journal contents", 4)],
)
def test_others_are_refused_until_checked(options: str, more: str, foreground: int) -> None:
    host = crashed(options)
    assert host.run(f"fsck_ffs -F -p {DEVICE}").status == foreground
    refused = host.run(f"mount {DEVICE} /mnt/data")
    assert (refused.status, refused.stderr) == (1, f"{DENIED}{more}: Operation not permitted\n")
    host.ok(f"mount -o ro {DEVICE} /mnt/data", "umount /mnt/data")
    host.ok(f"fsck_ffs -p {DEVICE}", f"mount {DEVICE} /mnt/data")


def test_a_journal_is_replayed_as_observed() -> None:
    host = crashed("-U -j")
    said = host.run(f"fsck_ffs -p {DEVICE}").stdout
    assert said.startswith(
        f"** SU+J Recovering {DEVICE}\n** Reading 4194304 byte journal from inode 4.\n"
    )
    assert said.endswith("\n***** FILE SYSTEM MARKED CLEAN *****\n")


def test_preening_gives_up_on_damage_and_a_full_check_repairs_it() -> None:
    host = crashed("-U -j")
    damage(host)
    preen = host.run(f"fsck_ffs -p {DEVICE}")
    assert preen.status == 8
    assert "UNEXPECTED SOFT UPDATE INCONSISTENCY; RUN fsck MANUALLY.\n" in preen.stdout
    assert host.run(f"mount {DEVICE} /mnt/data").status == 1
    full = host.run(f"fsck_ffs -f -y {DEVICE}")
    assert full.status == 0
    assert "***** FILE SYSTEM WAS MODIFIED *****\n" in full.stdout
    host.ok(f"mount {DEVICE} /mnt/data")


def test_contents_that_somebody_else_keeps() -> None:
    host = Host(filesystems=True)
    host.files.create("/img/f", 64 * MEGABYTE)
    host.ok("mdconfig -a -t vnode -f /img/f -u 5")

    def answer(verb: FilesystemVerb, error: int = 0) -> None:
        work = host.filesystem_work.pop()
        assert work.verb is verb
        host.kernel.filesystem_done(work.work, error, host.now)
        host.pump()

    ticket = host.start(f"newfs -U -j {DEVICE}")
    assert ticket not in host.done
    answer(FilesystemVerb.FORMAT)
    assert host.done[ticket].status == 0
    ticket = host.start(f"mount {DEVICE} /mnt/data")
    answer(FilesystemVerb.START)
    assert host.done[ticket].status == 0
    ticket = host.start("umount /mnt/data")
    answer(FilesystemVerb.STOP, EBUSY)
    assert host.done[ticket].stderr == "umount: unmount of /mnt/data failed: Device busy\n"
    assert "/mnt/data" in host.run("mount").stdout
    ticket = host.start("umount -f /mnt/data")
    assert host.filesystem_work[-1].force
    answer(FilesystemVerb.STOP)
    assert host.done[ticket].status == 0
    ticket = host.start(f"fsck_ffs -f -y {DEVICE}")
    answer(FilesystemVerb.CHECK)
    assert "IS CLEAN" in host.done[ticket].stdout


def test_unmounting_hangs_with_the_peer_and_ends_with_its_gate() -> None:
    one, two = pair()
    link = complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    link.frozen = True
    ticket = one.start("umount /mnt/data")
    one.advance(3 * SECOND)
    assert ticket not in one.done
    assert not one.kernel.kill(ticket, one.now)
    one.ok("ggatec destroy -f -u 10")
    assert one.done[ticket].status == 0


def test_a_mount_whose_device_is_gone_unmounts_itself_at_the_next_write() -> None:
    one, two = pair()
    complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    handle = one.kernel.open_device("mirror/data")
    assert handle is not None
    one.ok("gmirror stop -f data")
    assert "/mnt/data" in one.run("mount").stdout
    tag = one.submit(handle, BioCommand.WRITE, MEGABYTE, data=bytes(4096))
    assert one.blocks[tag].error == ENXIO
    one.advance(SECOND)
    assert "/mnt/data" not in one.run("mount").stdout
    assert "UFS: forcibly unmounting /dev/mirror/data from /mnt/data" in one.messages


def test_power_takes_back_what_no_flush_had_made_durable() -> None:
    host = Host()
    host.files.create("/img/f", MEGABYTE)
    host.files.pwrite("/img/f", 0, b"1" * 8192)
    host.files.fsync("/img/f")
    host.files.pwrite("/img/f", 0, b"2" * 8192)
    assert host.files.unsynced("/img/f") == (0, 1)
    host.files.lose_power("/img/f", (1,))
    assert host.files.pread("/img/f", 0, 8192) == b"2" * 4096 + b"1" * 4096


def test_faults_hang_delay_and_fail() -> None:
    host = Host()
    host.files.create("/img/f", MEGABYTE)
    host.kernel.add_fault(
        Fault(program="mdconfig", words=("-a",), kind=FaultKind.FAIL, status=3, stderr="no\n")
    )
    assert host.run("mdconfig -a -t vnode -f /img/f -u 5").status == 3
    host.ok("mdconfig -a -t vnode -f /img/f -u 5")
    host.kernel.add_fault(Fault(program="mdconfig", kind=FaultKind.DELAY, delay_ns=7 * SECOND))
    began = host.now
    host.ok("mdconfig -l")
    assert host.now - began >= 7 * SECOND
    host.kernel.add_fault(Fault(program="mdconfig", kind=FaultKind.HANG, times=EVERY_TIME))
    ticket = host.start("mdconfig -l")
    host.advance(60 * SECOND)
    assert ticket not in host.done
    assert not host.kernel.kill(ticket, host.now)
    host.kernel.clear_faults(host.now)
    host.advance(SECOND)
    assert host.done[ticket].status == 0


def test_a_delayed_command_can_be_killed() -> None:
    host = Host()
    host.kernel.add_fault(Fault(program="mount", kind=FaultKind.DELAY, delay_ns=60 * SECOND))
    ticket = host.start("mount")
    assert host.kernel.kill(ticket, host.now)
    host.pump()
    assert host.done[ticket].status == KILLED


def small_on_large(options: str = "-U -j") -> Host:
    """Return a host with a file system of 64 MB on a device that has become twice as large."""
    host = Host()
    host.files.create("/img/f", 64 * MEGABYTE)
    host.ok("mdconfig -a -t vnode -f /img/f -u 5", f"newfs {options} {DEVICE}", "mdconfig -d -u 5")
    block = host.files.pread("/img/f", superblock.OFFSET, superblock.LENGTH)
    host.files.create("/img/f", 128 * MEGABYTE)
    host.files.pwrite("/img/f", superblock.OFFSET, block)
    host.ok("mdconfig -a -t vnode -f /img/f -u 5")
    return host


def test_growfs_makes_a_file_system_as_large_as_its_device_and_keeps_what_it_is() -> None:
    host = small_on_large()
    before = host.run(f"dumpfs {DEVICE}").stdout
    assert "size\t16384\n" in before

    assert "super-block backups" in host.run(f"growfs -y {DEVICE}").stdout

    after = host.run(f"dumpfs {DEVICE}").stdout
    assert "size\t32768\n" in after
    assert after.splitlines()[1] == before.splitlines()[1], "the id stays"
    assert "soft-updates+journal" in after
    host.ok(f"fsck_ffs -f -p {DEVICE}", f"mount {DEVICE} /mnt/data")


def test_growfs_asks_first_and_has_nothing_to_do_twice() -> None:
    host = small_on_large()
    asked = host.run(f"growfs {DEVICE}")
    assert (asked.status, "from 64MB to 128MB? [yes/no]" in asked.stdout) == (0, True), asked
    host.ok(f"growfs -N {DEVICE}")
    assert "size\t16384\n" in host.run(f"dumpfs {DEVICE}").stdout
    host.ok(f"growfs -y {DEVICE}")
    again = host.run(f"growfs -y {DEVICE}")
    assert (again.status, "is equal to the current" in again.stderr) == (0, True), again


def test_growfs_refuses_what_is_unclean_or_no_file_system() -> None:
    host = Host()
    host.files.create("/img/f", 64 * MEGABYTE)
    host.ok("mdconfig -a -t vnode -f /img/f -u 5")
    assert host.run(f"growfs -y {DEVICE}").status == 2
    assert host.run("growfs -y /dev/md9").status == 3
    dirty = crashed("-U")
    dirty.ok(f"mount {DEVICE} /mnt/data", "umount /mnt/data")
    refused = dirty.run(f"growfs -y {DEVICE}")
    assert (refused.status, "is not clean - run fsck" in refused.stderr) == (2, True)


def test_a_growfs_that_is_run_again_without_a_check_leaves_damage() -> None:
    """The cylinder group that the first one changed is counted twice: only fsck rebuilds it."""
    for checks in (False, True):
        host = small_on_large()
        damage(host)
        block = superblock.decode(host.files.pread("/img/f", superblock.OFFSET, superblock.LENGTH))
        assert block is not None
        host.files.pwrite("/img/f", superblock.OFFSET, replace(block, clean=True).encode())
        if checks:
            host.ok(f"fsck_ffs -f -y {DEVICE}")
        host.ok(f"growfs -y {DEVICE}")
        assert host.run(f"fsck_ffs -f -p {DEVICE}").status == (0 if checks else 8)
