"""Which alerts' causes last, and which are over? Derived from the state after every event, so none is forgotten."""

from collections.abc import Iterator

from hafailover.group import addresses, contact, flapping, rejoin, routers, services
from hafailover.group.actions import AlertKind, RaiseAlert, ResolveAlert, Severity
from hafailover.group.grant import Watch
from hafailover.group.report import Role
from hafailover.group.state import RaisedAlert
from hafailover.group.turn import Turn
from hafailover.lineage.record import CopyState
from hafailover.units import SECOND

_SETTLED = 2 * SECOND
_BOOTING = 15 * SECOND
"""A host that answers may still be about to start its agent."""
_OFFER_FAILURES = 3
_STALLED = 10 * SECOND
_HOUR = 3600 * SECOND
_AT_REST = (Role.STANDBY, Role.STOPPED)
_LONG = 120 * SECOND
"""Whatever a standby waits for beside a silent peer is over by then, or it takes an operator."""


def update(turn: Turn) -> None:
    """Raise what begins, repeat what has to be repeated, resolve what is over."""
    wanted = {kind: (severity, text) for kind, severity, text in _causes(turn)}
    raised = {alert.kind: alert for alert in turn.state.alerts}
    if not wanted and not raised:
        return
    kept: list[RaisedAlert] = []
    for kind, alert in raised.items():
        if kind not in wanted:
            turn.do(ResolveAlert(kind=kind, text=alert.text))
    for kind, (severity, text) in wanted.items():
        old = raised.get(kind)
        is_due = old is None or turn.now - old.at >= turn.settings.timers.unprotected_reminder
        if is_due:
            turn.do(RaiseAlert(kind=kind, severity=severity, text=text))
        kept.append(
            RaisedAlert(kind=kind, text=text, at=turn.now if old is None or is_due else old.at)
        )
    if tuple(kept) != turn.state.alerts:
        turn.set(alerts=tuple(kept))


def warn_of_stopping(turn: Turn) -> None:
    """Whoever stops the only node with the latest data is told at once, whatever was said before."""
    if _takes_data_away(turn):
        severity, text = _away(turn)
        turn.do(RaiseAlert(kind=AlertKind.UNPROTECTED, severity=severity, text=text))


def _takes_data_away(turn: Turn) -> bool:
    """Whether this node is being stopped although it alone has the latest data."""
    copies = [record.copy for _, record in turn.state.records]
    return turn.state.is_stopping and CopyState.SOLE in copies


def _away(turn: Turn) -> tuple[Severity, str]:
    node, peer = turn.settings.node, turn.settings.peer
    text = f"{node} stops, and only it has the latest data: {peer} has no copy in sync"
    return Severity.CRITICAL, text


