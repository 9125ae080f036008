"""Which settings follow for one node from a file without errors?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hafailover.config.arithmetic import PingSpans, effective_watchdog
from hafailover.config.build_alerts import build_alerts
from hafailover.config.build_arbiter import (
    build_etcd,
    build_fence,
    build_fence_agent,
    build_lease,
)
from hafailover.config.build_router import build_routers
from hafailover.config.canonical import canonical_form, cluster_digest, group_digest
from hafailover.config.checked import Checked
from hafailover.config.profiles import PROBE_PERIOD
from hafailover.config.timing import gate_timeout_of, spans_of
from hafailover.group.settings import (
    ArbiterKind,
    Automatism,
    FailbackSettings,
    GroupSettings,
    RebuildSettings,
    ServiceSettings,
    TimerSettings,
    WatchdogSettings,
)
from hafailover.runtime.settings import (
    DrillSettings,
    MetricsSettings,
    NetworkSettings,
    NodeSettings,
    PathSettings,
    PeerChannelSettings,
)
from hafailover.storage.settings import FullCheck, VolumeDeadlines, VolumeSettings
from hafailover.units import SECOND, Nanoseconds
from hafailover.vrrp.settings import AnnounceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Interface, IPv6Interface

_UNITS = (10, 11)


def build_node(root: Checked, node: str) -> NodeSettings:
    """Return the settings of ``node``, which must be one of the file's nodes."""
    nodes = root.sections("nodes")
    peer = next((name for name in nodes if name != node), "")
    form = canonical_form(root)
    channel, paths = root.section("channel"), root.section("paths")
    arbiter = root.maybe("arbiter", Checked)
    targets = (
        arbiter.items("targets", object) if _kind(root) is ArbiterKind.PING and arbiter else ()
    )
    return NodeSettings(
        node=node,
        peer=peer,
        networks=_networks(root, node, peer),
        channel=PeerChannelSettings(
            port=channel.take("port", int), key_file=Path(channel.take("key_file", str))
        ),
        paths=PathSettings(state=Path(paths.take("state", str)), run=Path(paths.take("run", str))),
        groups=tuple(
            _group(root, name, node, peer, group_digest(form, name))
            for name in root.sections("groups")
        ),
        ping_targets=tuple(str(target) for target in targets),
        etcd=build_etcd(arbiter) if arbiter and _kind(root) is ArbiterKind.ETCD else None,
        fence=build_fence_agent(arbiter) if arbiter and _kind(root) is ArbiterKind.FENCE else None,
        watchdog_timeout=Nanoseconds(spans_of(root).watchdog),
        alerts=build_alerts(root.section("alerts")),
        drill=_drill(root.section("drill")),
        metrics=_metrics(root.section("metrics")),
        journal_bytes_max=paths.take("journal_max", int),
        record_test_period=_span(paths, "record_test_period"),
        digest=cluster_digest(form),
    )


def _drill(drill: Checked) -> DrillSettings:
    return DrillSettings(
        outage=_span(drill, "outage"),
        lost_writes=drill.take("lost_writes", int),
        write_stall=_span(drill, "write_stall"),
        probe=drill.items("probe", str),
        third_host=drill.items("third_host", str),
    )


def _metrics(metrics: Checked) -> MetricsSettings:
    return MetricsSettings(
        address=str(metrics.take("address", object)), port=metrics.take("port", int)
    )


def interface_of(root: Checked, node: str, network: str) -> str:
    """Return a node's interface on a network; empty if the file names none."""
    own = root.sections("nodes")[node].section("interfaces").maybe(network, str)
    shared = root.section("networks").section(network).maybe("interface", str)
    return own or shared or ""


def _networks(root: Checked, node: str, peer: str) -> tuple[NetworkSettings, ...]:
    nodes = root.sections("nodes")
    found = []
    for network in ("lan", "replication"):
        own = nodes[node].maybe(network, object)
        theirs = nodes[peer].maybe(network, object) if peer else None
        if own is not None and theirs is not None:
            found.append(
                NetworkSettings(
                    name=network,
                    own_address=str(own),
                    peer_address=str(theirs),
                    interface=interface_of(root, node, network),
                )
            )
    return tuple(found)


def _kind(root: Checked) -> ArbiterKind:
    arbiter = root.maybe("arbiter", Checked)
    return ArbiterKind(arbiter.take("kind", str)) if arbiter else ArbiterKind.NONE


def _group(root: Checked, name: str, node: str, peer: str, digest: str) -> GroupSettings:
    group = root.sections("groups")[name]
    nodes = root.sections("nodes")
    addresses: Sequence[IPv4Interface | IPv6Interface] = group.take("addresses", tuple)
    interface = interface_of(root, node, "lan")
    return GroupSettings(
        name=name,
        node=node,
        peer=peer,
        interface=interface,
        routers=build_routers(root, group, node, peer),
        announce=_announce(group.section("announce")),
        addresses=tuple(addresses),
        volumes=tuple(
            _volume(root, key, volume, node) for key, volume in group.sections("volumes").items()
        ),
        services=tuple(_service(service) for service in group.items("services", Checked)),
        timers=_timers(root),
        arbiter=_kind(root),
        lease=build_lease(spans_of(root)),
        fence=build_fence(root),
        watchdog=_watchdog(root),
        failback=_failback(group.section("failback")),
        rejoin=Automatism(group.take("rejoin", str)),
        rebuild=_rebuild(group.section("rebuild")),
        is_preferred=_is_preferred(group, node, peer),
        own_replication_address=_text(nodes[node].maybe("replication", object)),
        peer_replication_address=_text(nodes[peer].maybe("replication", object)) if peer else "",
        export_directory=root.section("paths").take("run", str) + "/exports",
        address_first=group.take("address_first", bool),
        digest=digest,
    )


