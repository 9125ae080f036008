"""Does the emulated mirror win and lose data exactly as gmirror does?"""

import pytest

from hafailover.emulation.errors import EIO, ENXIO
from hafailover.emulation.geom import BioCommand
from hafailover.emulation.mirror_metadata import DIRTY, SYNCHRONIZING, Metadata, decode
from hafailover.units import SECOND
from tests.emulation.hosts import MEGABYTE, Host, complete, pair, wait_status

BLOCK = b"block of data..." * 256
PLACE = 2 * MEGABYTE


def sector(host: Host, path: str) -> Metadata:
    size = host.files.stat(path).size
    metadata = decode(host.files.pread(path, size - 512, 512))
    assert metadata is not None
    return metadata


def counters(host: Host) -> tuple[int, int]:
    fields = dict(
        line.split(": ", 1) for line in host.run("gmirror list").stdout.splitlines() if ": " in line
    )
    return int(fields["GenID"]), int(fields["SyncID"])


def test_insert_copies_everything_and_returns_before() -> None:
    one, two = pair(sync_rate=4 * MEGABYTE)
    one.files.pwrite("/img/a", PLACE, BLOCK)
    two.files.pwrite("/img/b", PLACE, b"something else.." * 256)
    link = None
    one.ok("mdconfig -a -t vnode -f /img/a -u 10", "gmirror label -b prefer data md10")
    link = one.connect(two, "/img/b", 10)
    one.ok("gmirror insert -p 0 data ggate10")
    assert "DEGRADED" in one.run("gmirror status -s").stdout
    assert sector(two, "/img/b").dflags & SYNCHRONIZING
    wait_status(one, "COMPLETE")
    copied = sum(length for command, _, length in link.served if command is BioCommand.WRITE)
    assert copied >= 8 * MEGABYTE - 512
    assert two.files.pread("/img/b", PLACE, 4096) == BLOCK
    one.ok("gmirror stop data")
    assert sector(two, "/img/b").dflags == 0


def test_labelled_together_nothing_is_copied() -> None:
    one, two = pair()
    two.files.pwrite("/img/b", PLACE, BLOCK)
    one.ok("mdconfig -a -t vnode -f /img/a -u 10")
    link = one.connect(two, "/img/b", 10)
    one.ok("gmirror label -b prefer data ggate10 md10")
    wait_status(one, "COMPLETE", "ggate10 (ACTIVE)", "md10 (ACTIVE)")
    assert two.files.pread("/img/b", PLACE, 4096) == BLOCK
    written = [offset for command, offset, _ in link.served if command is BioCommand.WRITE]
    assert set(written) == {8 * MEGABYTE - 512}


def test_both_halves_written_alone_come_back_as_identical() -> None:
    """The collision of plain counters: one side's writes are gone and nothing says so."""
    host = Host()
    for name in ("a", "b"):
        host.files.create(f"/img/{name}", 8 * MEGABYTE)
    host.ok(
        "mdconfig -a -t vnode -f /img/a -u 0",
        "mdconfig -a -t vnode -f /img/b -u 1",
        "gmirror label gm0 md0 md1",
        "sysctl kern.geom.label.ufsid.enable=0",
        "newfs -U /dev/mirror/gm0",
        "gmirror stop gm0",
        "mdconfig -d -u 0",
        "mdconfig -d -u 1",
    )
    for name, data in (("a", b"A"), ("b", b"B")):
        host.ok(f"mdconfig -a -t vnode -f /img/{name} -u 0")
        wait_status(host, "DEGRADED")
        host.ok("mount /dev/mirror/gm0 /mnt/data")
        tag = host.write("mirror/gm0", PLACE, data * 4096)
        host.wait(lambda tag=tag: tag in host.blocks)
        host.ok("umount /mnt/data", "gmirror stop gm0", "mdconfig -d -u 0")
    first, second = sector(host, "/img/a"), sector(host, "/img/b")
    assert (first.genid, first.syncid) == (second.genid, second.syncid) == (0, 2)
    host.ok("mdconfig -a -t vnode -f /img/a -u 0", "mdconfig -a -t vnode -f /img/b -u 1")
    status = wait_status(host, "COMPLETE")
    assert "SYNCHRONIZING" not in status
    assert host.files.pread("/img/a", PLACE, 4096) == b"A" * 4096
    assert host.files.pread("/img/b", PLACE, 4096) == b"B" * 4096


def test_destroy_of_a_stuck_gate_answers_what_waits_and_moves_syncid() -> None:
    one, two = pair()
    link = complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    tag = one.write("mirror/data", PLACE, BLOCK)
    assert one.blocks[tag].error == 0
    link.frozen = True
    tag = one.write("mirror/data", PLACE, BLOCK)
    one.advance(3 * SECOND)
    assert tag not in one.blocks
    assert "COMPLETE" in one.run("gmirror status -s").stdout
    one.ok("ggatec destroy -f -u 10")
    assert one.blocks[tag].error == 0
    assert one.run("gmirror status -s").stdout == "mirror/data  DEGRADED  md10 (ACTIVE)\n"
    one.write("mirror/data", PLACE, BLOCK)
    assert counters(one) == (0, 2)


