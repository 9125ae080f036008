"""What runs on a node: our router, keepalived, or FRR's vrrpd."""

import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from hafailover.system.router_process import RouterProcessSettings, settings_text
from hafailover.units import MILLISECOND
from hafailover.vrrp.settings import AnnounceSettings, Family, RouterSettings, Version
from tests.interop.lan import Lan, ip, wait_for

if TYPE_CHECKING:
    from subprocess import Popen

VRID = 51
VIRTUAL_4 = "10.99.0.100"
VIRTUAL_6 = "fd99::100"
VIRTUAL_LINK_LOCAL = "fe80::99:64"
FRR_DAEMONS = Path("/usr/lib/frr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How two routers speak to each other."""

    version: Version
    family: Family = Family.IPV4
    interval_ms: int = 1000
    password: str = ""
    unicast: bool = False

    @property
    def virtual(self) -> str:
        """The address that clients use."""
        return VIRTUAL_4 if self.family is Family.IPV4 else VIRTUAL_6


class Node(Protocol):
    """A router on a node."""

    host: str

    def start(self, priority: int) -> None: ...

    def resign(self) -> None:
        """End in an orderly way."""

    def die(self) -> None:
        """End without a word, host and all."""

    @property
    def mac(self) -> str:
        """Who answers for the virtual address while this node is Master."""


def needs(*programs: str) -> None:
    """Skip the test without these programs; where everything must be there, fail."""
    found = [shutil.which(name) or (FRR_DAEMONS / name).exists() for name in programs]
    missing = [name for name, where in zip(programs, found, strict=True) if not where]
    if os.geteuid() != 0:
        missing.append("root")
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"missing here: {', '.join(missing)}")
    if missing:
        pytest.skip(f"missing here: {', '.join(missing)}")


