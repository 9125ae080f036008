"""What does a group look like from outside? The single source of status text, JSON and metrics."""

from typing import Any

from hafailover.group import (
    addresses,
    arbiters,
    candidacy,
    contact,
    guard,
    handover,
    rejoin,
    resolving,
)
from hafailover.group.grant import Watch
from hafailover.group.report import CopyReport, GroupReport, Role
from hafailover.group.settings import ArbiterKind, GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.storage.settings import VolumeSettings
from hafailover.storage.view import VolumeView, view_volume
from hafailover.units import MILLISECOND, SECOND, Instant
from hafailover.vrrp.settings import RouterSettings
from hafailover.vrrp.states import Backup
from hafailover.vrrp.states import State as RouterState

HEALTHY = "healthy"
DEGRADED = "degraded"
NOT_SERVED = "not served"
UNKNOWN = "unknown"

_SAFETY = {
    ArbiterKind.ETCD: "strict: an etcd majority decides who serves, and the watchdog stops a dead agent's host",
    ArbiterKind.FENCE: "strict as far as the fence device tells the truth",
    ArbiterKind.PING: "an isolated node stops; if both reach the ping target but not each other, both can serve",
    ArbiterKind.NONE: "none: a partition splits the group; the split is found at contact and nothing is overwritten",
}


def describe(state: GroupState, settings: GroupSettings, now: Instant) -> dict[str, Any]:
    """Return the group's status as JSON-ready values; every ``*_age_ms`` is an age at ``now``."""
    turn = Turn(state, now, settings)
    report = turn.peer_report
    health, headline = judge(turn, report)
    return {
        "group": settings.name,
        "node": settings.node,
        "role": state.role.value,
        "role_age_ms": _age(state.role_since, now),
        "why": state.why,
        "health": health,
        "headline": headline,
        "serving_node": _serving(turn, report),
        "epoch": state.epoch,
        "arbiter": _arbiter(turn),
        "vrrp": [
            _router(each, router)
            for each, router in zip(settings.routers, state.routers, strict=False)
        ],
        "addresses": [str(address) for address in settings.addresses],
        "addresses_wanted": state.addresses_wanted,
        "addresses_are": _where(turn),
        "candidate": state.is_candidate,
        "not_candidate_because": state.candidacy_refusal if state.role is Role.STANDBY else "",
        "refusal": state.refusal,
        "resolving": None
        if state.resolving is None
        else {"keep": state.resolving.keep, "reason": state.resolving.reason},
        "paused": None
        if state.pause is None
        else {"until": state.pause.until_wall, "reason": state.pause.reason},
        "volumes": [_volume(turn, each.name, report) for each in settings.volumes],
        "services": [
            {"name": each.name, "running": each.is_running, "problem": each.problem}
            for each in state.services
        ],
        "in_sync": rejoin.is_in_sync(turn)
        if state.role is Role.PRIMARY
        else _standby_in_sync(turn, report),
        "unprotected_ms": None
        if state.unprotected_since is None
        else _age(state.unprotected_since, now),
        "switchover_possible": state.role is Role.PRIMARY and not handover.obstacle(turn),
        "peer": _peer(turn, report),
        "doing": [
            each.what for each in (state.work, state.urgent, state.addressing) if each is not None
        ],
        "storage_seen_age_ms": None if state.facts is None else _age(state.facts_at, now),
        "storage_problem": state.facts.problem if state.facts is not None else "",
        "timers": _timers(settings),
        "alerts": [
            {"kind": each.kind.value, "text": each.text, "age_ms": _age(each.at, now)}
            for each in state.alerts
        ],
    }


def _arbiter(turn: Turn) -> dict[str, Any]:
    """Say who has the last word, how safe that is, and how it stands just now."""
    state, settings = turn.state, turn.settings
    grant, fence = state.grant, state.fence
    end = guard.until(turn)
    return {
        "kind": settings.arbiter.value,
        "safety": _safety(turn),
        "problem": "etcd does not answer"
        if grant.silent_since is not None
        else grant.problem or fence.problem,
        "epoch": grant.record.epoch if grant.record is not None else None,
        "counted_copies": list(grant.record.in_sync) if grant.record is not None else None,
        "holder": grant.holder.node if grant.holder is not None else None,
        "grant_left_ms": None if end is None else max(0, end - turn.now) // MILLISECOND,
        "watchdog": state.guard.watch.value if settings.watchdog.span else None,
        "peer_is_proved_off": fence.is_off if settings.arbiter is ArbiterKind.FENCE else None,
    }


