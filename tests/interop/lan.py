"""A LAN of network namespaces: a bridge, two nodes and a client, made and removed by ``ip``."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

NODES = ("a", "b")
CLIENT = "c"
PREFIX = "10.99.0"
PREFIX_6 = "fd99:"
LIMIT_S = 30.0
"""So long may a machine that is busy with other things take for what it does in one second."""


def ip(*words: str, check: bool = True) -> str:
    """Run ip(8) and return what it prints."""
    done = subprocess.run(("/sbin/ip", *words), capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, (words, done.stderr)
    return done.stdout


def wait_for(condition: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> float:
    """Wait until something is true, and return for how long that took, in seconds."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit_s, f"not within {limit_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - begun


class Lan:
    """Namespaces ``<name>-sw`` (the bridge), ``-a``, ``-b`` (nodes) and ``-c`` (the client)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._processes: list[subprocess.Popen[bytes]] = []
        self._at_end: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        switch = self.space("sw")
        ip("netns", "add", switch)
        bridge = ("add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        ip("-n", switch, "link", *bridge)
        ip("-n", switch, "link", "set", "br0", "up")
        for host in (*NODES, CLIENT):
            self._settle(host)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            self.end(process)
        for host in ("sw", *NODES, CLIENT):
            for pid in ip("netns", "pids", self.space(host), check=False).split():
                os.kill(int(pid), signal.SIGKILL)
            ip("netns", "del", self.space(host), check=False)
        for tidy in self._at_end:
            tidy()

    def at_end(self, tidy: Callable[[], None]) -> None:
        """Have something tidied up when every process has ended."""
        self._at_end.append(tidy)

    def _settle(self, host: str) -> None:
        ip("netns", "add", self.space(host))
        ip("-n", self.space(host), "link", "set", "lo", "up")
        self.plug(host)

    def plug(self, host: str, mac: str = "") -> None:
        """Give a host an interface, which may have another MAC address than usual."""
        space, switch, number = self.space(host), self.space("sw"), (*NODES, CLIENT).index(host) + 1
        ip("-n", switch, "link", "add", f"p-{host}", "type", "veth", "peer", "name", "eth0",
           "netns", space)  # fmt: skip
        for path in ("net/ipv6/conf/all/accept_dad", "net/ipv6/conf/eth0/accept_dad"):
            self.run(host, "sysctl", "-qw", f"{path.replace('/', '.')}=0")
        ip("-n", space, "link", "set", "eth0", "address", mac or self.mac(host))
        ip("-n", space, "addr", "add", f"{PREFIX}.{number}/24", "dev", "eth0")
        ip("-n", space, "addr", "add", f"{PREFIX_6}:{number}/64", "dev", "eth0", "nodad")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", switch, "link", "set", f"p-{host}", "master", "br0", "up")

    def unplug(self, host: str) -> None:
        """Destroy the interface of a host."""
        ip("-n", self.space(host), "link", "del", "eth0")

    def space(self, host: str) -> str:
        """Return the name of a host's namespace."""
        return f"{self.name}-{host}"

    def mac(self, host: str) -> str:
        """Return the MAC address of a host."""
        return f"02:00:00:00:00:{ord(host):02x}"

    def address(self, host: str) -> str:
        """Return the IPv4 address of a host."""
        return f"{PREFIX}.{(*NODES, CLIENT).index(host) + 1}"

    def link_local(self, host: str) -> str:
        """Return the address that the kernel makes of the MAC (RFC 4291 appendix A)."""
        return f"fe80::ff:fe00:{ord(host):x}"

    def run(self, host: str, *command: str, check: bool = True) -> str:
        """Run a command to its end in a host and return what it prints."""
        full = ("ip", "netns", "exec", self.space(host), *command)
        done = subprocess.run(full, capture_output=True, text=True, check=False, timeout=LIMIT_S)
        assert not check or done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def spawn(self, host: str, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a process in a host; it ends with the LAN at the latest."""
        full = ("ip", "netns", "exec", self.space(host), *command)
        with log.open("ab") as output:
            process = subprocess.Popen(full, stdout=output, stderr=output, start_new_session=True)
        self._processes.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
        """End a process and everything in its group, and wait until it is gone."""
        if process.poll() is None:
            os.killpg(process.pid, how)
            process.wait(timeout=LIMIT_S)

    def cut(self, host: str) -> None:
        """Take a host off the LAN, as its death would."""
        ip("-n", self.space("sw"), "link", "set", f"p-{host}", "down")

    def heal(self, host: str) -> None:
        """Plug a host in again."""
        ip("-n", self.space("sw"), "link", "set", f"p-{host}", "up")

    def owner(self, address: str) -> str:
        """Return the MAC address that answers the client for ``address``, empty if none does."""
        self.run(CLIENT, "ping", "-n", "-c", "1", "-W", "1", "-I", "eth0", address, check=False)
        words = ip("-n", self.space(CLIENT), "neigh", "show", address, "dev", "eth0").split()
        alive = "REACHABLE" in words or "DELAY" in words
        return words[words.index("lladdr") + 1] if alive and "lladdr" in words else ""

    def holds(self, host: str, address: str) -> bool:
        """Say whether an address is on an interface of a host."""
        return f" {address}/" in ip("-n", self.space(host), "addr", "show")
