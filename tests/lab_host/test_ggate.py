"""Do ggated and ggatec behave as the real ones over real TCP?"""

import os
import signal
import socket
import time
from pathlib import Path

from hafailover.lab.host import wire
from hafailover.lab.host.exports import Export, ExportsError, find, read_exports
from tests.lab_host.live import LiveHost, wait_for

SIZE = 4 << 20
Hosts = tuple[LiveHost, LiveHost]


def export(host: LiveHost, port: int, text: str | None = None) -> str:
    exports = host.root / "gg.exports"
    exports.write_text(text or f"127.0.0.1 RW {host.image}\n", encoding="utf-8")
    return f"ggated -a 127.0.0.1 -p {port} -F {host.root}/ggated.pid {exports}"


def serve(host: LiveHost, port: int) -> None:
    host.ok(export(host, port))
    wait_for(lambda: listening(port), "ggated listening")


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def mirror(one: LiveHost, two: LiveHost, port: int, timeout: int = 30) -> None:
    """Make a mirror on ``one`` with ``two``'s image, rebuilt and mounted."""
    one.make_image(SIZE)
    two.make_image(SIZE)
    serve(two, port)
    one.ok(f"mdconfig -a -t vnode -f {one.image} -u 10")
    one.ok("gmirror label -b prefer data md10")
    one.ok("newfs -U -j /dev/mirror/data")
    one.ok(f"mount /dev/mirror/data {one.mount_point}")
    one.ok(f"ggatec create -t {timeout} -p {port} -u 10 127.0.0.1 {two.image}")
    one.ok("gmirror insert data ggate10")
    one.wait_status("COMPLETE", "ggate10 (ACTIVE)")


def test_ggated_refuses_as_observed(hosts: Hosts, port: int) -> None:
    host, _ = hosts
    host.make_image(SIZE)
    silent = host.run(f"ggated -a 127.0.0.1 {host.root}/missing")
    assert (silent.returncode, silent.stdout, silent.stderr) == (1, "", "")
    loud = host.run(f"ggated -v {host.root}/missing")
    assert (loud.returncode, loud.stdout) == (
        1,
        (
            f"error: Cannot open exports file ({host.root}/missing): No such file or directory.\n"
            "error: Exiting.\n"
        ),
    )
    assert host.run(export(host, port, "no such line\n")).returncode == 1
    assert host.run(export(host, port, "# nothing\n")).returncode == 1
    host.ok(export(host, port))
    second = host.run(export(host, port))
    wait_for((host.root / "ggated.pid").read_text, "the pid")
    pid = (host.root / "ggated.pid").read_text()
    assert second.returncode == 1
    assert second.stderr.startswith("ggated: Daemon already running, pid: ")
    assert host.processes("ggated") == [int(pid)]
    # An address that it cannot bind: exit 0, and then it is not there.
    other = f"ggated -a 203.0.113.9 -p {port} -F {host.root}/other.pid {host.root}/gg.exports"
    host.ok(other)
    wait_for(lambda: host.processes("ggated") == [int(pid)], "the end of the other")


def test_children_outlive_their_parent_and_hold_the_lock(hosts: Hosts, port: int) -> None:
    one, two = hosts
    mirror(one, two, port)
    parent = int((two.root / "ggated.pid").read_text())
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: parent not in two.processes("ggated"), "the parent's end")
    assert len(two.processes("ggated")) == 1
    again = two.run(export(two, port))
    assert again.returncode == 1
    assert again.stderr == f"ggated: Daemon already running, pid: {parent}.\n"
    assert f" rw  {two.image}" in two.ok(f"fstat {two.image}")
    one.ok(f"umount {one.mount_point}")
    one.ok("gmirror destroy data")
    one.ok("ggatec destroy -u 10")
    wait_for(lambda: not two.processes("ggated"), "the child's end with its client")


def test_a_unit_in_use_a_refused_path_and_no_server(hosts: Hosts, port: int) -> None:
    one, two = hosts
    mirror(one, two, port)
    create = f"ggatec create -p {port} -u"
    for line in (f"{create} 10 127.0.0.1 {two.image}", f"{create} 11 127.0.0.1 /nowhere"):
        done = one.run(line)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    loud = one.run(f"ggatec create -v -p {port} -u 11 127.0.0.1 /nowhere").stdout
    assert loud == (
        f"info: Connected to the server: 127.0.0.1:{port}.\n"
        "debug: Sending version packet.\n"
        "debug: Sending initial packet.\n"
        "debug: Receiving initial packet.\n"
        "debug: Error from server: Operation not permitted.\n"
        "error: Cannot connect: No error: 0.\n"
        "error: Exiting.\n"
    )
    two.end("ggated")
    loud = one.run(f"ggatec create -v -p {port} -u 11 127.0.0.1 {two.image}").stdout
    assert loud == (
        "debug: Cannot connect to server: Connection refused.\n"
        "error: Cannot connect: Connection refused.\n"
        "error: Exiting.\n"
    )