def _where(turn: Turn) -> str:
    """Say in words where the virtual addresses are, as this node has them."""
    if not turn.state.addresses_wanted:
        return "not here"
    if addresses.are_missing(turn):
        return "not up here, though they should be"
    return "up here" if turn.settings.accepts else "answered for here, and not accepted"


def _safety(turn: Turn) -> str:
    settings, guarded = turn.settings, turn.state.guard
    if settings.arbiter is not ArbiterKind.ETCD:
        return _SAFETY[settings.arbiter]
    if turn.state.grant.is_void:
        return f"not strict: it serves on an operator's word that {settings.peer} is off"
    if not settings.watchdog.span:
        return "not strict: no watchdog would stop the host of a dead agent"
    if guarded.watch is Watch.FAILED:
        return f"not strict: the watchdog is not armed ({guarded.problem})"
    return _SAFETY[settings.arbiter]


def judge(turn: Turn, report: GroupReport | None) -> tuple[str, str]:
    """Return the health and one sentence for a human's first glance."""
    state, settings = turn.state, turn.settings
    if not settings.has_storage:
        if state.role is Role.PRIMARY and addresses.are_missing(turn):
            return NOT_SERVED, f"{settings.node} is Master, but its address cannot be put up"
        if state.role is Role.PRIMARY:
            return HEALTHY, f"{settings.node} is Master"
        is_served = any(
            isinstance(router, Backup) and router.master is not None for router in state.routers
        )
        return (
            (HEALTHY, "another router is Master")
            if is_served
            else (NOT_SERVED, "no Master is heard")
        )
    if state.role is Role.PRIMARY:
        return _judge_primary(turn)
    if report is not None and report.role is Role.PRIMARY:
        if _standby_in_sync(turn, report) and not arbiters.counts_own(turn):
            return DEGRADED, (
                f"{settings.peer} serves; this node's copy is in sync, but etcd does not count it yet: "
                "this node could not take over"
            )
        if _standby_in_sync(turn, report):
            return HEALTHY, f"{settings.peer} serves; this node's copy is in sync"
        return DEGRADED, f"{settings.peer} serves; this node's copy is not in sync"
    if report is None and state.contact and not state.candidacy_refusal:
        return NOT_SERVED, f"{settings.peer} is silent; this node takes over"
    return NOT_SERVED, state.candidacy_refusal or state.why


def _judge_primary(turn: Turn) -> tuple[str, str]:
    if not turn.state.addresses_wanted:
        return NOT_SERVED, f"{turn.settings.node} has the data but keeps its address down"
    if addresses.are_missing(turn):
        return NOT_SERVED, f"{turn.settings.node} has the data, but its address cannot be put up"
    if rejoin.is_in_sync(turn) and turn.state.dropping is None:
        node, peer = turn.settings.node, turn.settings.peer
        if not arbiters.counts_peer(turn):
            return DEGRADED, (
                f"{node} serves; both copies are in sync, but etcd does not count that of {peer} yet: "
                f"{peer} could not take over"
            )
        return HEALTHY, f"{node} serves; both copies are in sync"
    views = turn.views() or ()
    percent = [view.remote.synchronized_percent for view in views if view.remote is not None]
    known = [each for each in percent if each is not None]
    if known:
        return (
            DEGRADED,
            f"{turn.settings.node} serves; the peer's copy is being rebuilt, {min(known)} %",
        )
    return DEGRADED, f"{turn.settings.node} serves alone: no second copy is in sync"


def _standby_in_sync(turn: Turn, report: GroupReport | None) -> bool:
    """Both sides must say so: what this node thinks of its own copy alone proves nothing."""
    if report is None or report.role is not Role.PRIMARY:
        return False
    copies = dict(report.copies)
    return all(
        name in copies
        and record.copy.value == copies[name].record.copy.value == "in_sync"
        and record.lineage == copies[name].record.lineage
        for name, record in turn.state.durable
    )


def _serving(turn: Turn, report: GroupReport | None) -> str | None:
    if turn.state.role is Role.PRIMARY:
        return turn.settings.node
    return turn.settings.peer if report is not None and report.role is Role.PRIMARY else None


