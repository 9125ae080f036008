"""How does a record change? Every change of a copy's state is one of these functions, and nothing else.

None of them decides; each states what became true. The caller makes the result durable before anything depends on it.
"""

from dataclasses import replace

from hafailover.lineage.record import (
    ANCESTORS_MAX,
    Activation,
    CopyState,
    ImageBinding,
    LineageRecord,
    OperatorChoice,
)

EXPORT = "export:"
"""Prefix of a session in which a ggated may write the copy."""
ACTIVE = "active:"
"""Prefix of a session in which this node's own md and mirror may write the copy."""
_ALLOWED = "; the arbiter has agreed since"
"""How the doubt of a claim ends that the arbiter agreed to after all."""


def is_exported(record: LineageRecord) -> bool:
    """Whether the record says that a ggated may be writing the copy."""
    return record.session.startswith(EXPORT)


def is_active(record: LineageRecord) -> bool:
    """Whether the record says that this node's own mirror may be writing the copy."""
    return record.session.startswith(ACTIVE)


def founded(
    record: LineageRecord, *, lineage: str, binding: ImageBinding, boot: str
) -> LineageRecord:
    """The copy is one of two that were just made identical by hand or by ``init``."""
    return replace(
        record,
        lineage=lineage,
        ancestors=(),
        copy=CopyState.IN_SYNC,
        session="",
        boot=boot,
        clean=True,
        binding=binding,
    )


def founded_alone(
    record: LineageRecord, *, lineage: str, binding: ImageBinding, boot: str
) -> LineageRecord:
    """The copy was just made, or taken over, by ``init``; its peer is still to be copied from it."""
    return replace(
        founded(record, lineage=lineage, binding=binding, boot=boot), copy=CopyState.SOLE
    )


def founded_behind(
    record: LineageRecord, *, lineage: str, binding: ImageBinding, boot: str
) -> LineageRecord:
    """The copy holds nothing that anybody needs: ``init`` made it for the peer's to be copied to."""
    return replace(
        founded(record, lineage=lineage, binding=binding, boot=boot), copy=CopyState.STALE
    )


def booted(record: LineageRecord, *, boot: str) -> LineageRecord:
    """The host has booted since the record was written.

    What a ggated acknowledged may have been in memory only, so a copy that was exported is stale. md(4) writes through
    (IO_SYNC), so a copy that this node itself had active is unclean, and still holds what it acknowledged.
    """
    if record.boot == boot:
        return record
    if is_exported(record):
        left = (
            CopyState.STALE
            if record.copy in (CopyState.IN_SYNC, CopyState.TOUCHED)
            else record.copy
        )
        return replace(record, copy=left, session="", boot=boot, clean=False)
    if is_active(record):
        return replace(record, session="", boot=boot, clean=False)
    return replace(record, boot=boot)


def exported(record: LineageRecord, *, session: str, boot: str, is_rebuild: bool) -> LineageRecord:
    """The copy is about to be exported: for a rebuild it is a mixture from the first byte on."""
    return replace(
        record,
        session=EXPORT + session,
        closing_id="",
        boot=boot,
        copy=CopyState.SYNCING if is_rebuild else record.copy,
        choice=None if is_rebuild else record.choice,
    )


def touched(record: LineageRecord, *, session: str, boot: str, epoch: int) -> LineageRecord:
    """The copy is about to be attached for a promotion."""
    copy = CopyState.TOUCHED if record.copy is CopyState.IN_SYNC else record.copy
    return replace(
        record,
        session=ACTIVE + session,
        boot=boot,
        copy=copy,
        clean=False,
        closing_id="",
        released_to="",
        epoch=max(epoch, record.epoch),
    )


def went_on_alone(
    record: LineageRecord, *, lineage: str, since: int = 0, doubt: str = ""
) -> LineageRecord:
    """Writes begin that the peer does not receive."""
    return replace(
        record,
        lineage=lineage,
        lineage_since=since,
        ancestors=(record.lineage, *record.ancestors)[:ANCESTORS_MAX],
        copy=CopyState.SOLE,
        doubt=doubt,
    )


def allowed(record: LineageRecord) -> LineageRecord:
    """The arbiter agrees to what was claimed before it was asked; what may have been acknowledged stays in doubt."""
    return record if is_allowed(record) else replace(record, doubt=record.doubt + _ALLOWED)


def is_allowed(record: LineageRecord) -> bool:
    """Whether the arbiter has agreed to what the record claims: the peer cannot have served beside it."""
    return not record.doubt or record.doubt.endswith(_ALLOWED)


def forced_on(
    record: LineageRecord, *, lineage: str, given_up: tuple[str, ...], since: int = 0
) -> LineageRecord:
    """An operator made this copy the data, whatever the other one holds: that is no ancestor."""
    return replace(
        record,
        lineage=lineage,
        lineage_since=since,
        choice=None,
        ancestors=(),
        forced_from=tuple(
            filter(
                None,
                dict.fromkeys((*given_up, record.lineage, *record.ancestors, *record.forced_from)),
            )
        )[:ANCESTORS_MAX],
        copy=CopyState.SOLE,
        doubt="",
    )


