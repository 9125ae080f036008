"""mount(8), ps(1), fstat(1) and dumpfs(8): lines that hosts printed, and lines that they may."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.storage.facts import GateProcess, Mount, Opener
from hafailover.storage.mounts import parse_mounts
from hafailover.storage.observation import ObservationError
from hafailover.storage.openers import parse_openers
from hafailover.storage.processes import parse_processes

RECORDED = Path(__file__).parents[1] / "data" / "freebsd-14.0" / "confxml"

MOUNTED = """/dev/gpt/rootfs on / (ufs, local, soft-updates)
devfs on /dev (devfs)
/dev/mirror/data on /mnt/data (ufs, local, noatime, read-only, journaled soft-updates)
"""


def test_mounts_are_read_in_order() -> None:
    assert parse_mounts(MOUNTED) == (
        Mount(device="/dev/gpt/rootfs", mount_point="/", kind="ufs", is_read_only=False),
        Mount(device="devfs", mount_point="/dev", kind="devfs", is_read_only=False),
        Mount(device="/dev/mirror/data", mount_point="/mnt/data", kind="ufs", is_read_only=True),
    )


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.mount-p")), ids=lambda path: path.stem)
def test_the_recorded_mount_tables_survive_being_printed_plainly(path: Path) -> None:
    rows = [line.split() for line in path.read_text().splitlines()]
    plain = "".join(f"{row[0]} on {row[1]} ({row[2]}, local)\n" for row in rows)
    assert [(m.device, m.mount_point, m.kind) for m in parse_mounts(plain)] == [
        (row[0], row[1], row[2]) for row in rows
    ]


def test_a_directory_with_odd_characters_is_kept_whole() -> None:
    (mount,) = parse_mounts("/dev/md5 on /mnt/a (b) on /c (ufs, local)\n")
    assert (mount.device, mount.mount_point) == ("/dev/md5", "/mnt/a (b) on /c")


@pytest.mark.parametrize(
    "line",
    [
        "/src on /a on /mnt/data (nullfs)",
        "/dev/md5 /mnt/data (ufs)",
        "/dev/md5 on /mnt/data",
        " on /mnt/data (ufs)",
        "/dev/md5 on /mnt/data ()",
        "mount: something went wrong",
    ],
)
def test_a_mount_line_that_can_be_misread_is_refused(line: str) -> None:
    with pytest.raises(ObservationError, match=r"mount\(8\), line 2"):
        parse_mounts(f"devfs on /dev (devfs)\n{line}\n")


def test_no_mount_at_all_is_no_answer() -> None:
    with pytest.raises(ObservationError):
        parse_mounts("\n")


PROCESSES = """    0     0     0 DLs  [kernel]
    1     0     1 ILs  /sbin/init
  594     1   594 Ss   ggated -a 10.77.0.2 -F /var/run/s1/ggated.pid /var/run/s1/exports
  601   594   594 S    /sbin/ggated -a 10.77.0.2 -F /var/run/s1/ggated.pid /var/run/s1/exports
 1798     1  1798 Is   ggatec create -t 30 -u 10 10.77.0.2 /var/ha/exports/s1/data.img
 1799  1798  1798 Z    <defunct>
 1800     1  1800 D    [ggatec]
 1801     1  1801 Z    ggated
 1802     1  1802 S    grep ggated
 1803     1  1803 S    /usr/bin/python3.11 -I -S /node/bin/ggated -a 10.0.0.1 /x/exports
"""


def test_only_living_ggate_processes_are_returned() -> None:
    found = parse_processes(PROCESSES)
    assert [(p.program, p.pid, p.parent, p.process_group) for p in found] == [
        ("ggated", 594, 1, 594),
        ("ggated", 601, 594, 594),
        ("ggatec", 1798, 1, 1798),
        ("ggatec", 1800, 1, 1800),
        ("ggated", 1803, 1, 1803),
    ]
    assert found[2] == GateProcess(
        program="ggatec",
        pid=1798,
        parent=1,
        process_group=1798,
        state="Is",
        arguments=("create", "-t", "30", "-u", "10", "10.77.0.2", "/var/ha/exports/s1/data.img"),
    )
    assert found[3].arguments == ()
    assert found[4].arguments == ("-a", "10.0.0.1", "/x/exports")


def test_a_process_without_a_name_is_nobody_of_ours() -> None:
    assert parse_processes("    7     1     7 S\n") == ()


@pytest.mark.parametrize("line", ["ggated", "1 2 S ggated", "x 1 1 S ggated", "-1 1 1 S ggated"])
def test_a_process_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(ObservationError, match=r"ps\(1\), line 1"):
        parse_processes(line)


OPEN = """USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W NAME
root     sleep        740   wd /mnt/data      2 drwxr-xr-x     512  r  /mnt/data
root     ggated       838    8 /dev         78 crw-r-----     md0 rw
root     Web Content  839   12 /mnt/data   1204 -rw-r--r--    4096  w  /mnt/data
root     Web Content  839 text /mnt/data   1205 -r-xr-xr-x    4096  r  /mnt/data
"""


def test_openers_are_named_once_each() -> None:
    assert parse_openers(OPEN) == (
        Opener(command="sleep", pid=740, may_write=False),
        Opener(command="ggated", pid=838, may_write=True),
        Opener(command="Web Content", pid=839, may_write=True),
    )


def test_nobody_is_told_from_nothing_said() -> None:
    assert parse_openers(OPEN.partition("\n")[0] + "\n") == ()
    with pytest.raises(ObservationError, match="header"):
        parse_openers("")


def test_an_opener_whose_access_is_unclear_may_write() -> None:
    header = OPEN.partition("\n")[0]
    (opener,) = parse_openers(f"{header}\nroot     sh     9    3 -         -       error    -\n")
    assert opener.may_write


def test_an_opener_line_of_another_form_is_refused() -> None:
    with pytest.raises(ObservationError, match=r"fstat\(1\), line 2"):
        parse_openers(f"{OPEN.partition(chr(10))[0]}\nfstat: cannot read the kernel\n")


LINES = st.lists(
    st.sampled_from([*MOUNTED.splitlines(), *PROCESSES.splitlines(), *OPEN.splitlines()])
    | st.text(max_size=60)
).map("\n".join)


@given(LINES)
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_mounts, parse_processes, parse_openers):
        try:
            parse(text)
        except ObservationError as error:
            assert error.what  # noqa: PT017 - any other exception fails the test


@given(st.lists(st.integers(1, 99999), unique=True, max_size=20))
def test_every_ggated_is_found_among_others(pids: list[int]) -> None:
    lines = [f"{pid:5d}     1 {pid:5d} Ss   ggated -a 10.0.0.1 /x/exports" for pid in pids]
    others = PROCESSES.splitlines()[:2]
    found = parse_processes("\n".join([*others, *lines]))
    assert [process.pid for process in found] == pids
