"""The agent on a simulated FreeBSD: nothing of Linux is reached, and base commands are what is run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hafailover.system.carp_watch import PERIOD_S

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
CONFIG = """
version: 1
nodes:
  a:
    lan: 192.0.2.2
    lan_ipv6: fe80::2
networks:
  lan:
    interface: em0
paths:
  state: {0}/state
  run: {0}/run
groups:
  gateway:
    vrid: 51
    priority: 150
    vrrp:
      version: 3
      interval: 100ms
    addresses:
      - 192.0.2.1/24
      - fe80::1/64
      - 2001:db8::1/64
"""
IFCONFIG = """#!/bin/sh
echo "ifconfig $*" >>{0}/calls
[ $# -gt 1 ] || cat <<END
em0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500
\tether 52:54:00:aa:00:01
\tinet 192.0.2.2 netmask 0xffffff00 broadcast 192.0.2.255
\tstatus: active
END
"""


class Host:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "bin").mkdir()
        self.program("ifconfig", IFCONFIG.format(directory))
        self.program(
            "sysctl",
            "#!/bin/sh\necho 'kern.boot_id: Format:S Length:16 Dump:0x00112233445566778899aabbccddeeff'\n",
        )
        (directory / "hafailover.yaml").write_text(CONFIG.format(directory))

    def load_carp(self) -> None:
        (self.directory / "carp").touch()

    def program(self, name: str, text: str) -> None:
        path = self.directory / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.system.simulated_freebsd", str(self.directory), *words],
            cwd=ROOT,
            env={**os.environ, "HAFAILOVER_PATH": str(self.directory / "bin")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def calls(self) -> list[str]:
        log = self.directory / "calls"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_every_module_loads_without_anything_of_linux(host: Host) -> None:
    process = host.start("imports")
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert int(out) > 150


@pytest.mark.parametrize("is_loaded", [False, True], ids=["raw", "beside-carp"])
def test_an_agent_becomes_master_and_resigns(host: Host, is_loaded: bool) -> None:
    if is_loaded:
        host.load_carp()
    agent = host.start("run", "--config", str(host.directory / "hafailover.yaml"), "--node", "a")
    try:
        until(lambda: "ifconfig em0 inet6 2001:db8::1/64 alias" in host.calls(), agent)
        agent.send_signal(signal.SIGTERM)
        _, err = agent.communicate(timeout=PATIENCE_S)
    finally:
        agent.kill()
    assert agent.returncode == 0, err
    assert "internal error" not in err
    # Asked at start: each interface for its MAC address and its link. The kernel is asked for CARP without a program.
    looks = [call for call in host.calls() if not call.endswith("alias")]
    assert set(looks) == {"ifconfig em0"}
    changes = [call for call in host.calls() if call.endswith("alias")]
    # What an earlier life may have left up is taken away first.
    released = [
        "ifconfig em0 inet 192.0.2.1 -alias",
        "ifconfig em0 inet6 fe80::1 -alias",
        "ifconfig em0 inet6 2001:db8::1 -alias",
    ]
    assigned = [
        "ifconfig em0 inet 192.0.2.1/24 alias",
        "ifconfig em0 inet6 fe80::1/64 alias",
        "ifconfig em0 inet6 2001:db8::1/64 alias",
    ]
    assert changes == [*released, *assigned, *released]


def test_carp_that_is_loaded_later_is_noticed(host: Host) -> None:
    agent = host.start("run", "--config", str(host.directory / "hafailover.yaml"), "--node", "a")
    try:
        until(lambda: "ifconfig em0 inet6 2001:db8::1/64 alias" in host.calls(), agent)
        host.load_carp()
        time.sleep(2 * PERIOD_S)
        agent.send_signal(signal.SIGTERM)
        _, err = agent.communicate(timeout=PATIENCE_S)
    finally:
        agent.kill()
    assert agent.returncode == 0, err
    assert err.count("carp(4) was loaded") == 1, err
    assert "internal error" not in err
    assert "cannot receive" not in err


def until(holds: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
