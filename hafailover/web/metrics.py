"""The state as Prometheus metrics (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hafailover.override import override
from hafailover.web.snapshot import Heard

ROLES: Final = ("starting", "standby", "promoting", "primary", "demoting", "stopped", "fenced")
HEALTHS: Final = ("healthy", "degraded", "not served", "unknown")
COPIES: Final = ("in_sync", "sole", "touched", "syncing", "stale", "diverged", "unknown")


def render(heard: Heard) -> bytes:
    """Return the text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(heard))
    return generate_latest(registry)


class _Snapshot(Collector):
    """All metrics of one moment."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    @override
    def collect(self) -> Iterator[Metric]:
        """Yield one family after the other."""
        heard = self._heard
        yield _gauge("up", "Whether the agent has spoken lately.", heard.is_fresh)
        document = heard.document
        if document is None or not heard.is_fresh:
            return
        info = GaugeMetricFamily(
            "hafailover_info",
            "What runs here; the value is 1.",
            labels=("version", "node", "digest"),
        )
        info.add_metric([document["version"], document["node"], document["digest"][:16]], 1)
        yield info
        yield from _agent(document["agent"])
        yield from _networks(document["networks"])
        yield from _groups(document["groups"])
        yield from _volumes(document["groups"])
        yield _ignored(document["ignored_advertisements"])


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hafailover_{name}", text, value=value)


def _labelled(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"hafailover_{name}", text, labels=labels)


def _agent(agent: dict[str, Any]) -> Iterator[Metric]:
    yield _gauge("agent_uptime_seconds", "Since the agent began.", agent["uptime_ms"] / 1000)
    yield _gauge("agent_children", "Commands under way.", agent["children"])
    yield _gauge(
        "agent_stuck_children",
        "Children that hang past their deadline.",
        len(agent["stuck_children"]),
    )
    yield _gauge(
        "agent_missing_interfaces",
        "Interfaces of groups that are gone, destroyed or renamed.",
        len(agent.get("missing_interfaces", ())),
    )
    for name, text in (
        ("journal_lines_dropped", "Lines of the journal that were lost."),
        ("alerts_dropped", "Alerts that could not be delivered."),
    ):
        yield CounterMetricFamily(f"hafailover_{name}", text, value=agent[name])


def _networks(networks: list[dict[str, Any]]) -> Iterator[Metric]:
    age = _labelled(
        "peer_report_age_seconds", "Since the peer's last report on a network.", "network"
    )
    sends = _labelled(
        "peer_channel_up", "Whether the channel works in a direction.", "network", "direction"
    )
    for network in networks:
        name = network["name"]
        if network["report_age_ms"] is not None:
            age.add_metric([name], network["report_age_ms"] / 1000)
        sends.add_metric([name, "out"], network["sends"])
        sends.add_metric([name, "in"], network["receives"])
    yield age
    yield sends


def _groups(groups: list[dict[str, Any]]) -> Iterator[Metric]:
    role = _labelled("group_role", "1 for the role of this node.", "group", "role")
    health = _labelled("group_health", "1 for the health of the group.", "group", "health")
    serves = _labelled("group_serves", "Whether this node has the addresses up.", "group")
    epoch = _labelled("group_epoch", "Grows with every change of the primary.", "group")
    in_sync = _labelled("group_in_sync", "Whether both copies are in sync.", "group")
    unprotected = _labelled(
        "group_unprotected_seconds",
        "Since there is no second copy in sync; 0 if there is.",
        "group",
    )
    paused = _labelled("group_paused", "Whether changes of role are paused here.", "group")
    peer = _labelled("group_peer_heard", "Whether the peer is heard.", "group")
    seen = _labelled("group_storage_seen_age_seconds", "Since the storage was seen.", "group")
    alert = _labelled("group_alert", "1 while the cause of an alert lasts.", "group", "kind")
    router = _labelled(
        "vrrp_master", "Whether the virtual router is Master here.", "group", "family"
    )
    priority = _labelled("vrrp_priority", "What is advertised.", "group", "family")
    for each in groups:
        name = each["group"]
        for word in ROLES:
            role.add_metric([name, word], each["role"] == word)
        for word in HEALTHS:
            health.add_metric([name, word], each["health"] == word)
        is_up = each["addresses_wanted"] and each["health"] in HEALTHS[:2]
        serves.add_metric([name], each["role"] == "primary" and is_up)
        epoch.add_metric([name], each["epoch"])
        in_sync.add_metric([name], bool(each["in_sync"]))
        unprotected.add_metric([name], (each["unprotected_ms"] or 0) / 1000)
        paused.add_metric([name], each["paused"] is not None)
        peer.add_metric([name], each["peer"]["heard"])
        if each["storage_seen_age_ms"] is not None:
            seen.add_metric([name], each["storage_seen_age_ms"] / 1000)
        for standing in each["alerts"]:
            alert.add_metric([name, standing["kind"]], 1)
        for vrrp in each["vrrp"]:
            family = f"ipv{vrrp['family']}"
            router.add_metric([name, family], vrrp["state"] == "Master")
            priority.add_metric([name, family], vrrp["priority"])
    yield from (role, health, serves, epoch, in_sync, unprotected)
    yield from (paused, peer, seen, alert, router, priority)


def _ignored(counts: list[dict[str, Any]]) -> Metric:
    family = CounterMetricFamily(
        "hafailover_vrrp_ignored_advertisements",
        "Advertisements that do not count, by reason; those of other virtual routers are of no group.",
        labels=("group", "reason"),
    )
    for each in counts:
        family.add_metric([each["group"], each["reason"]], each["count"])
    return family


def _volumes(groups: list[dict[str, Any]]) -> Iterator[Metric]:
    names = ("group", "volume")
    copy = _labelled("volume_copy", "1 for the state of this node's copy.", *names, "state")
    mounted = _labelled("volume_mounted", "Whether it is mounted here.", *names)
    size = _labelled("volume_size_bytes", "Size of the image.", *names)
    percent = _labelled("volume_rebuild_percent", "While the second copy is rebuilt.", *names)
    rate = _labelled("volume_rebuild_bytes_per_second", "How fast it is rebuilt.", *names)
    running = _labelled("service_running", "Whether the service runs here.", "group", "service")
    for group in groups:
        for volume in group["volumes"]:
            labels = [group["group"], volume["name"]]
            for word in COPIES:
                copy.add_metric([*labels, word], volume["copy"] == word)
            mounted.add_metric(labels, bool(volume["mounted"]))
            size.add_metric(labels, volume["size_bytes"])
            if volume["rebuild_percent"] is not None:
                percent.add_metric(labels, volume["rebuild_percent"])
            if volume["rebuild"] is not None and volume["rebuild"]["bytes_per_s"] is not None:
                rate.add_metric(labels, volume["rebuild"]["bytes_per_s"])
        for service in group["services"]:
            running.add_metric([group["group"], service["name"]], service["running"])
    yield from (copy, mounted, size, percent, rate, running)


def families() -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield name, labels and meaning of every metric, for the documentation."""
    agent = {
        "uptime_ms": 0,
        "children": 0,
        "stuck_children": [],
        "journal_lines_dropped": 0,
        "alerts_dropped": 0,
    }
    empty = {
        "version": "",
        "node": "",
        "digest": "",
        "agent": agent,
        "networks": [],
        "groups": [],
        "ignored_advertisements": [],
    }
    for family in _Snapshot(Heard(document=empty, age_s=0.0, notes=())).collect():
        suffix = "_total" if family.type == "counter" else ""
        labels = tuple(getattr(family, "_labelnames", ()))
        yield f"{family.name}{suffix}", labels, family.documentation
