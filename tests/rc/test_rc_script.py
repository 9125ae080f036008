"""rc.d/hafailover calls what it must: run by sh with a stand-in for rc.subr(8) and the programs."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "rc.d" / "hafailover"
RC_SUBR = Path(__file__).parent / "rc.subr"


class Host:
    """A directory with a copy of the script, whose programs write down how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.config = root / "hafailover.yaml"
        self.config.write_text("")
        self.run_directory = root / "run"
        self.children: list[subprocess.Popen[bytes]] = []
        for name in ("daemon", "hafailover", "install", "protect"):
            self.program(name)
        text = SCRIPT.read_text().replace("/etc/rc.subr", str(RC_SUBR))
        self.script = root / "script"
        self.script.write_text(text.replace("/usr/sbin/daemon", str(root / "daemon")))
        self.conf()

    def program(self, name: str, does: str = "") -> None:
        path = self.root / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{does}\n')
        path.chmod(0o755)

    def conf(self, **more: str) -> None:
        values = {
            "enable": "YES",
            "config": str(self.config),
            "program": str(self.root / "hafailover"),
            "run_dir": str(self.run_directory),
            "log": "/var/log/hafailover.log",
            **more,
        }
        lines = [f"hafailover_{name}='{value}'\n" for name, value in values.items()]
        (self.root / "rc.conf").write_text("".join(lines))

    def process(self, pidfile: str, command: str = "exec sleep 1000") -> subprocess.Popen[bytes]:
        """Start a process and name it in a pid file; it has begun when this returns."""
        child = subprocess.Popen(["/bin/sh", "-c", f"echo; {command}"], stdout=subprocess.PIPE)
        assert child.stdout is not None
        with child.stdout:
            child.stdout.readline()
        self.children.append(child)
        self.run_directory.mkdir(exist_ok=True)
        (self.run_directory / pidfile).write_text(f"{child.pid}\n")
        return child

    def service(self, word: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": f"{self.root}:/usr/bin:/bin",
            "RC_CONF": str(self.root / "rc.conf"),
            "RC_LOG": str(self.log),
        }
        return subprocess.run(
            ["/bin/sh", str(self.script), word],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def calls(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if not line.startswith("check_pidfile")]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    for child in made.children:
        child.kill()
        child.wait()


def test_a_start_tests_the_file_then_loads_modules_then_leaves_it_to_daemon(host: Host) -> None:
    done = host.service("start")
    assert done.returncode == 0, done.stderr
    run, config = host.run_directory, host.config
    assert host.calls() == [
        f"hafailover check --offline --config {config}",
        f"install -d -o root -g wheel -m 0755 {run}",
        "load_kld -m g_mirror geom_mirror",
        "load_kld -m g_gate geom_gate",
        "load_kld -m g_md geom_md",
        " ".join(
            (
                f"daemon -f -r -R 1 -P {run}/supervisor.pid -p {run}/agent.pid -t hafailover",
                "-H -m 3 -o /var/log/hafailover.log",
                f"/usr/bin/protect {host.root}/hafailover run --config {config}",
            )
        ),
    ]


def test_words_of_the_operator_go_to_the_agent_and_a_router_needs_no_modules(host: Host) -> None:
    host.conf(args="--node A", modules="")
    host.service("start")
    assert host.calls()[-1].endswith(f"run --config {host.config} --node A")
    assert not any("load_kld" in call for call in host.calls())


def test_a_file_that_is_not_usable_starts_nothing(host: Host) -> None:
    host.program("hafailover", "exit 78")
    done = host.service("start")
    assert done.returncode == 1
    assert "is not usable; see: service hafailover check" in done.stderr
    assert not any(call.startswith("daemon") for call in host.calls())


def test_without_a_file_or_not_enabled_nothing_starts(host: Host) -> None:
    host.conf(enable="NO")
    assert "Set hafailover_enable to YES" in host.service("start").stdout
    host.conf()
    host.config.unlink()
    assert host.service("start").returncode == 1
    assert host.calls() == []


def test_a_stop_ends_the_supervisor_waits_for_it_and_takes_the_addresses_off(host: Host) -> None:
    supervisor = host.process(
        "supervisor.pid", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done"
    )
    reaper = _reap(supervisor)
    done = host.service("stop")
    assert done.returncode == 0, done.stderr
    assert reaper.wait(30) == 0
    assert host.calls() == [
        f"hafailover status --config {host.config}",
        f"hafailover release-addresses --config {host.config}",
    ]


def test_a_stop_of_an_agent_that_died_takes_its_addresses_off(host: Host) -> None:
    done = host.service("stop")
    assert done.returncode == 1
    assert host.calls() == [f"hafailover release-addresses --config {host.config}"]
    assert "not running" in done.stdout
    assert "not running" not in host.service("faststop").stdout


def test_a_stop_that_takes_too_long_is_told_and_leaves_the_addresses_alone(host: Host) -> None:
    host.conf(stop_timeout="1")
    supervisor = host.process("supervisor.pid", "trap '' TERM; while :; do sleep 0.1; done")
    done = host.service("stop")
    assert done.returncode == 1
    assert "has not ended within 1 s" in done.stderr
    assert supervisor.poll() is None
    assert not any("release-addresses" in call for call in host.calls())


def test_a_stop_without_a_second_copy_warns(host: Host) -> None:
    host.program("hafailover", '[ "$1" != status ]')
    _reap(host.process("supervisor.pid"))
    done = host.service("stop")
    assert done.returncode == 0
    assert "the two copies are not in sync" in done.stderr


def test_a_stop_waits_for_the_second_copy_if_it_is_told_to(host: Host) -> None:
    host.conf(stop_wait="30")
    mark = host.root / "synced"
    host.program(
        "hafailover", f'[ "$1" != status ] || [ -e {mark} ] || {{ touch {mark}; exit 1; }}'
    )
    _reap(host.process("supervisor.pid"))
    done = host.service("stop")
    assert "waiting up to 30 s for the second copy" in done.stdout
    assert "not in sync" not in done.stderr
    assert [call.split()[1] for call in host.calls()] == ["status", "status", "release-addresses"]


@pytest.mark.parametrize("word", ["restart", "reload"])
def test_a_restart_asks_the_agent_to_make_way_and_stops_nothing(host: Host, word: str) -> None:
    supervisor = host.process("supervisor.pid")
    agent = host.process("agent.pid")
    done = host.service(word)
    assert done.returncode == 0, done.stderr
    assert agent.wait(30) == -signal.SIGUSR1
    assert supervisor.poll() is None
    assert host.calls() == [f"hafailover check --offline --config {host.config}"]
    looked = [line for line in host.log.read_text().splitlines() if "agent.pid" in line]
    # check_pidfile FILE PROGRAM INTERPRETER, since ps(1) shows a script by its interpreter.
    assert looked == [
        f"check_pidfile {host.run_directory}/agent.pid {host.root}/hafailover /bin/sh"
    ]


def test_a_restart_with_a_file_that_is_not_usable_leaves_the_agent_alone(host: Host) -> None:
    host.process("supervisor.pid")
    agent = host.process("agent.pid")
    host.program("hafailover", "exit 78")
    done = host.service("restart")
    assert done.returncode == 1
    assert "the running agent is left alone" in done.stderr
    assert agent.poll() is None


def test_a_restart_of_nothing_is_a_start(host: Host) -> None:
    host.service("restart")
    assert host.calls()[-1].startswith("daemon -f -r")


@pytest.mark.parametrize(("health", "status"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_the_status_is_the_agents(host: Host, health: int, status: int) -> None:
    supervisor = host.process("supervisor.pid")
    host.program("hafailover", f"exit {health}")
    done = host.service("status")
    assert done.returncode == status
    assert f"hafailover is running as pid {supervisor.pid}." in done.stdout


def test_the_status_without_an_agent(host: Host) -> None:
    done = host.service("status")
    assert (done.returncode, done.stdout) == (1, "hafailover is not running.\n")


def test_a_check_looks_at_the_host(host: Host) -> None:
    host.service("check")
    host.service("configtest")
    assert host.calls() == [
        f"hafailover check --config {host.config}",
        f"hafailover check --offline --config {host.config}",
    ]


def test_the_order_keeps_what_the_agent_needs_before_it() -> None:
    lines = [line for line in SCRIPT.read_text().splitlines() if line.startswith("# ")]
    words = dict(line[2:].split(": ", 1) for line in lines if line[2:].split(":")[0].isupper())
    assert words["PROVIDE"] == "hafailover"
    assert {"NETWORKING", "netif", "mountcritremote"} <= set(words["REQUIRE"].split())
    assert words["KEYWORD"] == "shutdown"
    assert os.access(SCRIPT, os.X_OK)


def test_the_script_is_portable_shell() -> None:
    """SC1091: rc.subr is not here; SC2034: its variables look unused."""
    shellcheck = shutil.which("shellcheck")
    assert shellcheck is not None
    for argv in (
        ["/bin/sh", "-n", str(SCRIPT)],
        [shellcheck, "-s", "sh", "-e", "SC1091,SC2034", str(SCRIPT)],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _reap(child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Wait for the child from the side: a zombie would still answer kill -0."""
    threading.Thread(target=child.wait, daemon=True).start()
    return child
