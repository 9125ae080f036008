"""The machines of vagrant/: what can be tried of them without one."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hafailover.config.load import read_text

ROOT = Path(__file__).parents[2]
VAGRANT = ROOT / "vagrant"
ACCEPTANCE = ROOT / "scripts" / "vagrant-acceptance"
PATIENCE_S = 60.0


@pytest.mark.skipif(shutil.which("vagrant") is None, reason="vagrant is not installed")
def test_the_vagrantfile_is_valid(tmp_path: Path) -> None:
    """No provider is installed here, so what is said to one is not looked at."""
    shutil.copytree(
        VAGRANT, tmp_path / "vagrant", ignore=shutil.ignore_patterns(".vagrant", "build")
    )
    (tmp_path / "vagrant" / "build").mkdir()
    done = subprocess.run(
        ["vagrant", "validate", "--ignore-provider"],
        cwd=tmp_path / "vagrant",
        env={**os.environ, "VAGRANT_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout


def test_the_provisioners_are_portable_shell() -> None:
    shellcheck = shutil.which("shellcheck")
    assert shellcheck is not None
    scripts = [str(VAGRANT / name) for name in ("node.sh", "client.sh", "writer")]
    done = subprocess.run(
        [shellcheck, "-s", "sh", *scripts], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("node", ["A", "B"])
def test_the_configuration_of_the_pair_is_usable(node: str) -> None:
    text = (VAGRANT / "hafailover.yaml.in").read_text()
    configuration = read_text(
        text.replace("@LAN@", "vtnet1").replace("@REPLICATION@", "vtnet2"), "vagrant"
    )
    settings = configuration.settings(node)
    assert [network.interface for network in settings.networks] == ["vtnet1", "vtnet2"]
    vagrantfile = (VAGRANT / "Vagrantfile").read_text()
    for network in settings.networks:
        assert network.own_address.rsplit(".", 1)[0] in vagrantfile


def test_every_scenario_is_played_or_says_why_not() -> None:
    done = subprocess.run(
        [sys.executable, str(ACCEPTANCE), "--commands"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    named = {line.split(":")[0] for line in said if not line.startswith("  ")}
    assert named == {path.stem for path in (ROOT / "hafailover/lab/scenarios").glob("*.yaml")}
    assert "  vagrant halt --force node-a" in said[said.index("primary-power:") :]


def test_what_the_client_writes_is_acknowledged_when_it_is_in_the_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "HAFAILOVER_PYTHON": sys.executable,
        "HAFAILOVER_WRITER_PIDFILE": str(tmp_path / "pid"),
        "HAFAILOVER_WRITER_FILE": str(tmp_path / "records"),
        "HAFAILOVER_WRITER_PORT": str(port),
    }

    def service(word: str) -> int:
        return subprocess.run(
            [str(VAGRANT / "writer"), word], env=environment, check=False
        ).returncode

    log = tmp_path / "log"
    assert (service("status"), service("start"), service("status")) == (1, 0, 0)
    client = subprocess.Popen(
        [sys.executable, str(VAGRANT / "client.py"), "127.0.0.1", str(port), str(log)]
    )
    try:
        until(lambda: log.exists() and len(log.read_text().splitlines()) > 3)
        client.send_signal(signal.SIGTERM)
        assert client.wait(PATIENCE_S) == 0
    finally:
        client.kill()
        assert service("stop") == 0
    assert service("status") == 1
    lines = [line.split() for line in log.read_text().splitlines()]
    acknowledged = [number for _, number, _ in lines]
    assert all(0 <= float(took) < PATIENCE_S for _, _, took in lines)
    assert set(acknowledged) <= set((tmp_path / "records").read_text().split())


def test_the_table_is_the_labs() -> None:
    """It is printed by what prints it for the lab, lanes and rows."""
    script = (ROOT / "scripts" / "vagrant-acceptance").read_text()
    assert "lab_text.print_outcome(" in script
    assert "longest write" not in script


def test_scenarios_with_etcd_change_the_arbiter_first_and_say_how() -> None:
    said = subprocess.run(
        [sys.executable, str(ACCEPTANCE), "--commands", "etcd-primary-power", "etcd-majority-lost"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    orders = [" ".join(shlex.split(shlex.split(line)[-1])[3:]) for line in said[1:9]]
    assert said[0] == "etcd-primary-power:"
    assert orders[:2] == ["service hafailover stop"] * 2
    assert "cp /usr/local/etc/hafailover.yaml.etcd /usr/local/etc/hafailover.yaml" in orders[2]
    assert "del --prefix /hafailover" in orders[4]
    assert orders[5:] == ["hafailover init --yes", *["service hafailover start"] * 2]
    assert [line.split()[2] for line in said[1:3]] == ["node-b", "node-a"]
    assert "not played: member kill" in said[-1]


@pytest.mark.parametrize("node", ["A", "B"])
def test_the_nodes_script_makes_a_usable_configuration_with_each_arbiter(
    tmp_path: Path, node: str
) -> None:
    """The function ``configure`` of node.sh, with the paths of a directory of the test's own."""
    files, etc = tmp_path / "files", tmp_path / "usr" / "local" / "etc"
    etc.mkdir(parents=True)
    files.mkdir()
    for name in ("hafailover.yaml.in", "writer", "writer.py"):
        shutil.copy(VAGRANT / name, files)
    (files / "hafailover.key").write_text("0" * 64)
    programs = tmp_path / "bin"
    programs.mkdir()
    shown = "vtnet1: flags=0\n\tinet 192.168.77.2 \nvtnet2: flags=0\n\tinet 10.77.0.2 \n"
    for name, does in (
        ("ifconfig", f"printf '{shown}'"),
        ("sysrc", f'echo "$*" >>{tmp_path}/sysrc'),
        ("pkg", "exit 0"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    text = (VAGRANT / "node.sh").read_text().replace("/usr/local", f"{tmp_path}/usr/local")
    script = text.replace("\ninstall_agent\n", "\n")
    assert script != text
    for _ in range(2):
        subprocess.run(
            ["sh", "-c", script, "node.sh", "node-a", "192.168.77.2", "10.77.0.2"],
            env={"PATH": f"{programs}:/usr/bin:/bin", "HAFAILOVER_FILES": str(files)},
            check=True,
        )
    kinds = {}
    for kind in ("ping", "etcd"):
        settings = read_text((etc / f"hafailover.yaml.{kind}").read_text(), kind).settings(node)
        kinds[kind] = (settings.ping_targets, settings.etcd and settings.etcd.endpoints)
    assert kinds["ping"] == (("192.168.77.10",), None)
    assert kinds["etcd"][1] is not None
    assert "192.168.77.10" in str(kinds["etcd"][1])
    assert (etc / "hafailover.yaml").read_text() == (etc / "hafailover.yaml.ping").read_text()
    assert (etc / "hafailover.key").stat().st_mode & 0o777 == 0o600
    assert "hafailover_enable=YES" in (tmp_path / "sysrc").read_text()


@pytest.mark.parametrize(
    ("said", "status", "is_running"),
    [
        ("hafailover is running as pid 7.", 0, True),
        # Its agent serves nothing at the moment: that is no reason to set the node up anew.
        ("hafailover is running as pid 7.", 1, True),
        ("hafailover is not running.", 1, False),
    ],
)
def test_a_node_whose_agent_runs_is_set_up(
    tmp_path: Path, said: str, status: int, *, is_running: bool
) -> None:
    service = tmp_path / "service"
    service.write_text(f'#!/bin/sh\n[ "$2" = start ] || {{ echo "{said}"; exit {status}; }}\n')
    (tmp_path / "hafailover").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n')
    for program in (service, tmp_path / "hafailover"):
        program.chmod(0o755)
    text = ACCEPTANCE.read_text()
    lines = re.findall(r'run\(on\(machine, f?"(.*? \|\| .*)"\)\)', text)
    assert len(lines) == 2
    known = dict(re.findall(r'^(RUNS) = "(.*)"$', text, re.MULTILINE))
    for line in lines:
        script = line.replace("{RUNS}", known.get("RUNS", ""))
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        assert subprocess.run(["sh", "-c", script], env=path, check=False).returncode == 0
    assert (tmp_path / "asked").exists() is not is_running


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
