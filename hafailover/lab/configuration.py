"""The configuration file of the lab's pair: the hosting shop's, scaled down, inside the lab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from hafailover.lab import etcd_cluster, power_switch
from hafailover.lab.node_files import NodeFiles
from hafailover.lab.plan import FLOATING_ADDRESS, GATEWAY_ADDRESS, Network
from hafailover.lab.workload import program

if TYPE_CHECKING:
    from pathlib import Path

    from hafailover.lab.plan import Plan

GROUP: Final = "web"
VOLUME: Final = "sites"
MIRROR: Final = "remotemirror"

MEGABYTE: Final = 1024 * 1024
DEAD_URL: Final = "http://127.0.0.1:9"
"""Nobody listens there."""
STUCK_QUEUE: Final = 10
"""The least that the configuration allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a scenario may choose."""

    image_megabytes: int = 16
    arbiter: str = "ping"
    """``ping`` (the lab's gateway), ``none``, ``etcd`` (three servers) or ``fence`` (a power switch)."""
    interval: str = "250ms"
    """Of the advertisements."""
    failback: str = "manual"
    failback_hold: str = "5s"
    failback_window: str = ""
    rejoin: str = "auto"
    drill_outage: str = "30s"
    stuck_alerts: bool = False
    """Whether there are a hook that hangs and a web address that is down beside the alerts' log, and little room."""
    metrics_port: int = 0
    """Where each node shows its state over HTTP; 0 is nowhere."""
    address_first: bool = False
    failovers: int = 3
    attempts: int = 10
    volumes: int = 1
    """More than one in the simulator only."""
    rebuild_rate: int = 0
    """Bytes per second of a rebuild in the simulator; 0 = as fast as it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the configuration, which both nodes share, and the key are."""

    own: Path
    """The node's own directory, in its own view."""

    @property
    def files(self) -> NodeFiles:
        """The node's directories."""
        return NodeFiles(root=self.own)

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.own / "etc" / "hafailover.yaml"

    @property
    def key(self) -> Path:
        """The key of the peer channel."""
        return self.own / "etc" / "hafailover.key"

    @property
    def image(self) -> Path:
        """The volume's image file."""
        return self.files.images / "sites.img"


def configuration(plan: Plan, paths: Paths, tuning: Tuning) -> str:
    """Return the configuration file's text; the same for both nodes."""
    first = plan.nodes[0].ports
    interfaces = {port.network: port.interface for port in first}
    names = [machine.name for machine in plan.nodes]
    document: dict[str, Any] = {
        "version": 1,
        "cluster": "lab",
        "nodes": {
            machine.name: {port.network.value: str(port.addresses[0].ip) for port in machine.ports}
            for machine in plan.nodes
        },
        "networks": {network.value: {"interface": interfaces[network]} for network in Network},
        "channel": {"key_file": str(paths.key)},
        "arbiter": _arbiter(plan, paths, tuning),
        "watchdog": {"mode": "required" if tuning.arbiter == "etcd" else "off"},
        "recovery": {"failovers": tuning.failovers},
        "alerts": _alerts(paths, tuning),
        "drill": {"outage": tuning.drill_outage},
        "metrics": {"port": tuning.metrics_port},
        "paths": {
            "state": str(paths.files.state),
            "run": str(paths.files.agent_run),
        },
        "groups": {
            GROUP: {
                "vrid": 51,
                "priority": {names[0]: 250, names[1]: 200},
                "vrrp": {"interval": tuning.interval},
                "addresses": [f"{FLOATING_ADDRESS}/32"],
                "volumes": {VOLUME: _volume(paths, tuning)},
                "services": [_service(paths)],
                "failback": _failback(tuning),
                "rejoin": tuning.rejoin,
                "address_first": tuning.address_first,
                "rebuild": {"attempts": tuning.attempts},
            }
        },
    }
    return yaml.safe_dump(document, sort_keys=False)


def _failback(tuning: Tuning) -> dict[str, str]:
    always = {"mode": tuning.failback, "hold": tuning.failback_hold}
    return always | ({"window": tuning.failback_window} if tuning.failback_window else {})


def _arbiter(plan: Plan, paths: Paths, tuning: Tuning) -> dict[str, Any]:
    match tuning.arbiter:
        case "none":
            return {"kind": "none", "i_accept_split_brain": True}
        case "etcd":
            return {
                "kind": "etcd",
                "endpoints": etcd_cluster.endpoints(),
                "prefix": etcd_cluster.PREFIX,
            }
        case "fence":
            options = {
                machine.name: {"stdin": power_switch.options(machine.name)}
                for machine in plan.nodes
            }
            return {
                "kind": "fence",
                "command": [str(paths.files.programs / power_switch.PROGRAM)],
                "options": options,
                "deadline": "8s",
                "secondary_delay": "10s",
            }
        case _:
            return {"kind": "ping", "targets": [GATEWAY_ADDRESS]}


def _alerts(paths: Paths, tuning: Tuning) -> dict[str, Any]:
    log = {"command": _alert_log(paths), "severity": "note"}
    if not tuning.stuck_alerts:
        return {"exec": [log]}
    hung = {"command": ["/bin/sleep", "100000"], "severity": "note", "deadline": "1m"}
    return {
        "exec": [log, hung],
        "webhook": [{"url": DEAD_URL, "severity": "note"}],
        "queue": STUCK_QUEUE,
    }


def _alert_log(paths: Paths) -> list[str]:
    """Return a command that puts alerts where ``lab run --keep`` leaves them to be read."""
    return ["/bin/sh", "-c", 'cat >>"$0"', str(paths.files.log / "alerts.jsonl")]


def _volume(paths: Paths, tuning: Tuning) -> dict[str, Any]:
    return {
        "image": str(paths.image),
        "size": f"{tuning.image_megabytes}M",
        "mirror": MIRROR,
        "mount_point": str(paths.files.mount_point),
    }


def _service(paths: Paths) -> dict[str, Any]:
    words = str(paths.files.programs / program.NAME)
    return {
        "name": "workload",
        "start": [words, "start"],
        "stop": [words, "stop"],
        "check": [words, "check"],
    }
