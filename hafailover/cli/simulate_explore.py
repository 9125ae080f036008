"""``hafailover simulate --explore``: every order of faults and steps in a small world, and what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from hafailover.sim.disturbances import FAULTS
from hafailover.sim.explore import Explorer

if TYPE_CHECKING:
    from hafailover.group.settings import ArbiterKind
    from hafailover.sim.explore import Failure, Found


def part_of(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, int]:
    """Return both numbers of K/N, the Kth of N parts; refuse what names no part."""
    which, _, parts = text.partition("/")
    if not which.isdecimal() or not parts.isdecimal() or not 1 <= int(which) <= int(parts):
        raise click.BadParameter(f"{text} names no part: 2/8 is the second of eight")
    return int(which), int(parts)


def explore(kind: ArbiterKind, depth: int, part: tuple[int, int], *, as_json: bool) -> int:
    """Explore and print; return the exit status."""
    found = Explorer(kind, faults=depth, part=part).explore()
    click.echo(
        json.dumps(_json(found, kind, depth, part), indent=2)
        if as_json
        else _text(found, kind, depth, part)
    )
    return 1 if found.failures else 0


def _text(found: Found, kind: ArbiterKind, depth: int, part: tuple[int, int]) -> str:
    which, parts = part
    share = "" if parts == 1 else f"; part {which} of {parts} of the first faults"
    lines = [
        f"a switchover with arbiter {kind.value}, up to {depth} of {len(FAULTS[kind])} faults, at every moment{share}",
        f"states                {found.states}",
        f"pairs of node states  {len(found.pairs)}",
        f"stories played        {found.runs}, and {found.cut} cut short where the state was known",
        f"promises broken       {len(found.failures)}",
    ]
    for each in found.failures:
        lines += ["", each.what, *(f"  {line}" for line in _order(each))]
    return "\n".join(lines)


def _order(failure: Failure) -> list[str]:
    return [f"at moment {each.moment}: {each.fault}" for each in failure.struck]


def _json(found: Found, kind: ArbiterKind, depth: int, part: tuple[int, int]) -> dict[str, Any]:
    return {
        "version": 1,
        "arbiter": kind.value,
        "faults_max": depth,
        "part": list(part),
        "states": found.states,
        "pairs": sorted(list(pair) for pair in found.pairs),
        "runs": found.runs,
        "cut": found.cut,
        "failures": [{"what": each.what, "struck": _order(each)} for each in found.failures],
    }
