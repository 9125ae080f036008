"""Where does the peer offer its images?"""

from hafailover.group.report import GroupReport
from hafailover.group.turn import Turn
from hafailover.lineage import changes
from hafailover.storage.activation import PeerExport
from hafailover.storage.view import VolumeView


def peer_export(turn: Turn, view: VolumeView) -> PeerExport | None:
    """Return where the peer offers this volume now, as its last fresh report says."""
    report = turn.peer_report
    copy = dict(report.copies).get(view.settings.name) if report else None
    if copy is None or copy.export is None or not turn.settings.peer_replication_address:
        return None
    return PeerExport(
        address=turn.settings.peer_replication_address, port=copy.export.port, path=copy.export.path
    )


def sessions_behind(view: VolumeView, turn: Turn) -> tuple[str, ...]:
    """Return the peer's sessions that the ggates of a volume, and those known before, belong to."""
    seen = (gate.info.rpartition("/")[0].rpartition("/")[2] for gate in view.gates)
    return tuple(dict.fromkeys((*turn.state.pairing.sessions, *seen)))


def sessions_open(report: GroupReport) -> tuple[str, ...]:
    """Return the export sessions in which the peer's copies may be written, as its records say."""
    return tuple(
        copy.record.session.removeprefix(changes.EXPORT)
        for _, copy in report.copies
        if changes.is_exported(copy.record)
    )


def every_unit(turn: Turn) -> tuple[tuple[str, int], ...]:
    """Return every (volume, ggate unit) that the group may use: for whoever cannot see which of them it does."""
    return tuple((each.name, unit) for each in turn.settings.volumes for unit in each.ggate_units)
