"""What does this node tell its peer, and when? At every heartbeat, and at once when something changed."""

from operator import is_

from hafailover.group import candidacy, contact, promises, rejoin, routers
from hafailover.group.actions import SendReport
from hafailover.group.report import (
    CopyReport,
    ExportReport,
    GroupReport,
    Role,
    renumbered,
    says_the_same,
)
from hafailover.group.settings import GroupSettings
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn, first
from hafailover.lineage.changes import is_exported
from hafailover.storage.exporting import export_path
from hafailover.storage.view import VolumeView
from hafailover.units import MILLISECOND, Instant, later

_NEWS_GAP = 2 * MILLISECOND
_AHEAD = 4
"""Less than a quarter of a heartbeat before its time it is said with whatever else happens."""


def speak(turn: Turn) -> None:
    """Send a report if one is due or if it would say something new."""
    state = turn.state
    if not turn.settings.has_storage or not state.incarnation or not turn.settings.peer:
        return
    report = compose(turn)
    is_news = state.sent is None or not says_the_same(report, state.sent)
    if is_news != state.has_news:
        turn.set(has_news=is_news)
    if turn.state.sent_at is not None and not is_due_soon(turn):
        return
    _send(turn, report)
    promises.sent(turn, report)
    rejoin.told(turn, report)


def repeat(turn: Turn) -> None:
    """Send the last report once more, under the next number: it neither asks for a promise nor gives one."""
    last = turn.state.sent
    assert last is not None  # noqa: S101
    _send(turn, renumbered(last, turn.state.sequence + 1))


def _send(turn: Turn, report: GroupReport) -> None:
    turn.set(sequence=report.sequence, sent=report, sent_at=turn.now, has_news=False)
    turn.do(SendReport(report=report))


def is_due_soon(turn: Turn) -> bool:
    """Whether a report is due now, or in a moment: to say it while this node is awake anyway spares a waking.

    So two nodes that report at the same period come to report at the same time.
    """
    ahead = 0 if turn.state.has_news else turn.settings.timers.heartbeat // _AHEAD
    return later(turn.now, ahead) >= next_report(turn.state, turn.settings)


def next_report(state: GroupState, settings: GroupSettings) -> Instant:
    """Return when the next report is due: news soon, but never so often that two nodes could excite each other."""
    assert state.sent_at is not None  # noqa: S101
    return later(state.sent_at, _NEWS_GAP if state.has_news else settings.timers.heartbeat)


def compose(turn: Turn) -> GroupReport:
    """Put together what this node would say now, under the next number."""
    state = turn.state
    wish = rejoin.wish(turn)
    return GroupReport(
        node=turn.settings.node,
        boot=state.boot,
        incarnation=state.incarnation,
        sequence=state.sequence + 1,
        role=state.role,
        epoch=state.epoch,
        priority=max((settings.priority for settings in turn.settings.routers), default=0),
        candidate=state.is_candidate,
        refusal=_refusal(turn),
        copies=_copies(turn),
        hears=contact.heard_networks(turn),
        intent=state.intent,
        consent=state.consent,
        token=state.token_given,
        wishes=tuple((volume.name, wish) for volume in turn.settings.volumes),
        paused=state.pause is not None,
        is_master=routers.is_master(turn),
        sees_gateway=_sees_gateway(turn),
        link_up=state.link_is_up,
        digest=turn.settings.digest,
        asks_promise=promises.asks(turn),
        promise=promises.given(turn),
        is_leaving=state.is_stopping,
        is_resolving=state.resolving is not None,
        asks=state.passed,
        answers=state.answered,
        restart_hold_ns=0 if state.restarting_since is None else turn.settings.timers.restart_hold,
    )


def _refusal(turn: Turn) -> str:
    """Return what keeps this node from serving: as a candidate, or from becoming one after its start."""
    match turn.state.role:
        case Role.STANDBY:
            return candidacy.refusal(turn)
        case Role.STARTING if turn.state.write_problem:
            return turn.state.refusal
        case _:
            return ""


def _sees_gateway(turn: Turn) -> bool | None:
    if turn.state.gateway_at is None and turn.state.gateway_lost_at is None:
        return None
    return turn.state.gateway_lost_at is None


_Copies = tuple[tuple[str, CopyReport], ...]
_KEPT_MAX = 512
_kept: dict[int, tuple[GroupSettings, tuple[object, ...], _Copies]] = {}
"""Of each group, by its settings' identity: what its copies were last called, and what that was derived from."""


def _copies(turn: Turn) -> _Copies:
    """Return what is said of the copies; derived anew only when something that it says may have changed."""
    state, settings = turn.state, turn.settings
    if turn.views() is None:
        return _tell_copies(turn)
    causes = (state.durable, state.records, state.facts, state.sessions)
    known = _kept.get(id(settings))
    if known is not None and known[0] is settings and all(map(is_, known[1], causes)):
        return known[2]
    if known is None and len(_kept) >= _KEPT_MAX:
        _kept.clear()
    copies = _tell_copies(turn)
    _kept[id(settings)] = (settings, causes, copies)
    return copies


def _tell_copies(turn: Turn) -> _Copies:
    """Only what is durable is said: what is not on disk yet could be gone with the next power cut."""
    views = {view.settings.name: view for view in turn.views() or ()}
    return tuple(
        (
            volume,
            CopyReport(
                record=record,
                size_bytes=_size(turn, volume),
                export=_export(turn, volume, views.get(volume)),
                progress_percent=_progress(views.get(volume)),
            ),
        )
        for volume, record in turn.state.durable
    )


def _size(turn: Turn, volume: str) -> int:
    settings = next((each for each in turn.settings.volumes if each.name == volume), None)
    facts = turn.state.facts
    image = facts.image(settings.image) if settings is not None and facts is not None else None
    return image.size_bytes if image is not None else 0


def _export(turn: Turn, volume: str, view: VolumeView | None) -> ExportReport | None:
    """The session now offered: recorded as open, its ggated seen, and nothing changed since."""
    session = first(turn.state.sessions, volume)
    settings = next((each for each in turn.settings.volumes if each.name == volume), None)
    if session is None or settings is None or not is_exported(turn.state.record(volume)):
        return None
    if view is None:
        # Between two looks the last word stands; a ggated that died meanwhile shows at the next look.
        previous = dict(turn.state.sent.copies).get(volume) if turn.state.sent else None
        same = (
            previous is not None
            and previous.export is not None
            and previous.export.session == session
        )
        return previous.export if same and previous is not None else None
    if view.export_sessions() != {session}:
        return None
    path = export_path(turn.settings.export_directory, session, volume)
    return ExportReport(session=session, port=settings.port, path=path)


def _progress(view: VolumeView | None) -> int | None:
    remote = view.remote if view else None
    return remote.synchronized_percent if remote else None
