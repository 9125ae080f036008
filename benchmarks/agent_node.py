"""The agent as a router without data, on a host of a LAN of namespaces: what a user would run there."""

import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hafailover.vrrp.settings import Version
from tests.interop.lan import Lan, ip, wait_for
from tests.interop.nodes import VIRTUAL_4, VRID, Dialect

if TYPE_CHECKING:
    from subprocess import Popen

ROOT = Path(__file__).parents[1]
_BOOTS = itertools.count(1)


def group(vrid: int, priority: int, address: str, interval_ms: int, version: int) -> dict[str, Any]:
    """Return a group without data, as the configuration file has it."""
    return {
        "vrid": vrid,
        "priority": priority,
        "vrrp": {"version": version, "interval": f"{interval_ms}ms"},
        "addresses": [f"{address}/24"],
    }


def command(folder: Path, own: str, groups: dict[str, Any]) -> list[str]:
    """Write the configuration of a host into ``folder``; return the command line of its agent."""
    folder.mkdir(exist_ok=True)
    document = {
        "version": 1,
        "nodes": {"a": {"lan": own}},
        "networks": {"lan": {"interface": "eth0"}},
        "paths": {"state": f"{folder}/state", "run": f"{folder}/run"},
        "groups": groups,
    }
    config = folder / "hafailover.yaml"
    config.write_text(json.dumps(document))
    # Each start is that of a host that has just booted.
    environment = (f"PYTHONPATH={ROOT}", f"HAFAILOVER_BOOT_ID=bench-{os.getpid()}-{next(_BOOTS)}")
    words = ("-m", "hafailover", "run", "--config", str(config), "--node", "a")
    return ["env", *environment, sys.executable, *words]


class AgentNode:
    """One agent with one group."""

    def __init__(self, lan: Lan, host: str, peer: str, dialect: Dialect, folder: Path) -> None:
        """Start nothing yet; ``peer`` is not told to it: routers without data find each other."""
        self.lan, self.host, self.peer, self.dialect = lan, host, peer, dialect
        self._folder = folder / f"agent-{host}"
        self._log = folder / f"agent-{host}.log"
        self._process: Popen[bytes] | None = None

    def start(self, priority: int) -> None:
        """Start the agent, and wait until its group lives."""
        dialect = self.dialect
        version = 2 if dialect.version is Version.V2 else 3
        own = group(VRID, priority, VIRTUAL_4, dialect.interval_ms, version)
        words = command(self._folder, self.lan.address(self.host), {"lan": own})
        before = self._starts()
        self._process = self.lan.spawn(self.host, words, self._log)
        wait_for(lambda: self._starts() > before, f"an agent starts: {self._log}")

    def _starts(self) -> int:
        """Return how many agents have said that they start; their groups do so right after."""
        return self._log.read_text().count("the agent starts") if self._log.exists() else 0

    @property
    def _running(self) -> "Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"{self.host}: not started")
        return self._process

    def resign(self) -> None:
        """End in an orderly way."""
        self.lan.end(self._running, signal.SIGTERM)

    def die(self) -> None:
        """End without a word, host and all."""
        self.lan.cut(self.host)
        self.lan.end(self._running)
        space = self.lan.space(self.host)
        ip("-n", space, "addr", "del", f"{VIRTUAL_4}/24", "dev", "eth0", check=False)
