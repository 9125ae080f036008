"""``hafailover simulate --explore``: every order of faults and steps in a small world, and what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from hafailover.sim.explore import FAULTS, OF_ARBITER, Explorer

if TYPE_CHECKING:
    from hafailover.group.settings import ArbiterKind
    from hafailover.sim.explore import Failure, Found

_MOMENTS: Final = 10_000
"""More than any story has."""


def explore(kind: ArbiterKind, depth: int, *, as_json: bool) -> int:
    """Explore and print; return the exit status."""
    found = Explorer(kind, faults=depth, moments=_MOMENTS).explore()
    click.echo(
        json.dumps(_json(found, kind, depth), indent=2) if as_json else _text(found, kind, depth)
    )
    return 1 if found.failures else 0


def _text(found: Found, kind: ArbiterKind, depth: int) -> str:
    kinds = len(FAULTS) + len(OF_ARBITER[kind])
    lines = [
        f"a switchover with arbiter {kind.value}, up to {depth} of {kinds} faults, at every moment",
        f"states                {len(found.states)}",
        f"pairs of node states  {len(found.pairs)}",
        f"stories played        {found.runs}, and {found.cut} cut short where the state was known",
        f"promises broken       {len(found.failures)}",
    ]
    for each in found.failures:
        lines += ["", each.what, *(f"  {line}" for line in _order(each))]
    return "\n".join(lines)


def _order(failure: Failure) -> list[str]:
    return [f"at moment {each.moment}: {each.fault}" for each in failure.struck]


def _json(found: Found, kind: ArbiterKind, depth: int) -> dict[str, Any]:
    return {
        "version": 1,
        "arbiter": kind.value,
        "faults_max": depth,
        "states": len(found.states),
        "pairs": sorted(list(pair) for pair in found.pairs),
        "runs": found.runs,
        "cut": found.cut,
        "failures": [{"what": each.what, "struck": _order(each)} for each in found.failures],
    }
