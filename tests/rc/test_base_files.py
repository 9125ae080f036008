"""What base FreeBSD reads of ours: devd.conf(5), newsyslog.conf(5), the words for daemon(8) and protect(1)."""

import getopt
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rc.devd import carried_out, parse
from tests.rc.test_rc_script import Host

RC_D = Path(__file__).parents[2] / "rc.d"
DEVD = RC_D / "hafailover.devd.conf"
BASE = """
notify 0 { match "system" "IFNET"; match "subsystem" "!(usbus|wlan)[0-9]+"; match "type" "ATTACH";
           action "/etc/pccard_ether $subsystem start"; };
notify 0 { match "system" "IFNET"; match "type" "LINK_UP"; media-type "ethernet";
           action "service dhclient quietstart $subsystem"; };
notify 0 { match "system" "IFNET"; match "type" "LINK_UP"; media-type "802.11";
           action "service dhclient quietstart $subsystem"; };
"""
"""What /etc/devd.conf and /etc/devd/dhclient.conf of 14 and 15 do at events of interfaces."""
DAEMON_OPTIONS = {"14.0": "+cfHSp:P:ru:o:s:l:t:m:R:T:h", "15": "+C:cfHSp:P:ru:o:s:l:t:m:R:T:h"}
PROTECT_OPTIONS = "cdig:p:"
NEWSYSLOG_FLAGS = set("BCDGJNPRTUWXYZ-")
SIGHUP = 1


def event(kind: str, interface: str = "em0") -> dict[str, str]:
    return {"system": "IFNET", "subsystem": interface, "type": kind, "media-type": "ethernet"}


def with_everything_on() -> str:
    """Return our file with the statement that is left to the operator."""
    return re.sub(r"^#(?=notify|\t|\};)", "", DEVD.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize(
    "text", [DEVD.read_text(), with_everything_on()], ids=["as it is", "all on"]
)
@pytest.mark.parametrize("kind", ["LINK_UP", "LINK_DOWN", "ATTACH", "DETACH", "RENAME"])
def test_devd_still_does_what_it_does_without_us(text: str, kind: str) -> None:
    """One statement is carried out for an event: ours must not take away what the base system's does."""
    base = carried_out(parse(BASE), "notify", event(kind))
    both = carried_out(parse(BASE + text), "notify", event(kind))
    assert set(base) <= set(both)


def test_devd_says_which_link_changed_whatever_its_name_is() -> None:
    bash = shutil.which("bash")
    assert bash is not None
    for interface in ("em0", "vlan 7", "it's;reboot"):
        line, *others = carried_out(parse(DEVD.read_text()), "notify", event("LINK_UP", interface))
        assert len(others) == 1
        script = 'logger() { printf "%s\\n" "$@"; }; ' + line
        # FreeBSD's sh(1) knows $'...' as bash does, and dash does not.
        done = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [
            *("-p", "daemon.notice", "-t", "hafailover"),
            *("devd:", interface, "LINK_UP"),
        ]
    assert len(carried_out(parse(DEVD.read_text()), "notify", event("LINK_DOWN"))) == 1


def test_devd_opens_the_sockets_anew_when_an_interface_has_come_back() -> None:
    statements = parse(with_everything_on())
    assert "service hafailover quietreload" in carried_out(statements, "notify", event("ATTACH"))
    assert carried_out(statements, "notify", event("ATTACH", "em7")) == []


def test_newsyslog_reads_every_field() -> None:
    """As parse_file() of newsyslog.c does: fields by blanks, none missing, none left over."""
    lines = (RC_D / "hafailover.newsyslog.conf").read_text().splitlines()
    (entry,) = [line.split() for line in lines if line and not line.startswith("#")]
    name, owner, mode, count, size, when, flags, pid_file, number = entry
    assert (name, owner) == ("/var/log/hafailover.log", "root:wheel")
    assert int(mode, 8) & 0o007 == 0
    assert int(count) > 0
    assert int(size) > 0
    assert when == "*"
    # A small c means glob there, not create.
    assert flags.isupper()
    assert set(flags) <= NEWSYSLOG_FLAGS
    assert {"G", "N", "R", "U"} & set(flags) == set()
    assert pid_file == "/var/run/hafailover/supervisor.pid"
    assert int(number) == SIGHUP


@pytest.mark.parametrize("release", list(DAEMON_OPTIONS))
def test_daemon_and_protect_take_our_words_as_meant(tmp_path: Path, release: str) -> None:
    """The option strings are those of daemon.c and protect.c; the order of getopt(3) is POSIX's."""
    host = Host(tmp_path)
    host.conf(args="--node A")
    host.service("start")
    words = host.calls()[-1].split()
    assert words[0] == "daemon"
    found, rest = getopt.getopt(words[1:], DAEMON_OPTIONS[release].lstrip("+"))
    run = host.run_directory
    assert dict(found) == {
        "-f": "",
        "-r": "",
        "-R": "1",
        "-H": "",
        "-m": "3",
        "-t": "hafailover",
        "-P": f"{run}/supervisor.pid",
        "-p": f"{run}/agent.pid",
        "-o": "/var/log/hafailover.log",
    }
    assert rest[0] == "/usr/bin/protect"
    protecting, command = getopt.getopt(rest[1:], PROTECT_OPTIONS)
    # Without -i it protects what it execs and no child of that.
    assert protecting == []
    assert command[:2] == [str(tmp_path / "hafailover"), "run"]
    # The log that newsyslog(8) moves is the one that daemon(8) opens anew.
    assert dict(found)["-o"] in (RC_D / "hafailover.newsyslog.conf").read_text()