def joined(record: LineageRecord, theirs: LineageRecord) -> LineageRecord:
    """The copy was seen complete beside the primary's, whose lineage it takes, and the counters of their mirror."""
    return replace(
        record,
        lineage=theirs.lineage,
        lineage_since=theirs.lineage_since,
        ancestors=theirs.ancestors[:ANCESTORS_MAX],
        copy=CopyState.IN_SYNC,
        clean=True,
        doubt="",
        activation=theirs.activation,
    )


def peer_joined(record: LineageRecord) -> LineageRecord:
    """The primary's side of a finished rebuild: the peer has recorded that it is in sync."""
    return replace(record, copy=CopyState.IN_SYNC, doubt="")


def activated(record: LineageRecord, activation: Activation | None) -> LineageRecord:
    """The mirror's counters as they must be while nothing went wrong (recorded again after each insert and drop)."""
    return replace(record, activation=activation)


def followed(record: LineageRecord, theirs: LineageRecord) -> LineageRecord:
    """The counters of the primary's mirror, which this copy is in: what its own last sector has to show."""
    return replace(record, activation=theirs.activation)


def outrun(record: LineageRecord) -> LineageRecord:
    """The peer went on without this copy."""
    return replace(record, copy=CopyState.STALE)


def diverged(record: LineageRecord, reason: str) -> LineageRecord:
    """Each side has writes that the other lacks."""
    return replace(record, copy=CopyState.DIVERGED, doubt=reason)


def given_up(
    record: LineageRecord, choice: OperatorChoice, binding: ImageBinding, *, boot: str
) -> LineageRecord:
    """An operator discards this copy: it is nobody's ancestor and nobody's heir, only something to be rebuilt."""
    return LineageRecord(
        sequence=record.sequence,
        copy=CopyState.STALE,
        boot=boot,
        epoch=record.epoch,
        binding=binding,
        spoken_boot=record.spoken_boot,
        choice=choice,
    )


def kept(
    record: LineageRecord, binding: ImageBinding, *, lineage: str, since: int, boot: str
) -> LineageRecord:
    """An operator keeps this copy, whatever it was: from here on it is the data."""
    fresh = record if record.copy is not CopyState.UNKNOWN else replace(record, boot=boot)
    return went_on_alone(replace(fresh, binding=binding), lineage=lineage, since=since)


def closed(record: LineageRecord, *, clean: bool, binding: ImageBinding) -> LineageRecord:
    """Nothing can write the copy any more: seen, fsynced, marked in the image's last sector."""
    return replace(record, session="", closing_id="", clean=clean, binding=binding)


def enlarged(record: LineageRecord, *, binding: ImageBinding) -> LineageRecord:
    """The closed copy was given room behind its end; what it holds, and whose data it is, stay as they were."""
    return replace(record, closing_id="", binding=binding)


def closing(record: LineageRecord, close_id: str) -> LineageRecord:
    """The copy is about to be closed: what is still up of it is not to be adopted, and this will be its marker."""
    return replace(record, closing_id=close_id) if record.is_open else record


def released(record: LineageRecord, successor: str) -> LineageRecord:
    """The group was handed to ``successor``; empty: that is over. Until then silence is no reason to take it back."""
    return replace(record, released_to=successor)


def met(record: LineageRecord, *, boot: str) -> LineageRecord:
    """The peer was spoken to in this boot of the host."""
    return replace(record, spoken_boot=boot, was_isolated=False)


def owing_power(record: LineageRecord, *, is_owed: bool) -> LineageRecord:
    """The peer is to be powered on again once its absence was of use; not ``is_owed``: it is on, or was heard."""
    return replace(record, owes_power=is_owed)


def isolated(record: LineageRecord) -> LineageRecord:
    """This node reached nobody while its peer was silent: the peer may have gone on alone."""
    return replace(record, was_isolated=True)


def levelled(
    records: tuple[tuple[str, LineageRecord], ...],
) -> tuple[tuple[str, LineageRecord], ...]:
    """One volume went on alone, and a crash came before the next one's record said so: they all did.

    The two records of one change are written one after the other; what the group decided is what the first one says.
    """
    sole = next((each for _, each in records if each.copy is CopyState.SOLE), None)
    if sole is None:
        return records
    return tuple((name, _level(record, sole)) for name, record in records)


def _level(record: LineageRecord, sole: LineageRecord) -> LineageRecord:
    if record.copy not in (CopyState.IN_SYNC, CopyState.TOUCHED):
        return record
    if record.lineage == sole.lineage:
        return replace(record, copy=CopyState.SOLE)
    if record.lineage not in sole.ancestors:
        return record
    return went_on_alone(record, lineage=sole.lineage, since=sole.lineage_since, doubt=sole.doubt)