class OurNode:
    """hafailover's router as a process."""

    def __init__(self, lan: Lan, host: str, peer: str, dialect: Dialect, folder: Path) -> None:
        self.lan, self.host, self.peer, self.dialect = lan, host, peer, dialect
        self._folder = folder
        self._log = folder / f"ours-{host}.log"
        self._process: Popen[bytes] | None = None

    @property
    def mac(self) -> str:
        return self.lan.mac(self.host)

    def settings(self, priority: int) -> RouterProcessSettings:
        dialect = self.dialect
        six = dialect.family is Family.IPV6
        where = self.lan.link_local if six else self.lan.address
        listed = [VIRTUAL_LINK_LOCAL, VIRTUAL_6] if six else [VIRTUAL_4]
        router = RouterSettings(
            vrid=VRID,
            family=dialect.family,
            version=dialect.version,
            priority=priority,
            interval_ns=dialect.interval_ms * MILLISECOND,
            addresses=tuple(map(ip_address, listed)),
            primary_address=ip_address(where(self.host)),
            password=dialect.password.encode() or None,
            unicast_peers=(ip_address(where(self.peer)),) if dialect.unicast else (),
        )
        return RouterProcessSettings(
            interface="eth0",
            routers=(router,),
            announce=AnnounceSettings(),
            addresses=tuple(ip_interface(f"{each}/{64 if six else 24}") for each in listed),
        )

    def start_with(self, settings: RouterProcessSettings) -> None:
        file = self._folder / f"ours-{self.host}.json"
        file.write_text(settings_text(settings))
        command = (sys.executable, "-m", "hafailover.system.router_process", str(file))
        self._process = self.lan.spawn(self.host, command, self._log)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(timeout=60)

    def kill(self) -> None:
        assert self._process is not None
        self.lan.end(self._process)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, priority: int) -> None:
        before = len(self.said())
        self.start_with(self.settings(priority))
        wait_for(lambda: len(self.said()) > before, f"our router speaks: {self.text()}")

    def text(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def said(self) -> list[dict[str, str]]:
        lines = self.text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def roles(self) -> list[str]:
        """What it became, in order, with the reason."""
        return [
            f"{line['what']} {line.get('reason', '')}".strip()
            for line in self.said()
            if line["what"].startswith("Became")
        ]

    def resign(self) -> None:
        assert self._process is not None
        self.lan.end(self._process, signal.SIGTERM)

    def die(self) -> None:
        assert self._process is not None
        self.lan.cut(self.host)
        self.lan.end(self._process)


class Keepalived:
    """keepalived with VRRP only."""

    def __init__(self, lan: Lan, host: str, peer: str, dialect: Dialect, folder: Path) -> None:
        self.lan, self.host, self.peer, self.dialect = lan, host, peer, dialect
        self._folder = folder
        self._process: Popen[bytes] | None = None

    @property
    def mac(self) -> str:
        return self.lan.mac(self.host)

    def configuration(self, priority: int) -> str:
        dialect = self.dialect
        six = dialect.family is Family.IPV6
        where = self.lan.link_local if six else self.lan.address
        virtual = [f"{VIRTUAL_LINK_LOCAL}/64", f"{VIRTUAL_6}/64"] if six else [f"{VIRTUAL_4}/24"]
        lines = [
            "global_defs {",
            f"  router_id {self.host}",
            "}",
            "vrrp_instance V1 {",
            "  state BACKUP",
            "  interface eth0",
            f"  virtual_router_id {VRID}",
            f"  priority {priority}",
            f"  advert_int {dialect.interval_ms / 1000:g}",
            f"  version {dialect.version}",
            *(["  native_ipv6"] if six else []),
        ]
        if dialect.password:
            auth = ("  authentication {", "    auth_type PASS", f"    auth_pass {dialect.password}")
            lines += [*auth, "  }"]
        if dialect.unicast:
            lines += [f"  unicast_src_ip {where(self.host)}", "  unicast_peer {"]
            lines += [f"    {where(self.peer)}", "  }"]
        lines += ["  virtual_ipaddress {", *(f"    {each}" for each in virtual), "  }", "}"]
        return "\n".join(lines) + "\n"

    def start(self, priority: int) -> None:
        stem = self._folder / f"keepalived-{self.host}"
        stem.with_suffix(".conf").write_text(self.configuration(priority))
        files = [f"{stem}.pid", f"{stem}-vrrp.pid"]
        for file in files:
            Path(file).unlink(missing_ok=True)
        command = ["keepalived", "-P", "-n", "-l", "-D", "-f", f"{stem}.conf"]
        command += ["-p", files[0], "-r", files[1]]
        self._process = self.lan.spawn(self.host, command, stem.with_suffix(".log"))
        wait_for(Path(files[1]).exists, "keepalived runs")

    def resign(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)

    def die(self) -> None:
        assert self._process is not None
        self.lan.cut(self.host)
        # The child first: it would resign at the death of its parent.
        for pid in ip("netns", "pids", self.lan.space(self.host)).split()[::-1]:
            os.kill(int(pid), signal.SIGKILL)
        self._process.wait(timeout=30)
        for each in (VIRTUAL_4, VIRTUAL_6, VIRTUAL_LINK_LOCAL):
            prefix = "24" if each == VIRTUAL_4 else "64"
            space = self.lan.space(self.host)
            ip("-n", space, "addr", "del", f"{each}/{prefix}", "dev", "eth0", check=False)


class Frr:
    """FRR's zebra and vrrpd; the virtual address lies on a macvlan with the virtual MAC."""

    def __init__(self, lan: Lan, host: str, peer: str, dialect: Dialect, folder: Path) -> None:
        self.lan, self.host, self.peer, self.dialect = lan, host, peer, dialect
        self._folder = folder
        self._space = lan.space(host)
        self._run = Path("/var/run/frr") / self._space

    @property
    def mac(self) -> str:
        return f"00:00:5e:00:0{1 if self.dialect.family is Family.IPV4 else 2}:{VRID:02x}"

    def start(self, priority: int) -> None:
        self._make_macvlan()
        self.lan.at_end(lambda: shutil.rmtree(self._run, ignore_errors=True))
        self._run.mkdir(parents=True, exist_ok=True)
        shutil.chown(self._run, "frr", "frr")
        shutil.chown(self._run.parent, "frr", "frr")
        word = "ip" if self.dialect.family is Family.IPV4 else "ipv6"
        lines = [
            "interface eth0",
            f" vrrp {VRID} version {self.dialect.version}",
            f" vrrp {VRID} priority {priority}",
            f" vrrp {VRID} advertisement-interval {self.dialect.interval_ms}",
            f" vrrp {VRID} {word} {self.dialect.virtual}",
        ]
        for name, text in (("zebra", ""), ("vrrpd", "\n".join(lines) + "\n")):
            file = self._run / f"{name}.conf"
            file.write_text(text)
            shutil.chown(file, "frr", "frr")
            command = (str(FRR_DAEMONS / name), "-N", self._space, "-f", str(file), "--log",
                       "stdout", "-z", str(self._run / "zserv.api"))  # fmt: skip
            self.lan.spawn(self.host, command, self._folder / f"{name}-{self.host}.log")
            wait_for((self._run / f"{name}.vty").exists, f"{name} runs")
            time.sleep(0.5)

    def _make_macvlan(self) -> None:
        six = self.dialect.family is Family.IPV6
        name = f"vrrp{self.dialect.family}-{VRID}"
        if name in ip("-n", self._space, "link", "show"):
            return
        # Otherwise eth0 answers for the macvlan's address too, with its own MAC.
        for key, value in (("arp_ignore", 1), ("arp_announce", 2), ("rp_filter", 2)):
            self.lan.run(self.host, "sysctl", "-qw", f"net.ipv4.conf.all.{key}={value}")
        ip("-n", self._space, "link", "add", name, "link", "eth0", "type", "macvlan", "mode",
           "bridge")  # fmt: skip
        ip("-n", self._space, "link", "set", name, "addrgenmode", "random")
        ip("-n", self._space, "link", "set", name, "address", self.mac)
        virtual = f"{self.dialect.virtual}/{64 if six else 24}"
        more = ("nodad",) if six else ()
        ip("-n", self._space, "addr", "add", virtual, "dev", name, *more)
        ip("-n", self._space, "link", "set", name, "up")

    def _kill(self, how: signal.Signals) -> None:
        pids = ip("netns", "pids", self._space).split()
        for pid in pids:
            os.kill(int(pid), how)
        wait_for(lambda: not self._left(), "FRR ends")
        shutil.rmtree(self._run, ignore_errors=True)

    def _left(self) -> list[str]:
        return [
            pid
            for pid in ip("netns", "pids", self._space).split()
            if "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        ]

    def resign(self) -> None:
        self._kill(signal.SIGTERM)

    def die(self) -> None:
        self.lan.cut(self.host)
        self._kill(signal.SIGKILL)
