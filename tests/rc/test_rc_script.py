"""rc.d/hafailover calls what it must: run by sh with a stand-in for rc.subr(8) and the programs."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "rc.d" / "hafailover"
FOREVER = "while :; do sleep 0.1; done"
RC_SUBR = Path(__file__).parent / "rc.subr"


# Those that run_rc_command of FreeBSD 15 evaluates as ${name}_X.
RC_SUBR_VARIABLES = {
    *("chdir", "chroot", "cpuset", "env", "env_file", "fib", "flags", "group", "groups", "limits"),
    *("login_class", "nice", "offcmd", "oomprotect", "prepend", "program", "setup", "svcj"),
    *("svcj_ipaddrs", "svcj_options", "umask", "user"),
}


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
        limits = root / "limits"
        limits.write_text('#!/bin/sh\n[ "$1 $2" = "-C daemon" ] && shift 2 && exec "$@"\n')
        limits.chmod(0o755)
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
            "agent": str(self.root / "hafailover"),
            "run_dir": str(self.run_directory),
            "log": "/var/log/hafailover.log",
            **more,
        }
        lines = [f"hafailover_{name}='{value}'\n" for name, value in values.items()]
        (self.root / "rc.conf").write_text("".join(lines))

    def supervisor(self, prepare: str = ":", then: str = FOREVER) -> subprocess.Popen[bytes]:
        """Start what ps(1) shows as daemon(8) shows itself; it has begun when this returns."""
        return self._process(["daemon:", "-c", f"{prepare}; echo; {then}"], "supervisor.pid")

    def agent(self, prepare: str = ":") -> subprocess.Popen[bytes]:
        """Start an agent, which ps(1) shows by its interpreter."""
        path = self.root / "hafailover"
        told = path.read_text()
        path.write_text(f"#!/bin/sh\n{prepare}\necho\n{FOREVER}\n")
        child = self._process(["/bin/sh", str(path), "run"], "agent.pid")
        path.write_text(told)
        return child

    def _process(self, argv: list[str], pidfile: str) -> subprocess.Popen[bytes]:
        # A shell cannot trap what was ignored before it, as SIGHUP is beneath nohup(1).
        before = signal.signal(signal.SIGHUP, lambda *_: None)
        try:
            child = subprocess.Popen(argv, executable="/bin/sh", stdout=subprocess.PIPE)
        finally:
            signal.signal(signal.SIGHUP, before)
        assert child.stdout is not None
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
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    for child in made.children:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


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
    supervisor = host.supervisor("trap 'sleep 1; exit 0' TERM")
    reaper = _reap(supervisor)
    done = host.service("stop")
    assert done.returncode == 0, done.stderr
    assert reaper.wait(30) == 0
    assert host.calls() == [
        f"hafailover may-stop --config {host.config}",
        f"hafailover release-addresses --config {host.config}",
    ]


def test_a_stop_of_an_agent_that_died_takes_its_addresses_off(host: Host) -> None:
    done = host.service("stop")
    assert done.returncode == 1
    assert host.calls() == [f"hafailover release-addresses --config {host.config}"]
    assert "not running" in done.stderr
    fast = host.service("faststop")
    assert (fast.returncode, fast.stderr) == (0, "")


def test_a_stop_that_takes_too_long_is_told_and_leaves_the_addresses_alone(host: Host) -> None:
    host.conf(stop_timeout="1")
    supervisor = host.supervisor("trap '' TERM")
    done = host.service("stop")
    assert done.returncode == 1
    assert "has not ended within 1 s" in done.stderr
    assert supervisor.poll() is None
    assert not any("release-addresses" in call for call in host.calls())


def test_a_shutdown_has_the_last_word_about_how_long_a_stop_takes(host: Host) -> None:
    """rc.shutdown(8) stops with "fast", and is killed after rcshutdown_timeout, with all that it has not stopped."""
    host.conf(stop_timeout="80", stop_wait="80")
    with (host.root / "rc.conf").open("a") as conf:
        conf.write("rcshutdown_timeout=12\n")
    host.program("hafailover", '[ "$1" != may-stop ] || { echo "it copies"; exit 1; }')
    host.supervisor("trap '' TERM")
    done = host.service("faststop")
    assert done.returncode == 1
    assert "the latest data may be missing: it copies" in done.stderr
    assert re.search(r"has not ended within [0-2] s; it goes on", done.stderr)


def test_waiting_is_measured_by_the_clock_and_not_by_how_often_was_looked(host: Host) -> None:
    host.conf(stop_wait="2")
    host.program("hafailover", '[ "$1" != may-stop ] || { sleep 1; echo "it copies"; exit 1; }')
    _reap(host.supervisor())
    done = host.service("stop")
    assert "waiting up to 2 s" in done.stdout
    assert sum("may-stop" in call for call in host.calls()) < 3


def test_a_stop_waits_for_an_agent_that_outlives_its_supervisor(host: Host) -> None:
    """daemon(8) before FreeBSD 14 passes SIGTERM on and ends at once."""
    agent = host.agent(f"trap 'sleep 2; touch {host.root}/demoted; exit 0' TERM")
    _reap(agent)
    _reap(host.supervisor(f"trap 'kill {agent.pid}; exit 0' TERM"))
    host.program("hafailover", f'[ "$1" != release-addresses ] || [ -e {host.root}/demoted ]')
    done = host.service("stop")
    assert done.returncode == 0, done.stderr
    assert agent.poll() == 0


def test_an_agent_without_its_supervisor_is_seen_stopped_and_taken_over(host: Host) -> None:
    agent = host.agent("trap 'exit 0' TERM")
    _reap(agent)
    shown = host.service("status")
    assert shown.returncode == 1
    assert f"hafailover runs as pid {agent.pid} without its supervisor" in shown.stdout
    done = host.service("stop")
    assert (done.returncode, done.stderr) == (0, "")
    assert agent.poll() == 0
    assert [call.split()[1] for call in host.calls()] == ["may-stop", "release-addresses"]
    other = host.agent()
    done = host.service("restart")
    assert done.returncode == 0, done.stderr
    assert other.wait(30) == -signal.SIGUSR1
    assert host.calls()[-1].startswith("daemon -f -r")


def test_a_stop_between_two_lives_of_the_agent_stops_the_next_one(host: Host) -> None:
    """daemon(8) of FreeBSD 14 hears no signal while it waits with the restart."""
    supervisor = host.supervisor(f"trap 'trap \"exit 0\" TERM; touch {host.root}/heard' TERM")
    reaper = _reap(supervisor)
    stopping = threading.Thread(target=host.service, args=("stop",))
    stopping.start()
    _until((host.root / "heard").exists)
    host.agent()
    assert reaper.wait(30) == 0
    host.children[-1].terminate()
    host.children[-1].wait()
    stopping.join(30)
    assert not stopping.is_alive()


def test_a_stop_that_leaves_data_behind_warns(host: Host) -> None:
    host.program("hafailover", '[ "$1" != may-stop ] || { echo "web: B is not heard"; exit 1; }')
    _reap(host.supervisor())
    done = host.service("stop")
    assert done.returncode == 0
    assert "without this host the latest data may be missing: web: B is not heard" in done.stderr


def test_a_stop_waits_for_the_second_copy_if_it_is_told_to(host: Host) -> None:
    host.conf(stop_wait="30")
    mark = host.root / "synced"
    host.program(
        "hafailover",
        f'[ "$1" != may-stop ] || [ -e {mark} ] || {{ touch {mark}; echo "it copies"; exit 1; }}',
    )
    _reap(host.supervisor())
    done = host.service("stop")
    assert "waiting up to 30 s for the second copy (it copies)" in done.stdout
    assert "missing" not in done.stderr
    assert [call.split()[1] for call in host.calls()] == [
        "may-stop",
        "may-stop",
        "release-addresses",
    ]


@pytest.mark.parametrize("word", ["restart", "reload"])
def test_a_restart_asks_the_agent_to_make_way_and_stops_nothing(host: Host, word: str) -> None:
    supervisor = host.supervisor()
    agent = host.agent()
    done = host.service(word)
    assert done.returncode == 0, done.stderr
    assert agent.wait(30) == -signal.SIGUSR1
    assert supervisor.poll() is None
    assert host.calls() == [f"hafailover check --offline --config {host.config}"]
    assert done.stderr == ""


def test_a_restart_with_a_file_that_is_not_usable_leaves_the_agent_alone(host: Host) -> None:
    host.supervisor()
    told = host.root / "told"
    agent = host.agent(f"trap ': >{told}' HUP")
    host.program("hafailover", "exit 78")
    done = host.service("restart")
    assert done.returncode == 1
    assert "the running agent is left alone" in done.stderr
    deadline = time.monotonic() + 30
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert agent.poll() is None


def test_a_restart_of_nothing_is_a_start(host: Host) -> None:
    host.service("restart")
    assert host.calls()[-1].startswith("daemon -f -r")


@pytest.mark.parametrize(("health", "status"), [(0, 0), (1, 0), (2, 1), (3, 1)])
def test_the_status_is_the_agents(host: Host, health: int, status: int) -> None:
    supervisor = host.supervisor()
    host.program("hafailover", f"exit {health}")
    done = host.service("status")
    assert done.returncode == status
    assert f"hafailover is running as pid {supervisor.pid}." in done.stdout


def test_the_status_without_an_agent(host: Host) -> None:
    done = host.service("status")
    assert (done.returncode, done.stdout) == (1, "hafailover is not running.\n")


def test_a_pid_file_that_names_another_program_counts_for_nothing(host: Host) -> None:
    other = host.supervisor(then="exec sleep 1000")
    assert host.service("status").returncode == 1
    assert host.service("stop").returncode == 1
    assert other.poll() is None


def test_a_name_for_the_node_reaches_every_command(host: Host) -> None:
    host.conf(node="B")
    host.program("hafailover", f'echo "$HAFAILOVER_NODE" >>{host.root}/nodes')
    host.service("check")
    host.service("stop")
    assert (host.root / "nodes").read_text().splitlines() == ["B", "B"]


def test_a_service_jail_for_everything_is_not_for_this(host: Host) -> None:
    with (host.root / "rc.conf").open("a") as conf:
        conf.write("svcj_all_enable=YES\n")
    host.service("start")
    assert host.calls()[-1].startswith("daemon -f -r")
    assert not any(call.startswith("jail") for call in host.calls())


def test_no_variable_is_one_that_rc_subr_takes_for_its_own() -> None:
    """rc.subr(8) reads NAME_program and these others by itself; only svcj is meant so."""
    own = set(re.findall(r"\bhafailover_(\w+)(?=:?=|\})", SCRIPT.read_text()))
    assert "stop_wait" in own
    assert own & RC_SUBR_VARIABLES == {"svcj"}


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
    # A tunnel of the replication link that is taken down before the agent ends would look like a lost peer.
    assert {"wireguard", "strongswan"} <= set(words["REQUIRE"].split())
    assert words["KEYWORD"] == "shutdown"
    assert os.access(SCRIPT, os.X_OK)


def test_the_script_is_portable_shell() -> None:
    """SC1091: rc.subr is not here; SC2034: its variables look unused."""
    shellcheck = shutil.which("shellcheck")
    assert shellcheck is not None
    for argv in (
        ["/bin/sh", "-n", str(SCRIPT)],
        [shellcheck, "-s", "sh", "-e", "SC1091,SC2034", str(SCRIPT)],
        [shellcheck, "-s", "sh", "-e", "SC1090,SC2034,SC2154", str(RC_SUBR)],
    ):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _reap(child: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """Wait for the child from the side: a zombie would still answer kill -0."""
    threading.Thread(target=child.wait, daemon=True).start()
    return child


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
