"""Can the arbiter be asked, does it know the groups, and is there a watchdog behind it?"""

from collections.abc import Iterator
from typing import Final

from hafailover.arbiter.record import Unreadable, decode_record
from hafailover.config.arbiter_facts import EtcdFacts, FenceFacts
from hafailover.config.host_facts import HostFacts
from hafailover.config.remarks import Finding, error, warning
from hafailover.group.settings import GroupSettings
from hafailover.runtime.settings import EtcdSettings, FenceAgentSettings, NodeSettings

_MAJORITY_OF: Final = 3
_DATABASE_BYTES: Final = 1 << 30
"""etcd stops taking writes at 2 GB if nobody told it otherwise."""
_WHERE: Final = "arbiter"


def judge_arbiter(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    """Yield what stands between the groups and their arbiter."""
    seen = facts.arbiter
    if settings.etcd is not None and seen.etcd is not None:
        yield from _etcd(settings, settings.etcd, seen.etcd)
        yield from _watchdog(settings, facts)
    if settings.fence is not None and seen.fence is not None:
        yield from _fence(settings, settings.fence, seen.fence, facts)


def _etcd(settings: NodeSettings, etcd: EtcdSettings, seen: EtcdFacts) -> Iterator[Finding]:
    if etcd.user and any(url.startswith("http://") for url in etcd.endpoints):
        yield warning(
            "the password and all tokens travel unencrypted to endpoints with http://",
            "arbiter.endpoints",
            "use https:// endpoints and ca_file",
        )
    if len(etcd.endpoints) < _MAJORITY_OF:
        yield warning(
            f"{len(etcd.endpoints)} of the cluster's members can be asked: when they are away, "
            "nothing can be granted or renewed",
            "arbiter.endpoints",
            "list every member, of three or five",
        )
    if seen.problem:
        yield error(
            f"etcd cannot be asked: {seen.problem}",
            _WHERE,
            "without it no node may serve; look at the members, the certificates and the user",
        )
        return
    if seen.is_open_to_all:
        yield warning(
            f"etcd asks nobody who he is, though user {etcd.user} is configured",
            "arbiter.user",
            "etcdctl auth enable, or leave the user out",
        )
    if seen.database_bytes > _DATABASE_BYTES:
        yield warning(
            f"the database of etcd has {seen.database_bytes >> 20} MB; it grows with every renewal",
            _WHERE,
            "start etcd with --auto-compaction-retention=1h, and run etcdctl defrag once",
        )
    for group in settings.groups:
        if group.has_storage:
            yield from _lease(group, seen)
            yield from _record(settings, group, seen)


def _lease(group: GroupSettings, seen: EtcdFacts) -> Iterator[Finding]:
    if seen.lease_ns > group.lease.lease:
        yield warning(
            f"etcd grants a lease of {seen.lease_ns / 1e9:g} s where {group.lease.lease / 1e9:g} s "
            "are asked for: a takeover waits that much longer",
            "arbiter.lease",
            "lengthen arbiter.lease, or shorten etcd's --election-timeout",
        )


def _record(settings: NodeSettings, group: GroupSettings, seen: EtcdFacts) -> Iterator[Finding]:
    where = f"etcd, group {group.name}"
    text = seen.records.get(group.name)
    if text is None:
        yield error(
            f"etcd has no record of group {group.name}: nobody can be granted it",
            where,
            "run hafailover init on the node whose copy holds the data",
        )
        return
    record = decode_record(text)
    if isinstance(record, Unreadable):
        yield error(record.problem, where, "it is left alone; look who wrote it, and with what")
        return
    strangers = set(record.in_sync) - {settings.node, settings.peer}
    if strangers:
        yield error(
            f"the copies that count are of {', '.join(sorted(strangers))}, no node of this file",
            where,
            "another pair uses the same prefix: set arbiter.prefix",
        )
    known, own = {name for name, _ in record.lineages}, {each.name for each in group.volumes}
    if known != own:
        yield error(
            f"the record speaks of the volumes {', '.join(sorted(known))}, the file of "
            f"{', '.join(sorted(own))}",
            where,
            "name the volumes as before, or found the group anew under another prefix",
        )


def _watchdog(settings: NodeSettings, facts: HostFacts) -> Iterator[Finding]:
    if not settings.watchdog_timeout or facts.is_lab:
        return
    if "watchdogd" in (facts.programs or ()):
        yield error(
            "watchdogd pats the same watchdog: the host of a dead agent would never be reset",
            "ps(1)",
            "service watchdogd stop; sysrc watchdogd_enable=NO",
        )
    if facts.arbiter.has_watchdog:
        return
    required = any(group.watchdog.is_required for group in settings.groups)
    found = error if required else warning
    yield found(
        "there is no watchdog (/dev/fido): not strict, since a dead agent's host is not stopped",
        "watchdog(4)",
        "kldload ichwd, amdsbwd or ipmi, whichever the host has, and put it into loader.conf",
    )


def _fence(
    settings: NodeSettings, fence: FenceAgentSettings, seen: FenceFacts, facts: HostFacts
) -> Iterator[Finding]:
    program = facts.path(fence.command[0])
    if fence.command[0].startswith("/") and not (program.is_file and program.is_executable):
        yield error(
            f"{fence.command[0]} is not there, or cannot be executed",
            "arbiter.command",
            "install it, or correct the path",
        )
        return
    preferred = {group.is_preferred for group in settings.groups if group.has_storage}
    if len(preferred) > 1:
        yield warning(
            f"some groups prefer {settings.node}, others {settings.peer}: if the two are cut from each "
            "other while both serve, each has the other powered off",
            "groups",
            "give the same node the higher priority in every group",
        )
    for node in (settings.node, settings.peer):
        power, words = seen.said.get(node, ("unknown", "it was not asked"))
        where = f"arbiter.options.{node}"
        if power == "unknown":
            yield error(
                f"the fence device does not say how {node} stands: {words}",
                where,
                "call the agent by hand with the same options and action=status",
            )
        elif power == "off" and node == settings.node:
            yield error(
                f"the fence device says that this node, {node}, has no power",
                where,
                "the options name another host's outlet",
            )
        elif "without the word" in words:
            yield warning(
                f"the fence agent does not print how {node} stands: then its off is no proof either",
                where,
                "have it print Status: ON or Status: OFF, as the agents of ClusterLabs do",
            )
