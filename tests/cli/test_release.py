"""What a dead agent left on the interfaces goes, and nothing else."""

import json
import socket
import sys
from pathlib import Path

import pytest

from hafailover.cli.main import main
from tests.cli.json_schemas import assert_fits

CONFIG = Path(__file__).parents[2] / "docs" / "examples" / "plain-vrrp.yaml"
IFCONFIG = """#!/bin/sh
echo "$*" >>{log}
case "$*" in
*-alias) {removes} ;;
*) echo "$1: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> metric 0 mtu 1500"
   printf '\\tinet 192.0.2.2 netmask 0xffffff00 broadcast 192.0.2.255\\n'
   [ ! -e {there} ] || printf '\\tinet 192.0.2.1 netmask 0xffffff00 broadcast 192.0.2.255\\n' ;;
esac
"""


class Host:
    """A host whose agent has died, and whose ifconfig writes down how it was called."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log, self.there, self.run = root / "log", root / "there", root / "run"
        self.there.touch()
        self.run.mkdir()
        config = root / "hafailover.yaml"
        config.write_text(f"{CONFIG.read_text()}\npaths:\n  run: {self.run}\n")
        self.program = root / "ifconfig"
        self.removes(f"rm {self.there}")
        monkeypatch.setenv("HAFAILOVER_PATH", str(root))
        argv = ["hafailover", "release-addresses", "--config", str(config), "--node", "router-a"]
        monkeypatch.setattr("sys.argv", argv)

    def removes(self, command: str) -> None:
        self.program.write_text(IFCONFIG.format(log=self.log, there=self.there, removes=command))
        self.program.chmod(0o755)

    def release(self) -> object:
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    def changes(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if "alias" in line]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_what_is_there_goes_and_the_hosts_own_address_stays(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    assert host.release() == 0
    assert host.changes() == ["em0 inet 192.0.2.1 -alias"]
    assert capsys.readouterr().out == "192.0.2.1/24 was taken off em0\n"


@pytest.mark.parametrize(("removes", "status"), [("rm {there}", 0), ("exit 1", 1)])
def test_what_went_and_what_did_not_is_told_as_json(
    host: Host, capsys: pytest.CaptureFixture[str], removes: str, status: int
) -> None:
    host.removes(removes.format(there=host.there))
    sys.argv.append("--json")
    assert host.release() == status
    told = json.loads(capsys.readouterr().out)
    assert_fits("release", told)
    address = {"interface": "em0", "address": "192.0.2.1/24"}
    assert told["released"] == ([] if status else [address])
    assert told["left"] == ([address] if status else [])


def test_what_is_not_there_is_not_touched(host: Host) -> None:
    host.there.unlink()
    assert host.release() == 0
    assert host.changes() == []


def test_what_does_not_go_is_told(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.removes("exit 1")
    assert host.release() == 1
    assert "192.0.2.1/24 is still on em0" in capsys.readouterr().err


def test_a_running_agent_keeps_its_addresses(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(host.run / "control.sock"))
        server.listen(1)
        status = host.release()
    assert status != 0
    assert not host.log.exists()
    assert "the agent is running" in capsys.readouterr().err
