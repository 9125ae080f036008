"""How is what every fault does to a pair printed? As a table, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hafailover.group.settings import ArbiterKind
from hafailover.sim import matrix, partitions
from hafailover.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from hafailover.sim.matrix import Effect
    from hafailover.sim.trials import Trials

_STRICT: Final = (ArbiterKind.ETCD, ArbiterKind.FENCE)


def as_text(found: Trials) -> str:
    """Return the table, and the smallest partitions that split the group."""
    rows = [("fault", "who serves", "outage", "writes wait", "at risk")]
    rows += [
        (
            each.row.what,
            " and ".join(each.serving) or "nobody",
            _outage(each),
            f"{each.stall_ns / SECOND:.1f} s",
            _risk(each),
        )
        for each in found.effects
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    table = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
    head = [
        (
            f"group {found.settings.name}, arbiter {found.settings.arbiter.value}: A serves, B is in sync,"
            f" and each fault lasts {matrix.SPAN_NS // SECOND} s unless it says otherwise"
        ),
        "",
    ]
    return "\n".join([*head, *table, "", *_splits(found), *_broken(found)])


def _outage(effect: Effect) -> str:
    if effect.outage_ns is None:
        return "until mended"
    return f"{effect.outage_ns / SECOND:.1f} s" if effect.outage_ns else "none"


def _risk(effect: Effect) -> str:
    risks = [f"{each.invariant} BROKEN: {each.text}" for each in effect.violations]
    if effect.both_ns:
        risks.append(f"both wrote for {effect.both_ns / SECOND:.1f} s")
    if effect.needs_operator:
        risks.append(effect.needs_operator)
    elif effect.has_one_copy:
        risks.append("one copy only until both are in sync again")
    return "; ".join(risks) or "nothing"


def _splits(found: Trials) -> list[str]:
    count = len(found.partitions)
    splits = partitions.smallest(found.partitions)
    if not splits:
        return [f"{count} partitions were tried: in none of them both nodes write"]
    total = sum(1 for each in found.partitions if each.both_ns)
    return [
        (
            f"{count} partitions were tried: in {total} of them both nodes write, and then the copies diverge."
            " The smallest of them cut"
        ),
        *(f"  {each.words}" for each in splits),
    ]


def _broken(found: Trials) -> list[str]:
    told = [
        f"PROMISE BROKEN, {each.words} cut: {violation.invariant}: {violation.text}"
        for each in found.partitions
        for violation in each.violations
    ]
    if not found.is_good:
        return ["", *told, "a promise of this arbiter is broken"]
    level = "strict" if found.settings.arbiter in _STRICT else "not strict"
    return ["", f"every promise of this arbiter was kept ({level})"]


def as_json(found: Trials) -> dict[str, Any]:
    """Return the same as JSON-ready values."""
    return {
        "group": found.settings.name,
        "arbiter": found.settings.arbiter.value,
        "is_good": found.is_good,
        "faults": [_effect(each) for each in found.effects],
        "partitions_tried": len(found.partitions),
        "partitions_split": [each.words for each in found.partitions if each.both_ns],
        "smallest_splits": [each.words for each in partitions.smallest(found.partitions)],
        "partitions_broken": [
            {"cut": each.words, "invariant": one.invariant, "text": one.text}
            for each in found.partitions
            for one in each.violations
        ],
    }


def _effect(each: Effect) -> dict[str, Any]:
    return {
        "fault": each.row.what,
        "serving": list(each.serving),
        "outage_ms": None if each.outage_ns is None else each.outage_ns // MILLISECOND,
        "longest_stall_ms": each.stall_ns // MILLISECOND,
        "both_wrote_ms": each.both_ns // MILLISECOND,
        "one_copy_only": each.has_one_copy,
        "needs_operator": each.needs_operator,
        "in_sync_again_ms": None if each.recovered_ns is None else each.recovered_ns // MILLISECOND,
        "violations": [{"invariant": one.invariant, "text": one.text} for one in each.violations],
    }