def test_a_client_without_a_word_keeps_it_from_everybody_else(hosts: Hosts, port: int) -> None:
    """It loops on EAGAIN (ggate.c): the eight seconds that it gives its sockets end nothing."""
    one, two = hosts
    two.make_image(SIZE)
    serve(two, port)
    with socket.create_connection(("127.0.0.1", port)):
        create = one.start(f"ggatec create -t 30 -p {port} -u 10 127.0.0.1 {two.image}")
        time.sleep(9)
        assert create.poll() is None
        assert one.ok("ggatec list") == ""
    assert create.wait(60) == 0
    wait_for(lambda: one.ok("ggatec list") == "ggate10\n", "the device")


def test_a_returning_server_gets_what_was_not_answered(hosts: Hosts, port: int) -> None:
    one, two = hosts
    mirror(one, two, port)
    two.end("ggated")
    unmount = one.start(f"umount {one.mount_point}")
    wait_for(lambda: "queue_count: 0" not in one.ok("ggatec list -v"), "a waiting write")
    assert one.ok("gmirror status -s").count("COMPLETE") == 2
    serve(two, port)
    assert unmount.wait(60) == 0
    one.ok("gmirror destroy data")
    assert one.image.read_bytes() == two.image.read_bytes()


def test_ggatec_outlives_its_device_while_it_reconnects(hosts: Hosts, port: int) -> None:
    one, two = hosts
    mirror(one, two, port)
    two.end("ggated")
    unmount = one.start(f"umount {one.mount_point}")
    wait_for(lambda: "queue_count: 0" not in one.ok("ggatec list -v"), "a waiting write")
    busy = one.run("ggatec destroy -u 10")
    assert busy.stdout == "error: ggatec: ioctl(/dev/ggctl): Device busy.\nerror: Exiting.\n"
    one.ok("ggatec destroy -f -u 10")
    assert unmount.wait(60) == 0
    assert one.ok("ggatec list") == ""
    assert len(one.processes("ggatec")) == 1


def test_the_guard_of_a_dead_ggatec(hosts: Hosts, port: int) -> None:
    one, two = hosts
    mirror(one, two, port, timeout=1)
    one.end("ggatec")
    assert "references: 1" in one.ok("ggatec list -v")
    unmount = one.start(f"umount {one.mount_point}")
    log = one.root / "kernel.log"
    wait_for(lambda: "provider ggate10 disconnected." in log.read_text(), "the drop")
    # The kernel tastes the dead device again now, and everybody waits for that: until it is gone.
    one.ok("ggatec destroy -f -u 10")
    assert unmount.wait(60) == 0
    one.wait_status("DEGRADED")
    genid = next(line for line in one.ok("gmirror list").splitlines() if "GenID" in line)
    assert genid == "GenID: 1"


def test_a_rescue_goes_on_where_a_killed_ggatec_left(hosts: Hosts, port: int) -> None:
    one, two = hosts
    mirror(one, two, port)
    one.end("ggatec")
    unmount = one.start(f"umount {one.mount_point}")
    one.ok(f"ggatec rescue -p {port} -u 10 127.0.0.1 {two.image}")
    assert unmount.wait(60) == 0
    assert one.ok("gmirror status -s").count("COMPLETE") == 2


def test_exports_are_matched_as_ggated_does(tmp_path: Path) -> None:
    place = tmp_path / "exports"
    place.write_text(
        "# comment\n10.0.0.0/8 ro /a\n  10.0.0.1/32\tRW\t/a  \n10.0.0.2 wo /b\n", encoding="utf-8"
    )
    exports = read_exports(str(place))
    last = find(exports, "10.0.0.1", "/a", 0)
    assert isinstance(last, Export)
    assert last.access == "rw"
    assert find(exports, "10.0.0.9", "/a", 0) == (
        "Read-write access requested, but /a (10.0.0.0/255.0.0.0) is exported read-only."
    )
    assert isinstance(find(exports, "10.0.0.9", "/a", wire.READ_ONLY), Export)
    assert find(exports, "10.0.0.9", "/a/", 0) == "Unauthorized connection from: 10.0.0.9."
    assert find(exports, "11.0.0.1", "/a", 0) == "Unauthorized connection from: 11.0.0.1."
    for text in ("10.0.0.1 rw\n", "10.0.0.1 xx /a\n", "300.0.0.1 rw /a\n", ""):
        place.write_text(text, encoding="utf-8")
        try:
            read_exports(str(place))
        except ExportsError:
            continue
        raise AssertionError(text)


def test_packets_have_ggates_sizes() -> None:
    sizes = [part.size for part in (wire.VERSION, wire.CLIENT, wire.SERVER, wire.HEADER)]
    assert sizes == [20, 1039, 15, 23]