def _watchdog(root: Checked) -> WatchdogSettings:
    wanted = spans_of(root).watchdog
    return WatchdogSettings(
        span=Nanoseconds(effective_watchdog(wanted) if wanted else 0),
        is_required=root.section("watchdog").take("mode", str) == "required",
    )


def _is_preferred(group: Checked, node: str, peer: str) -> bool:
    if not peer:
        return True
    own, theirs = (group.at_node("priority", name, int) for name in (node, peer))
    return own >= theirs


def _announce(announce: Checked) -> AnnounceSettings:
    return AnnounceSettings(
        burst_count=announce.take("count", int),
        burst_interval_ns=announce.take("interval", int),
        repeat_delay_ns=announce.take("repeat_delay", int),
        refresh_interval_ns=announce.take("refresh", int),
    )


def _volume(root: Checked, name: str, volume: Checked, node: str) -> VolumeSettings:
    deadlines = volume.section("deadlines")
    return VolumeSettings(
        name=name,
        image=volume.at_node("image", node, str),
        size_bytes=volume.take("size", int),
        mirror=volume.maybe("mirror", str) or name,
        mount_point=volume.take("mount_point", str),
        mount_options=volume.items("mount_options", str),
        md_units=_units(volume, "md_units"),
        ggate_units=_units(volume, "ggate_units"),
        port=volume.take("port", int),
        gate_timeout_s=gate_timeout_of(root, volume) // SECOND,
        queue_size=volume.take("queue_size", int),
        full_check=FullCheck[volume.take("fsck", str).upper()],
        journaled=volume.take("journaled", bool),
        deadlines=VolumeDeadlines(**{key: _span(deadlines, key) for key in deadlines.values}),
    )


def _units(volume: Checked, key: str) -> tuple[int, int]:
    first, second = volume.items(key, int) or _UNITS
    return first, second


def _service(service: Checked) -> ServiceSettings:
    return ServiceSettings(
        name=service.take("name", str),
        start=service.items("start", str),
        stop=service.items("stop", str),
        check=service.items("check", str),
        start_deadline=_span(service, "start_deadline"),
        stop_deadline=_span(service, "stop_deadline"),
        check_deadline=_span(service, "check_deadline"),
        check_interval=_span(service, "check_interval"),
        check_failures=service.take("check_failures", int),
    )


def _failback(failback: Checked) -> FailbackSettings:
    window: Any = failback.maybe("window", tuple)
    return FailbackSettings(
        mode=Automatism(failback.take("mode", str)),
        hold=_span(failback, "hold"),
        window=window,
    )


def _rebuild(rebuild: Checked) -> RebuildSettings:
    return RebuildSettings(
        attempts=rebuild.take("attempts", int),
        backoff=_span(rebuild, "backoff"),
        backoff_limit=_span(rebuild, "backoff_limit"),
        sync_requests=rebuild.maybe("sync_requests", int),
    )


def _timers(root: Checked) -> TimerSettings:
    spans = spans_of(root)
    timers, recovery = root.section("timers"), root.section("recovery")
    return TimerSettings(
        heartbeat=Nanoseconds(spans.heartbeat),
        misses=spans.misses,
        canary_period=Nanoseconds(spans.canary_period),
        canary_deadline=Nanoseconds(spans.canary_deadline),
        canary_patience=Nanoseconds(spans.canary_patience),
        lateness=Nanoseconds(spans.lateness),
        observe_period=_span(timers, "observe_period"),
        demote_deadline=_span(timers, "demote_deadline"),
        forced_demotion=Nanoseconds(spans.forced_demotion),
        host_reset=Nanoseconds(spans.reset),
        kill=Nanoseconds(spans.kill),
        takeover_margin=Nanoseconds(spans.takeover_margin),
        probe_period=Nanoseconds(
            spans.arbiter.interval if isinstance(spans.arbiter, PingSpans) else PROBE_PERIOD
        ),
        hold_down=_span(recovery, "hold_down"),
        hold_down_limit=_span(recovery, "hold_down_limit"),
        promotion_failures=recovery.take("promotion_failures", int),
        release_hold=_span(recovery, "release_hold"),
        failovers=recovery.take("failovers", int),
        failover_window=_span(recovery, "failover_window"),
        restart_hold=_span(recovery, "restart_hold"),
        local_patience=_span(recovery, "local_patience"),
        unprotected_reminder=_span(timers, "unprotected_reminder"),
    )


def _span(section: Checked, key: str) -> Nanoseconds:
    return Nanoseconds(section.take(key, int))


def _text(value: object) -> str:
    return "" if value is None else str(value)