def _unprotected(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    state = turn.state
    if _takes_data_away(turn):
        yield (AlertKind.UNPROTECTED, *_away(turn))
    elif state.role is Role.PRIMARY and state.unprotected_since is not None and not _is_news(turn):
        yield (
            AlertKind.UNPROTECTED,
            Severity.WARNING,
            f"only {turn.settings.node} has the data{_for_so_long(turn)}: {turn.settings.peer} has no copy in sync",
        )


def _is_news(turn: Turn) -> bool:
    """Whether the peer's copy is just being let go, which is told by itself, and there was one until now."""
    known = {alert.kind for alert in turn.state.alerts}
    return turn.state.dropping is not None and AlertKind.UNPROTECTED not in known


def _causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    state = turn.state
    if addresses.are_missing(turn):
        name, interface = turn.settings.node, turn.settings.interface
        text = f"{name} serves, but a virtual address cannot be put up on {interface}, and nobody reaches it there: "
        text += f"'ifconfig {interface}' and the agent's log say why"
        yield AlertKind.ADDRESS_MISSING, Severity.CRITICAL, text
    if not turn.settings.has_storage:
        return
    yield from _unprotected(turn)
    if CopyState.DIVERGED in [record.copy for _, record in state.records]:
        yield (
            AlertKind.DIVERGED,
            Severity.CRITICAL,
            (
                "the two copies have diverged: nothing is touched until an operator decides; 'hafailover divergence "
                f"{turn.settings.name}' compares them, 'hafailover resolve' chooses"
            ),
        )
    if state.competing and routers.is_any_master(turn):
        yield (
            AlertKind.COMPETING_MASTER,
            Severity.CRITICAL,
            f"{state.competing} although this node is Master",
        )
    if state.write_problem:
        yield (
            AlertKind.RECORDS_NOT_DURABLE,
            Severity.CRITICAL,
            f"lineage records cannot be written: {state.write_problem}",
        )
    if state.facts is not None and not state.facts.is_complete:
        yield (
            AlertKind.OBSERVATION_UNKNOWN,
            Severity.WARNING,
            f"the storage cannot be seen: {state.facts.problem}",
        )
    if state.demotion is not None and state.refusal and turn.now - state.demotion.since > _SETTLED:
        yield AlertKind.DEMOTION_STUCK, Severity.CRITICAL, state.refusal
    if state.role in (Role.PRIMARY, Role.DEMOTING):
        # Who hands over because of a failing service has told which one before it is stopped.
        yield from _service_causes(turn)
    if state.offer_failures >= _OFFER_FAILURES:
        yield (
            AlertKind.REBUILD_STALLED,
            Severity.WARNING,
            f"the image cannot be offered: {state.offer_problem}",
        )
    yield from _flapping_causes(turn)
    if state.role is Role.PRIMARY:
        yield from _rebuild_causes(turn)
    yield from _arbiter_causes(turn)
    yield from _peer_causes(turn)
    yield from _operator_causes(turn)


def _flapping_causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    if flapping.is_exhausted(turn):
        yield AlertKind.FLAPPING, Severity.CRITICAL, flapping.sentence(turn)
    elif flapping.is_failback_given_up(turn):
        yield AlertKind.FLAPPING, Severity.WARNING, flapping.failback_sentence(turn)


def _service_causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    state = turn.state
    failing = services.failing(turn)
    if failing:
        yield AlertKind.SERVICE_FAILING, Severity.CRITICAL, failing
    elif state.role is Role.DEMOTING and services.unstopped(turn):
        text = f"{services.unstopped(turn)}; what it holds open is taken from it"
        yield AlertKind.SERVICE_FAILING, Severity.WARNING, text
    stalled = [turn.now - at for _, at in state.canaries if turn.now - at > _STALLED]
    if stalled and state.role is Role.PRIMARY and state.dropping is None:
        error = f" ({state.canary_problem})" if state.canary_problem else ""
        text = f"no write has been completed for {max(stalled) // SECOND} s{error}: look at this node's own disk"
        yield AlertKind.LOCAL_COPY_LOST, Severity.CRITICAL, text


def _for_so_long(turn: Turn) -> str:
    since = turn.state.unprotected_since
    hours = 0 if since is None else (turn.now - since) // _HOUR
    return f" for {hours} h" if hours else ""


def _rebuild_causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    peer, name = turn.settings.peer, turn.settings.name
    if rejoin.is_given_up(turn):
        failures = turn.state.pairing.failures
        text = f"{failures} rebuilds of the copy of {peer} failed in a row: repair the cause, then "
        yield AlertKind.REBUILD_STALLED, Severity.CRITICAL, f"{text}'hafailover rejoin {name}'"
    if rejoin.awaits_word(turn):
        text = f"the copy of {peer} can be rebuilt: 'hafailover rejoin {name}' begins it"
        yield AlertKind.WAITING_FOR_OPERATOR, Severity.WARNING, text


def _arbiter_causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    grant, fence = turn.state.grant, turn.state.fence
    silent_since = grant.silent_since
    if silent_since is not None and turn.now - silent_since > _SETTLED:
        yield AlertKind.ARBITER_SILENT, Severity.CRITICAL, "etcd does not answer"
    elif grant.problem:
        yield AlertKind.ARBITER_SILENT, Severity.CRITICAL, grant.problem
    if grant.is_void and turn.state.role is Role.PRIMARY:
        yield (
            AlertKind.NOT_STRICT,
            Severity.CRITICAL,
            f"{turn.settings.node} serves without a grant, on an operator's word that {turn.settings.peer} is off",
        )
    elif turn.state.guard.watch is Watch.FAILED:
        yield (
            AlertKind.NOT_STRICT,
            Severity.WARNING,
            f"the watchdog is not armed: {turn.state.guard.problem}",
        )
    if fence.failures:
        yield AlertKind.FENCING_FAILED, Severity.CRITICAL, f"fence device: {fence.problem}"


def _peer_causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    report = turn.peer_report
    peer = turn.settings.peer
    if report is not None:
        if report.digest != turn.settings.digest:
            yield (
                AlertKind.CONFIGURATION_DIFFERS,
                Severity.WARNING,
                f"the configuration of {peer} differs from this node's",
            )
        heard_since = max(turn.state.role_since, turn.state.peer.heard_since or turn.now)
        if not contact.hears_us(turn) and turn.now - heard_since > _SETTLED:
            yield (
                AlertKind.ONE_WAY_LINK,
                Severity.WARNING,
                f"{peer} is heard but does not hear {turn.settings.node}",
            )
    elif _answers_without_agent(turn):
        where = " and ".join(turn.state.peer_host)
        yield (
            AlertKind.PEER_AGENT_SILENT,
            Severity.CRITICAL,
            f"the host of {peer} answers on {where}, its agent does not",
        )


def _answers_without_agent(turn: Turn) -> bool:
    """Whether the peer's host has answered for a while although its agent is silent; not before that was so."""
    state = turn.state
    since, silent = state.peer_host_since, contact.silent_since(state)
    if since is None or silent is None or not state.contact or _is_awaited(turn):
        return False
    answered_at = state.probed_at
    is_recent = answered_at is not None and answered_at > silent
    return is_recent and turn.now - max(since, silent) > _BOOTING


def _is_alone(turn: Turn) -> bool:
    """Whether the peer is silent for so long that this node would have to serve."""
    since = contact.silent_since(turn.state)
    started = turn.state.started_at
    return turn.now - (started if since is None else since) > turn.settings.takeover_silence


def _is_at_rest(turn: Turn) -> bool:
    """Whether the peer serves nothing and will not begin to by itself, or this node would have to serve for it."""
    report = turn.peer_report
    return _is_alone(turn) if report is None else report.role in _AT_REST


def _is_alone_for_long(turn: Turn) -> bool:
    since = contact.silent_since(turn.state)
    since = max(turn.state.role_since, turn.state.started_at if since is None else since)
    return turn.peer_report is None and turn.now - since > _LONG


def _is_awaited(turn: Turn) -> bool:
    """Whether the peer's agent said that it is being restarted, a moment ago."""
    by = turn.state.peer.returns_by
    return by is not None and turn.now < by


def _unrecorded(turn: Turn) -> str:
    """Say which node stands where it started, its records or its storage being out of reach; empty if none does."""
    if turn.state.role is Role.STARTING:
        is_long = turn.now - turn.state.role_since > _BOOTING
        return turn.state.refusal if turn.state.write_problem or is_long else ""
    report = turn.peer_report
    if turn.state.role is Role.STANDBY and report is not None and report.role is Role.STARTING:
        return f"{turn.settings.peer}: {report.refusal}" if report.refusal else ""
    return ""


def _operator_causes(turn: Turn) -> Iterator[tuple[AlertKind, Severity, str]]:
    state = turn.state
    if turn.now - state.role_since < _SETTLED:
        return
    report = turn.peer_report
    served = report is not None and contact.is_acting(report)
    stuck = "" if served else _unrecorded(turn)
    if stuck:
        yield AlertKind.WAITING_FOR_OPERATOR, Severity.CRITICAL, f"nobody serves: {stuck}"
    if state.role is not Role.STANDBY or stuck:
        return
    asks = ("operator", "without an order", "hafailover promote", "clear-hold")
    if not served and (
        any(word in state.candidacy_refusal for word in asks)
        or ((state.pause is not None or state.write_problem) and _is_at_rest(turn))
        or (state.candidacy_refusal and _is_alone_for_long(turn))
        or (
            state.candidacy_refusal.startswith("the copy of")
            and (report.refusal if report is not None else _is_alone(turn))
        )
    ):
        yield (
            AlertKind.WAITING_FOR_OPERATOR,
            Severity.CRITICAL,
            f"nobody serves: {state.candidacy_refusal}",
        )
