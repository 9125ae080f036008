"""What ``check`` sees of a host whose commands are scripts of this test."""

import errno
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hafailover.config.host_facts import HostFacts, PathFacts
from hafailover.config.judge_storage import TOOLS
from hafailover.config.load import read_text
from hafailover.runtime.control_protocol import VERSION
from hafailover.system import inspection
from hafailover.system.inspection import inspect_host, look_at
from tests.config.texts import PAIR

CONFXML = Path(__file__).parents[1] / "data" / "freebsd-14.0" / "confxml"
Program = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Put a shell script before the host's own commands."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("HAFAILOVER_PATH", str(directory))

    def write(name: str, body: str) -> None:
        file = directory / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)

    write("mount", "echo '/dev/ada0p2 on / (ufs, local, journaled soft-updates)'")
    write("ps", "printf 'init\\nfreevrrpd\\n'")
    write("tunefs", "exit 1")
    write("sysctl", "exit 1")
    return write


def settings_in(directory: Path) -> str:
    text = PAIR.replace("/img/data.img", f"{directory}/data.img")
    text = text.replace("/home/data", f"{directory}/mnt")
    return text.replace(
        "groups:", f"paths: {{state: {directory}/db, run: {directory}/run}}\ngroups:"
    )


def look(directory: Path, text: str | None = None) -> HostFacts:
    settings = read_text(text or settings_in(directory), "f").settings("a")
    # No configuration may name it; here it is the one address that every host has.
    networks = tuple(
        replace(network, own_address="127.0.0.1") if network.name == "lan" else network
        for network in settings.networks
    )
    return inspect_host(replace(settings, networks=networks))


def test_the_storage_is_read_from_the_kernels_document(tmp_path: Path, program: Program) -> None:
    document = next(CONFXML.glob("02-*.confxml"))
    program("sysctl", f'case "$2" in kern.geom.confxml) cat {document};; *) exit 1;; esac')

    facts = look(tmp_path)

    assert facts.geom_classes is not None
    assert {"MD", "GATE", "MIRROR"} <= set(facts.geom_classes)
    assert facts.geom is not None
    assert len(facts.geom.memory_disks) == 1
    assert facts.geom_problem == ""


def test_a_storage_that_cannot_be_read_is_unknown_and_says_why(
    tmp_path: Path, program: Program
) -> None:
    program("sysctl", "echo 'sysctl: unknown oid' >&2; exit 1")

    facts = look(tmp_path)

    assert facts.geom is None
    assert facts.geom_problem == "exit status 1: sysctl: unknown oid"


def test_a_document_that_is_not_understood_is_unknown(tmp_path: Path, program: Program) -> None:
    program("sysctl", "echo '<mesh><class>'")

    facts = look(tmp_path)

    assert facts.geom is None
    assert "not understood" in facts.geom_problem


def test_kernel_settings_that_do_not_exist_are_none(tmp_path: Path, program: Program) -> None:
    program("sysctl", 'case "$2" in kern.vm_guest) echo none;; *) exit 1;; esac')

    facts = look(tmp_path)

    assert facts.sysctls["kern.vm_guest"] == "none"
    assert facts.sysctls["kern.geom.debugflags"] is None


@pytest.mark.parametrize(("status", "expected"), [(0, True), (1, False), (127, None)])
def test_whether_carp_is_there_is_asked_of_kldstat(
    tmp_path: Path, program: Program, status: int, *, expected: bool | None
) -> None:
    program("kldstat", f'[ "$*" = "-q -m carp" ] && exit {status}; exit 9')

    assert look(tmp_path).is_carp_loaded is expected


def test_which_tools_are_missing(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "search_path", lambda _: f"{tmp_path}/bin")
    for tool in set(TOOLS) - {"ggatec", "ggated"}:
        program(tool, "exit 0")

    assert look(tmp_path).missing_tools == ("ggatec", "ggated")


def test_mounts_and_processes_are_seen(tmp_path: Path, program: Program) -> None:
    facts = look(tmp_path)

    mounts = facts.mounts or ()
    assert [(mount.device, mount.mount_point) for mount in mounts] == [("/dev/ada0p2", "/")]
    assert facts.programs == ("init", "freevrrpd")