def test_an_error_from_the_peer_moves_genid_and_keeps_it_out() -> None:
    one, two = pair()
    link = complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    link.error = EIO
    tag = one.write("mirror/data", PLACE, BLOCK)
    link.error = 0
    one.advance(SECOND)
    assert one.blocks[tag].error == 0
    assert counters(one)[0] == 1
    one.ok("ggatec destroy -u 10")
    one.connect(two, "/img/b", 11)
    one.advance(5 * SECOND)
    assert "ggate11" not in one.run("gmirror status -s").stdout
    assert "GEOM_MIRROR: Component ggate11 (device data) broken, skipping." in one.messages
    assert one.run("gmirror insert data ggate11").stderr == "gmirror: Not all disks connected.\n"
    one.ok("gmirror forget data", "gmirror insert data ggate11")
    wait_status(one, "COMPLETE", "ggate11 (ACTIVE)")


def test_a_failed_metadata_write_moves_genid_even_for_enxio() -> None:
    """Seen: the peer dies while the mirror is idle, and the first write marks it dirty."""
    one, two = pair()
    link = complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    one.advance(10 * SECOND)
    assert sector(two, "/img/b").dflags & DIRTY == 0
    link.frozen = True
    tag = one.write("mirror/data", PLACE, BLOCK)
    one.advance(2 * SECOND)
    one.ok("ggatec destroy -f -u 10")
    assert one.blocks[tag].error == 0
    one.write("mirror/data", PLACE, BLOCK)
    assert counters(one) == (1, 2)
    lines = [line for line in one.messages if "ggate10 " in line and "Cannot" in line]
    assert lines[0] == (
        f"GEOM_MIRROR: Cannot write metadata on ggate10 (device=data, error={ENXIO})."
    )


def test_a_reboot_waits_for_a_mark_on_a_frozen_peer_and_a_panic_does_not() -> None:
    """Up to 14.0 also with -n, for the lock that the worker holds over the mark (g_mirror.c)."""
    one, two = pair()
    link = complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    one.advance(10 * SECOND)
    link.frozen = True
    tag = one.write("mirror/data", PLACE, BLOCK)
    ticket = one.start("reboot -nq")
    one.advance(3 * SECOND)
    assert ticket not in one.done
    assert tag not in one.blocks
    assert one.resets == []
    one.ok("sysctl debug.kdb.panic=1")
    assert one.resets == ["debug.kdb.panic=1"]


@pytest.mark.parametrize("timeout", [5, 10])
def test_the_guard_drops_a_silent_peer_by_itself(timeout: int) -> None:
    one, two = pair()
    link = complete(one, two, timeout=timeout)
    one.ok("mount /dev/mirror/data /mnt/data")
    link.frozen = True
    began = one.now
    tag = one.write("mirror/data", PLACE, BLOCK)
    one.wait(lambda: tag in one.blocks)
    waited = one.now - began
    assert 4 * SECOND < waited <= (5 + timeout) * SECOND
    assert one.blocks[tag].error == 0
    assert counters(one)[0] >= 1


def test_readers_of_the_tree_hang_while_a_dead_gate_is_tasted() -> None:
    """Seen with -t 5: gmirror status answered after 75 seconds."""
    one, two = pair()
    link = complete(one, two, timeout=5)
    one.ok("mount /dev/mirror/data /mnt/data")
    link.frozen = True
    one.write("mirror/data", PLACE, BLOCK)
    one.wait(lambda: any("disconnected" in line for line in one.messages))
    one.advance(SECOND)
    ticket = one.start("gmirror status -s")
    other = one.start("mdconfig -l")
    one.advance(20 * SECOND)
    assert ticket not in one.done
    assert other not in one.done
    assert not one.kernel.kill(ticket, one.now)
    one.ok("ggatec destroy -f -u 10")
    assert one.done[ticket].stdout == "mirror/data  DEGRADED  md10 (ACTIVE)\n"
    assert one.done[other].stdout == "md10 \n"


def test_insert_into_a_frozen_peer_blocks_even_destroy_until_the_guard() -> None:
    one, two = pair()
    one.ok("mdconfig -a -t vnode -f /img/a -u 10", "gmirror label -b prefer data md10")
    link = one.connect(two, "/img/b", 10, timeout=10)
    one.advance(SECOND)
    link.frozen = True
    insert = one.start("gmirror insert -p 0 data ggate10")
    destroy = one.start("ggatec destroy -f -u 10")
    one.advance(3 * SECOND)
    assert insert not in one.done
    assert destroy not in one.done
    one.advance(20 * SECOND)
    assert one.done[insert].stderr == "gmirror: Cannot store metadata on ggate10.\n"
    assert one.done[destroy].status == 0


