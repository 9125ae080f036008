"""``hafailover simulate``: random faults upon a simulated pair, and whether every promise held."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from hafailover.group.settings import ArbiterKind
from hafailover.sim import schedule, summary
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.sim.schedule import Outcome
    from hafailover.sim.summary import Broken, Summary

_KINDS: Final = (
    ArbiterKind.PING.value,
    ArbiterKind.NONE.value,
    ArbiterKind.ETCD.value,
    ArbiterKind.FENCE.value,
)
_SHOWN: Final = 10
"""So many seeds are named of each kind; the JSON names all."""


@click.command()
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="How many runs, with the seeds 1, 2, 3 ...",
)
@click.option("--seed", type=int, help="Play this one run and tell its story.")
@click.option(
    "--arbiter",
    type=click.Choice(_KINDS),
    default=_KINDS[0],
    show_default=True,
    help="The arbiter of the simulated pair.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def simulate(*, seeds: int, seed: int | None, arbiter: str, as_json: bool) -> None:
    """Strike a simulated pair with random faults and check every promise.

    The decisions are those of the product; hosts, disks, kernels, network and clocks are a model in
    one process, and the same seed gives the same run. Each run strikes a pair in service with three
    faults, one upon the other: losses of power, cut cables, killed agents, hosts that stand still.
    Then all is mended, and one node has to serve, with both copies in sync and every acknowledged
    record on them.

    Exits with 1 if a promise of the arbiter was broken. With ping and none some partitions have
    both nodes serve: they are counted and named, and are no failure as long as nothing is
    overwritten.
    """
    kind = ArbiterKind(arbiter)
    if seed is not None:
        sys.exit(_tell(seed, kind, as_json=as_json))
    with click.progressbar(
        length=seeds, label="runs", file=sys.stderr, hidden=as_json or not sys.stderr.isatty()
    ) as bar:
        found = summary.play_all(
            range(1, seeds + 1),
            kind,
            processes=os.cpu_count() or 1,
            progress=lambda _: bar.update(1),
        )
    click.echo(json.dumps(_json(found), indent=2) if as_json else _text(found))
    sys.exit(1 if found.broken else 0)


def _tell(seed: int, kind: ArbiterKind, *, as_json: bool) -> int:
    """Play one run and tell it; return the exit status."""
    outcome = schedule.run(seed, arbiter=kind, tell=None if as_json else click.echo)
    if as_json:
        click.echo(json.dumps(_run(outcome), indent=2))
    else:
        click.echo(_verdict(outcome))
    return 0 if outcome.is_good else 1


def _verdict(outcome: Outcome) -> str:
    if not outcome.is_good:
        return "broken: " + "; ".join(_complaints(outcome))
    if outcome.is_diverged:
        return "no promise broken; two copies diverged, and an operator has to choose"
    return "no promise broken; one node serves, and both copies are in sync"


def _complaints(outcome: Outcome) -> list[str]:
    told = [f"{each.invariant}: {each.text}" for each in outcome.violations]
    return [*told, outcome.problem] if outcome.problem else told


def _command(outcome: Outcome) -> str:
    return f"hafailover simulate --seed {outcome.seed} --arbiter {outcome.arbiter.value}"


def _text(found: Summary) -> str:
    count = len(found.seeds)
    minutes = found.simulated_ns / SECOND / 60
    lines = [
        f"{count} runs with arbiter {found.arbiter.value}, {minutes:.0f} minutes of simulated time",
        f"promises broken          {len(found.broken)}",
        f"both nodes served        {_named(found.splits)}",
        f"two copies to choose of  {_named(found.diverged)}",
    ]
    for each in found.broken:
        lines += ["", *_broken_text(each)]
    return "\n".join(lines)


def _named(seeds: tuple[int, ...]) -> str:
    if not seeds:
        return "0"
    more = ", ..." if len(seeds) > _SHOWN else ""
    return f"{len(seeds)}  (seeds {', '.join(str(seed) for seed in seeds[:_SHOWN])}{more})"


def _broken_text(broken: Broken) -> list[str]:
    smallest = broken.smallest
    return [
        *(f"seed {broken.outcome.seed}: {each}" for each in _complaints(broken.outcome)),
        "  breaks already with",
        *(f"    {fault}" for fault in smallest.faults),
        f"  repeat it: {_command(broken.outcome)}",
    ]


def _json(found: Summary) -> dict[str, Any]:
    return {
        "arbiter": found.arbiter.value,
        "runs": len(found.seeds),
        "simulated_s": round(found.simulated_ns / SECOND, 3),
        "broken": [
            {**_run(each.outcome), "smallest": [str(fault) for fault in each.smallest.faults]}
            for each in found.broken
        ],
        "splits": list(found.splits),
        "diverged": list(found.diverged),
    }


def _run(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.seed,
        "arbiter": outcome.arbiter.value,
        "is_good": outcome.is_good,
        "violations": [
            {
                "invariant": each.invariant,
                "at_s": round(each.at / SECOND, 6),
                "text": each.text,
            }
            for each in outcome.violations
        ],
        "problem": outcome.problem,
        "is_split": outcome.is_split,
        "is_diverged": outcome.is_diverged,
        "faults": [str(fault) for fault in outcome.faults],
        "simulated_s": round(outcome.simulated_ns / SECOND, 3),
        "longest_stall_ms": outcome.longest_stall_ns // 1_000_000,
        "command": _command(outcome),
    }