@pytest.mark.parametrize(("word", "expected"), [("enabled", True), ("disabled", False)])
def test_tunefs_is_asked_for_the_journal_and_answers_on_standard_error(
    tmp_path: Path, program: Program, word: str, *, expected: bool
) -> None:
    line = f"tunefs: soft update journaling: (-j)                       {word}"
    program("tunefs", f"echo '{line}' >&2")

    assert look(tmp_path).journaled == {"data": expected}


def test_a_file_system_that_tunefs_does_not_know_is_unknown(
    tmp_path: Path, program: Program
) -> None:
    assert look(tmp_path).journaled == {"data": None}


def test_the_image_is_measured_sparse_or_not(tmp_path: Path, program: Program) -> None:
    with (tmp_path / "data.img").open("wb") as image:
        image.truncate(16 << 20)

    facts = look(tmp_path).path(f"{tmp_path}/data.img")

    assert (facts.exists, facts.is_file, facts.size_bytes) == (True, True, 16 << 20)
    assert facts.allocated_bytes < 1 << 20


def test_a_bare_mount_point_with_files_shows_some(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number:02}").touch()

    assert look_at(str(tmp_path)).entries == tuple(f"{number:02}" for number in range(8))


def test_a_mounted_volume_is_not_asked_since_it_may_hang(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noted(path: str) -> PathFacts:
        asked.append(path)
        return look_at(path)

    monkeypatch.setattr(inspection, "look_at", noted)
    bare = look(tmp_path)
    assert f"{tmp_path}/mnt" in asked
    assert f"{tmp_path}/mnt" in bare.paths
    asked.clear()
    program("mount", f"echo '/dev/mirror/data on {tmp_path}/mnt (ufs, local, soft-updates)'")
    look(tmp_path)
    assert f"{tmp_path}/data.img" in asked
    assert f"{tmp_path}/mnt" not in asked


def test_a_path_through_a_link_shows_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "home").symlink_to("usr")
    for name in ("", "absent"):
        assert look_at(
            f"{tmp_path}/home/{name}".rstrip("/")
        ).real == f"{tmp_path}/usr/{name}".rstrip("/")
        assert look_at(f"{tmp_path}/usr/{name}".rstrip("/")).real == ""


def test_what_is_not_there_is_absent_and_no_problem(tmp_path: Path) -> None:
    facts = look_at(str(tmp_path / "absent" / "below"))

    assert (facts.exists, facts.problem) == (False, "")


def test_what_may_not_be_looked_at_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "stat", refuse)

    assert look_at(str(tmp_path / "file")).problem == "Permission denied"


def test_own_addresses_and_interfaces_are_seen(tmp_path: Path, program: Program) -> None:
    facts = look(tmp_path)

    assert facts.local_addresses == {"127.0.0.1"}
    assert "lo" in facts.interfaces or "lo0" in facts.interfaces


def test_a_port_that_somebody_listens_on_is_busy(tmp_path: Path, program: Program) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        text = settings_in(tmp_path).replace("groups:", f"channel: {{port: {port}}}\ngroups:", 1)

        assert look(tmp_path, text).busy_ports >= {port}


def test_an_agent_that_answers_at_its_socket_is_running(tmp_path: Path, program: Program) -> None:
    assert not look(tmp_path).is_agent_running
    (tmp_path / "run").mkdir()

    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(tmp_path / "run" / "control.sock"))
        control.listen()

        assert look(tmp_path).is_agent_running


def test_a_running_agent_is_asked_for_the_peers_images(tmp_path: Path, program: Program) -> None:
    program("sysctl", "exit 1")
    (tmp_path / "run").mkdir()
    status = {"groups": [{"volumes": [{"name": "data", "peer_size_bytes": 1 << 24}]}]}
    answer = {"version": VERSION, "ok": True, "result": status}

    def serve(door: socket.socket) -> None:
        connection, _ = door.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.readline()
            stream.write(json.dumps(answer).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{tmp_path}/run/control.sock")
        door.listen(1)
        thread = threading.Thread(target=serve, args=(door,))
        thread.start()
        facts = look(tmp_path)
        thread.join()
    assert facts.is_agent_running
    assert facts.peer_image_bytes == {"data": 1 << 24}
