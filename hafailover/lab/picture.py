"""How does a run look at a glance?

One lane for each node and one for the client, from left to right::

              0 s            5 s            10 s           15 s
    A         ████████████████
    B         ────────────────────────▄▄██████████████████████
    client    ████████████████          ██████████████████████
              |settled            |takeover
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hafailover.lab.client import Answered
    from hafailover.lab.observer import Sight
    from hafailover.lab.outcome import Evidence, PhaseTime

SERVES: Final = "█"
"""The volume is mounted and the address is there; the client is answered."""
MOUNTED: Final = "▄"
"""The volume is mounted, the address is not there."""
ADDRESSED: Final = "!"
"""The address is there and the volume is not: must not be seen."""
STANDS_BY: Final = "─"
OFF: Final = " "

LEGEND: Final = (
    f"nodes:  {SERVES} serves   {MOUNTED} has the volume mounted   {STANDS_BY} stands by   blank: no power",
    f"client: {SERVES} is answered   blank: is not",
)
_LABEL: Final = 10


def lanes(evidence: Evidence, begin_ns: int, width: int = 68) -> list[str]:
    """Return the lanes of all nodes and of the client, ``width`` columns wide, with a ruler."""
    edges = _edges(begin_ns, evidence.end_ns, width)
    nodes = sorted({node for sight in evidence.sights for node in sight.powered})
    lines = [" " * _LABEL + _ruler(begin_ns, evidence.end_ns, width)]
    for node in nodes:
        cells = (_node(evidence.sights, node, edge) for edge in edges[1:])
        lines.append(node.ljust(_LABEL) + "".join(cells))
    cells = (_client(evidence.answers, start, end) for start, end in itertools.pairwise(edges))
    lines.append("client".ljust(_LABEL) + "".join(cells))
    return lines


def phase_lanes(phases: Sequence[PhaseTime], end_ms: int, width: int = 68) -> list[str]:
    """Return lanes that name the phases where they begin, each in the first that has room for it."""
    found: list[str] = []
    for phase in phases:
        begin = min(width - 1, phase.start_ms * width // max(1, end_ms))
        # A name that would leave the picture stands left of its mark.
        name = f"|{phase.name}"
        if begin + len(name) > width:
            name = f"{phase.name}|"
            begin = max(0, begin + 1 - len(name))
        row = next((row for row, lane in enumerate(found) if len(lane) < begin), len(found))
        if row == len(found):
            found.append("")
        found[row] = f"{found[row]:<{begin}}{name}"
    return [" " * _LABEL + lane for lane in found]


def _edges(begin_ns: int, end_ns: int, width: int) -> list[int]:
    span = end_ns - begin_ns
    return [begin_ns + span * column // width for column in range(width + 1)]


def _node(sights: Sequence[Sight], node: str, moment_ns: int) -> str:
    """Return the cell of a node: how it was seen last before ``moment_ns``."""
    last = None
    for sight in sights:
        if sight.at_ns > moment_ns:
            break
        last = sight
    if last is None or node not in last.powered:
        return OFF
    if node in last.mounted:
        return SERVES if node in last.addressed else MOUNTED
    return ADDRESSED if node in last.addressed else STANDS_BY


def _client(answers: Sequence[Answered], start_ns: int, end_ns: int) -> str:
    """Return the cell of the client: whether it was answered in a span."""
    return SERVES if any(start_ns <= one.at_ns < end_ns for one in answers) else OFF


def _ruler(begin_ns: int, end_ns: int, width: int) -> str:
    """Return marks of whole seconds, at most one each ten columns."""
    span_s = max(1e-3, (end_ns - begin_ns) / 1e9)
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if s * width / span_s >= 10)
    ruler = ""
    second = 0
    while (column := round(second * width / span_s)) < width - 4:
        ruler = f"{ruler:<{column}}{second} s"
        second += step
    return ruler