def test_a_returning_gate_replays_what_waits() -> None:
    one, two = pair()
    link = complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    link.frozen = True
    tag = one.write("mirror/data", PLACE, BLOCK)
    one.advance(60 * SECOND // 20)
    assert tag not in one.blocks
    link.thaw()
    assert one.blocks[tag].error == 0
    assert two.files.pread("/img/b", PLACE, 4096) == BLOCK
    assert "COMPLETE" in one.run("gmirror status -s").stdout


def test_writes_during_a_rebuild_reach_the_target() -> None:
    one, two = pair(sync_rate=2 * MEGABYTE)
    one.ok(
        "mdconfig -a -t vnode -f /img/a -u 10",
        "gmirror label -b prefer data md10",
        "newfs -U -j /dev/mirror/data",
        "mount /dev/mirror/data /mnt/data",
    )
    one.connect(two, "/img/b", 10)
    one.ok("gmirror insert -p 0 data ggate10")
    for number in range(16):
        one.write("mirror/data", number * MEGABYTE // 2 + 65536, bytes([number + 1]) * 4096)
        one.advance(SECOND // 4)
    wait_status(one, "COMPLETE")
    one.ok("umount /mnt/data", "gmirror destroy data")
    size = 8 * MEGABYTE
    assert one.files.pread("/img/a", 0, size) == two.files.pread("/img/b", 0, size)
    assert one.files.pread("/img/a", size - 512, 512) == bytes(512)


def test_a_rebuild_that_loses_its_target_leaves_a_half_copy_that_starts_nothing() -> None:
    one, two = pair(sync_rate=MEGABYTE)
    one.ok("mdconfig -a -t vnode -f /img/a -u 10", "gmirror label -b prefer data md10")
    link = one.connect(two, "/img/b", 10)
    one.ok("gmirror insert -p 0 data ggate10")
    one.advance(3 * SECOND)
    link.frozen = True
    one.ok("ggatec destroy -f -u 10")
    one.advance(SECOND)
    assert sector(two, "/img/b").dflags & SYNCHRONIZING
    two.ok("mdconfig -a -t vnode -f /img/b -u 10")
    two.advance(10 * SECOND)
    assert two.run("gmirror status -s").stdout == ""
    two.ok("mdconfig -d -u 10")


def test_the_last_component_is_never_dropped() -> None:
    one, _ = pair()
    one.ok("mdconfig -a -t vnode -f /img/a -u 10", "gmirror label data md10")
    one.files.fail("/img/a", EIO)
    tag = one.write("mirror/data", PLACE, BLOCK)
    one.files.fail("/img/a", 0)
    assert one.blocks[tag].error == EIO
    assert one.run("gmirror status -s").stdout == "mirror/data  COMPLETE  md10 (ACTIVE)\n"


def test_reads_go_on_at_the_other_component_when_one_fails() -> None:
    one, two = pair()
    complete(one, two)
    one.ok("mount /dev/mirror/data /mnt/data")
    one.write("mirror/data", PLACE, BLOCK)
    one.files.fail("/img/a", EIO)
    assert one.read("mirror/data", PLACE, 4096) == BLOCK
    status = one.run("gmirror status -s").stdout
    assert status == "mirror/data  DEGRADED  ggate10 (ACTIVE)\n"


def test_ids_come_from_the_seed() -> None:
    def labelled(seed: int) -> str:
        host = Host(seed=seed)
        host.files.create("/img/a", MEGABYTE)
        host.ok("mdconfig -a -t vnode -f /img/a -u 1", "gmirror label data md1")
        return host.run("gmirror dump md1").stdout

    assert labelled(5) == labelled(5)
    assert labelled(5) != labelled(6)


def test_the_module_tastes_what_is_there_when_it_is_loaded() -> None:
    """Seen: `gmirror load` on the host that had exported a component started the mirror there."""
    one, _ = pair()
    one.ok("mdconfig -a -t vnode -f /img/a -u 10", "gmirror label data md10")
    one.ok("gmirror stop data", "mdconfig -d -u 10")
    later = Host(modules=("geom_gate",))
    later.files.create("/img/a", 8 * MEGABYTE)
    later.files.pwrite("/img/a", 0, one.files.pread("/img/a", 0, 8 * MEGABYTE))
    later.ok("mdconfig -a -t vnode -f /img/a -u 3")
    later.advance(10 * SECOND)
    assert "<name>MIRROR</name>" not in later.run("sysctl -n kern.geom.confxml").stdout
    later.ok("kldload geom_mirror")
    assert later.run("gmirror status -s").stdout == "mirror/data  COMPLETE  md3 (ACTIVE)\n"
