"""What does the agent say of itself and its groups, as one JSON document?"""

import os
import time
from collections.abc import Callable
from typing import Any, Final

from hafailover import __version__
from hafailover.runtime.driver import Driver
from hafailover.runtime.journal import Journal
from hafailover.runtime.settings import NodeSettings
from hafailover.system.agent_edges import AgentEdges
from hafailover.system.kernel_stacks import KernelStacks
from hafailover.system.peer_channel import PeerNetwork
from hafailover.units import MILLISECOND

SCHEMA_VERSION: Final = 1
Describe = Callable[[str], dict[str, Any]]


class StatusPage:
    """Gathers the document; cheap enough to be asked every second."""

    def __init__(
        self,
        settings: NodeSettings,
        driver: Driver,
        *,
        describe: Describe,
        journal: Journal,
        edges: AgentEdges,
    ) -> None:
        """Make the page; ``describe`` gives one group's part."""
        self._settings = settings
        self._driver = driver
        self._describe = describe
        self._edges = edges
        self._stacks = KernelStacks(edges.runner)
        self._journal = journal
        self._started_ns = time.monotonic_ns()

    def document(self, group: str | None = None) -> dict[str, Any]:
        """Return the status of one group, or of all."""
        names = self._driver.groups if group is None else (group,)
        return {
            "schema": SCHEMA_VERSION,
            "version": __version__,
            "node": self._settings.node,
            "peer": self._settings.peer,
            "digest": self._settings.digest,
            "groups": [self._describe(name) for name in names],
            "agent": {
                "pid": os.getpid(),
                "uptime_ms": (time.monotonic_ns() - self._started_ns) // MILLISECOND,
                "journal_lines_dropped": self._journal.dropped,
                "alerts_dropped": self._edges.alerts.dropped,
                "alerts": self._edges.alerts.status(),
                "children": self._edges.runner.running,
                "stuck_children": self._stuck(),
                "missing_interfaces": self._edges.links.missing,
            },
            "networks": [_network(network) for network in self._edges.networks],
            "ignored_advertisements": self._edges.vrrp.tell_ignored(),
        }

    def _stuck(self) -> list[dict[str, Any]]:
        now = time.monotonic_ns()
        commands = [
            {
                "pid": child.pid,
                "what": " ".join(child.argv),
                "age_ms": (now - child.since_ns) // MILLISECOND,
                "waits_in": self._stacks.of(child.pid),
            }
            for child in self._edges.runner.stuck
        ]
        operations = [
            {
                "pid": each.pid,
                "what": f"{each.operation} ({each.worker})",
                "age_ms": (now - each.since_ns) // MILLISECOND,
                "waits_in": "",
            }
            for worker in self._edges.pool
            for each in worker.stuck
        ]
        return commands + operations


def _network(network: PeerNetwork) -> dict[str, Any]:
    age = None
    if network.received_at is not None:
        age = max(0, round((time.monotonic() - network.received_at) * 1000))
    return {
        "name": network.network.name,
        "own_address": network.network.own_address,
        "peer_address": network.network.peer_address,
        "sends": network.is_connected_out,
        "receives": network.is_connected_in,
        "report_age_ms": age,
        "refused": dict(network.refused),
    }
