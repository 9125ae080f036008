"""What does the peer's last report mean for this node? Comparison of the copies, and how alive the peer is."""

from hafailover.group.report import CopyReport, GroupReport, Role
from hafailover.group.state import GroupState
from hafailover.group.turn import Turn
from hafailover.lineage.compare import USABLE, Side, Verdict, compare
from hafailover.lineage.record import CopyState, LineageRecord
from hafailover.units import Instant

REPLICATION = "replication"
"""Name of the network between the two nodes."""

_SERVING = (Role.PRIMARY,)
_ACTING = (Role.PROMOTING, Role.PRIMARY, Role.DEMOTING)

_EQUAL = (CopyState.IN_SYNC, CopyState.TOUCHED)
_RANKED = (Verdict.EITHER, Verdict.MINE, Verdict.THEIRS)

_WEIGHT = {
    Verdict.IDENTICAL: 0,
    Verdict.EITHER: 1,
    Verdict.MINE: 2,
    Verdict.THEIRS: 2,
    Verdict.NEITHER: 3,
    Verdict.UNKNOWN: 4,
    Verdict.DIVERGED: 5,
}


def group_verdict(turn: Turn, report: GroupReport) -> Verdict:
    """Compare all volumes; a group moves as one, so the gravest answer counts, and a contradiction is divergence."""
    verdicts = [verdict for _, verdict in volume_verdicts(turn, report)]
    if len(verdicts) == 1:
        return verdicts[0]
    if Verdict.MINE in verdicts and Verdict.THEIRS in verdicts:
        # Two whole copies of one lineage are no contradiction, whichever of them was closed better.
        found = volume_verdicts(turn, report)
        verdicts = [Verdict.EITHER if _is_tie(turn, report, name) else each for name, each in found]
    if Verdict.MINE in verdicts and Verdict.THEIRS in verdicts:
        return Verdict.DIVERGED
    return max(verdicts, key=_WEIGHT.__getitem__, default=Verdict.UNKNOWN)


def _is_tie(turn: Turn, report: GroupReport, volume: str) -> bool:
    """Whether both copies of a volume hold every acknowledged write, and nobody has written to either alone."""
    theirs = dict(report.copies).get(volume)
    if theirs is None or turn.state.role in _SERVING or report.role in _SERVING:
        return False
    mine = dict(turn.state.durable)[volume]
    return mine.lineage == theirs.record.lineage and {mine.copy, theirs.record.copy} <= set(_EQUAL)


def volume_verdicts(turn: Turn, report: GroupReport) -> tuple[tuple[str, Verdict], ...]:
    """Compare each volume's two records; asked for several times in a turn, and worked out once."""
    durable, role = turn.state.durable, turn.state.role
    known = turn.compared
    if known is None or known[0] is not durable or known[1] is not role or known[2] is not report:
        known = turn.compared = (durable, role, report, _compare_volumes(turn, report))
    found: tuple[tuple[str, Verdict], ...] = known[3]
    return found


def _compare_volumes(turn: Turn, report: GroupReport) -> tuple[tuple[str, Verdict], ...]:
    copies = dict(report.copies)
    is_serving = turn.state.role in _SERVING
    found = []
    for volume, record in turn.state.durable:
        theirs: CopyReport | None = copies.get(volume)
        if theirs is None:
            found.append((volume, Verdict.UNKNOWN))
            continue
        verdict = compare(
            Side(record=record, is_serving=is_serving),
            Side(record=theirs.record, is_serving=report.role in _SERVING),
        )
        found.append((volume, _as_counted(turn, verdict, record, theirs.record)))
    return tuple(found)


def _as_counted(
    turn: Turn, verdict: Verdict, mine: LineageRecord, theirs: LineageRecord
) -> Verdict:
    """Between two usable copies of one lineage the one that etcd counts holds the data, however each was closed."""
    counted = turn.state.grant.record
    is_tie = verdict in _RANKED and mine.lineage == theirs.lineage
    if counted is None or not is_tie or not {mine.copy, theirs.copy} <= set(USABLE):
        return verdict
    if counted.in_sync == (turn.settings.node,):
        return Verdict.MINE
    return Verdict.THEIRS if counted.in_sync == (turn.settings.peer,) else verdict


def is_acting(report: GroupReport) -> bool:
    """Whether the peer is, is becoming, or is ceasing to be the primary."""
    return report.role in _ACTING


def may_begin_up(report: GroupReport) -> bool:
    """Whether a peer that has just begun may find its volumes up: not after a boot, as its records say.

    A record that is open from an earlier boot could not be written since: nothing of it is up.
    """
    return report.role is Role.STARTING and any(
        (copy.record.is_open and copy.record.boot == report.boot)
        or copy.record.copy is CopyState.UNKNOWN
        for _, copy in report.copies
    )


def silent_since(state: GroupState) -> Instant | None:
    """Return the last sign of life of the peer on any channel, or None if there never was one."""
    known = [each for each in (state.peer.heard_at, state.peer.life_at) if each is not None]
    return max(known, default=None)


def hears_us(turn: Turn) -> bool:
    """Whether the peer says on at least one network that it hears us."""
    report = turn.peer_report
    return report is not None and bool(report.hears)


def heard_networks(turn: Turn) -> tuple[str, ...]:
    """Return the networks on which the peer was heard lately."""
    heard = turn.state.peer.heard
    since = turn.now - turn.settings.silence
    return tuple(sorted([each.network for each in heard if each.at >= since]))


def goes_first(turn: Turn, report: GroupReport) -> bool:
    """Whether this node is preferred to a peer that is its equal.

    With two configurations each may prefer its own node, or the other one: then the names decide.
    """
    settings = turn.settings
    if report.digest == settings.digest:
        return settings.is_preferred
    return settings.node < settings.peer