def _peer(turn: Turn, report: GroupReport | None) -> dict[str, Any]:
    state = turn.state
    heard_at = state.peer.heard_at
    return {
        "name": turn.settings.peer,
        "heard": report is not None,
        "heard_age_ms": None if heard_at is None else _age(heard_at, turn.now),
        "networks": list(contact.heard_networks(turn)),
        "hears_us_on": list(report.hears) if report else [],
        "role": report.role.value if report else None,
        "epoch": report.epoch if report else None,
        "vrrp_master": report.is_master if report else None,
        "link_up": report.link_up if report else None,
        "sees_gateway": report.sees_gateway if report else None,
        "paused": report.paused if report else None,
        "refusal": report.refusal if report else "",
        "same_configuration": None if report is None else report.digest == turn.settings.digest,
        "verdict": contact.group_verdict(turn, report).value if report else "",
        "unresolved": resolving.is_open(turn, report) if report else False,
        "resolving": report.is_resolving if report else False,
        "own_refusal": candidacy.refusal(turn) if state.role is Role.STANDBY else "",
    }


def _volume(turn: Turn, name: str, report: GroupReport | None) -> dict[str, Any]:
    settings = next(each for each in turn.settings.volumes if each.name == name)
    record = dict(turn.state.records).get(name)
    facts = turn.state.facts
    view = view_volume(settings, facts) if facts is not None else None
    theirs = dict(report.copies).get(name) if report else None
    return {
        "name": name,
        "mount_point": settings.mount_point,
        "mounted": None if view is None else view.is_mounted,
        "copy": record.copy.value if record else "unknown",
        "doubt": record.doubt if record else "",
        "lineage": record.lineage if record else "",
        "lineage_since": record.lineage_since if record else 0,
        "peer_lineage": theirs.record.lineage if theirs else "",
        "peer_lineage_since": theirs.record.lineage_since if theirs else 0,
        "peer_doubt": theirs.record.doubt if theirs else "",
        "given_up_for": record.choice.kept if record and record.choice else "",
        "open": record.is_open if record else None,
        "clean": record.clean if record else None,
        "size_bytes": settings.size_bytes,
        "peer_size_bytes": theirs.size_bytes if theirs else None,
        "peer_copy": theirs.record.copy.value if theirs else None,
        "peer_exporting": theirs.export is not None if theirs else None,
        "mirror": _mirror(view),
        "gates": None if view is None else len(view.gates),
        "rebuild_percent": _percent(view)
        if view and view.mirror
        else (theirs.progress_percent if theirs else None),
        "rebuild": _rebuild(turn, settings, view, theirs),
        "exporting": bool(view and view.exporters),
    }


def _rebuild(
    turn: Turn, settings: VolumeSettings, view: VolumeView | None, theirs: CopyReport | None
) -> dict[str, Any] | None:
    """Return how fast the peer's copy is rebuilt and how long it will take; counted from where it was first seen."""
    start = next((each for each in turn.state.rebuilds if each.volume == settings.name), None)
    percent = (
        _percent(view) if view and view.mirror else (theirs.progress_percent if theirs else None)
    )
    if start is None or percent is None:
        return None
    gained, took = percent - start.percent, turn.now - start.at
    is_known = gained > 0 and took > 0
    rate = settings.size_bytes * gained * SECOND // (100 * took) if is_known else None
    left = took * (100 - percent) // gained // MILLISECOND if is_known else None
    return {"percent": percent, "bytes_per_s": rate, "left_ms": left}


def _timers(settings: GroupSettings) -> dict[str, Any]:
    timers = settings.timers
    return {
        "heartbeat_ms": timers.heartbeat // MILLISECOND,
        "misses": timers.misses,
        "canary_ms": (timers.canary_period + timers.canary_deadline) // MILLISECOND,
        "takeover_silence_ms": settings.takeover_silence // MILLISECOND,
        "lateness_ms": timers.lateness // MILLISECOND,
    }


def _mirror(view: VolumeView | None) -> dict[str, Any] | None:
    if view is None or view.mirror is None:
        return None
    mirror = view.mirror
    return {
        "name": mirror.name,
        "state": mirror.state.value,
        "genid": mirror.genid,
        "syncid": mirror.syncid,
        "components": [
            {"provider": part.provider, "state": part.state.value} for part in mirror.components
        ],
    }


def _percent(view: VolumeView) -> int | None:
    return view.remote.synchronized_percent if view.remote else None


def _router(settings: RouterSettings, router: RouterState) -> dict[str, Any]:
    standing = router.standing
    return {
        "family": int(settings.family),
        "version": int(settings.version),
        "vrid": settings.vrid,
        "state": type(router).__name__,
        "priority": standing.priority,
        "interval_ms": settings.interval_ns // MILLISECOND,
    }


def _age(at: int, now: int) -> int:
    return max(0, now - at) // MILLISECOND
