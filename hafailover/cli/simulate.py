"""``hafailover simulate``: random faults upon a simulated pair, and whether every promise held."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from hafailover.cli import simulate_explore, simulate_matrix
from hafailover.config.load import read_file
from hafailover.config.problems import ConfigErrors
from hafailover.group.settings import ArbiterKind
from hafailover.sim import pair, schedule, summary, trials
from hafailover.sim.configured import settings_like
from hafailover.units import SECOND

if TYPE_CHECKING:
    from hafailover.group.settings import GroupSettings
    from hafailover.sim.schedule import Outcome
    from hafailover.sim.summary import Broken, Summary

JSON_VERSION: Final = 1
_SHOWN: Final = 10
"""So many seeds are named of each kind; the JSON names all."""
_READABLE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--config", "path", type=_READABLE, help="Try out the groups of this configuration.")
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    help="Play so many random runs instead, with the seeds 1, 2, 3 ...",
)
@click.option(
    "--first",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="The first of those seeds; the text above says what the larger ones are for.",
)
@click.option("--seed", type=int, help="Play this one random run and tell its story.")
@click.option(
    "--arbiter",
    type=click.Choice([each.value for each in ArbiterKind]),
    default=ArbiterKind.PING.value,
    show_default=True,
    help="The arbiter of the simulated pair; a configuration brings its own.",
)
@click.option(
    "--explore",
    "depth",
    type=click.IntRange(min=0, max=3),
    help="Disturb a switchover at every moment with every fault, up to so many in one run.",
)
@click.option(
    "--part",
    callback=simulate_explore.part_of,
    metavar="K/N",
    default="1/1",
    help="With --explore, try only the Kth of N parts of the first faults.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def simulate(
    *,
    path: Path | None,
    seeds: int | None,
    seed: int | None,
    first: int,
    arbiter: str,
    depth: int | None,
    part: tuple[int, int],
    as_json: bool,
) -> None:
    """Strike a simulated pair with faults and check every promise.

    The decisions are those of the product; hosts, disks, kernels, network and clocks are a model in
    one process, and the same run is the same again, to the byte. Images are small there, so a
    rebuild takes no time worth telling.

    Without --seeds, every fault and every partition of the network is tried once, and a table says
    who serves then, after how long, and what is at risk. With --config the pair decides as each
    group of that file does. With ping and none the partitions in which both nodes serve are shown.

    With --seeds, each run strikes the default pair with three faults, one upon the other: losses of
    power, cut or bad cables, disks that fail or hang, stuck kernels, killed agents, hosts that stand
    still, operators at the wrong moment. From seed 1000000 on they make a story: a handover under a
    cut, a return during a rebuild, power lost as a copy is let go. Then all is mended, and one node
    has to serve, with both copies in sync and every acknowledged record on them. A broken run is cut
    down to the faults that matter, with the command that repeats it.

    From seed 10000000 on one host stays off before all is mended, and the other one has to serve if its arbiter
    promises so. From 20000000 on, with etcd, clocks drift as far apart as is tolerated, and a grant is used to its
    end. From 30000000 on there are two groups, each with another preferred node. From 40000000 on services take long or
    do not start, checks of file systems take long, and addresses and users of the volumes do not go. From 50000000 on
    disks of both nodes fail while the role changes hands, or an agent begins anew.

    With --explore, a switchover and the way back from every fault are disturbed at each of their moments with
    each of ten or more faults; states that were met before are not gone on from. Printed are the number of states,
    and of pairs of node states, each of which has to have a way out. One fault takes half a minute, two take
    two to twelve minutes, three take hours.

    Exits with 1 if a promise of the arbiter was broken.
    """
    kind = ArbiterKind(arbiter)
    _refuse_besides(depth, part, (seed, seeds, path))
    if depth is not None:
        sys.exit(simulate_explore.explore(kind, depth, part, as_json=as_json))
    if seed is not None:
        sys.exit(_tell(seed, kind, as_json=as_json))
    if seeds is None:
        sys.exit(_try_out(path, kind, as_json=as_json))
    with click.progressbar(
        length=seeds, label="runs", file=sys.stderr, hidden=as_json or not sys.stderr.isatty()
    ) as bar:
        found = summary.play_all(
            range(first, first + seeds),
            kind,
            processes=os.cpu_count() or 1,
            progress=lambda _: bar.update(1),
        )
    click.echo(json.dumps(_json(found), indent=2) if as_json else _text(found))
    sys.exit(1 if found.broken else 0)


def _refuse_besides(depth: int | None, part: tuple[int, int], others: tuple[object, ...]) -> None:
    """Refuse an option that would be passed over."""
    if depth is None and part != (1, 1):
        raise click.UsageError("--part is a part of what --explore tries")
    if depth is not None and any(each is not None for each in others):
        raise click.UsageError(
            "--explore tries everything: no --seed, --seeds or --config goes with it"
        )


def _try_out(path: Path | None, kind: ArbiterKind, *, as_json: bool) -> int:
    """Print the matrix of every group; return the exit status."""
    found = [
        trials.try_all(settings, processes=os.cpu_count() or 1) for settings in _groups(path, kind)
    ]
    if as_json:
        click.echo(
            json.dumps(
                {
                    "version": JSON_VERSION,
                    "groups": [simulate_matrix.as_json(each) for each in found],
                },
                indent=2,
            )
        )
    else:
        click.echo("\n\n".join(simulate_matrix.as_text(each) for each in found))
    return 0 if all(each.is_good for each in found) else 1


def _groups(path: Path | None, kind: ArbiterKind) -> list[dict[str, GroupSettings]]:
    if path is None:
        return [{node: pair.group_settings(node, arbiter=kind) for node in pair.NODES}]
    try:
        configuration = read_file(path)
    except ConfigErrors as errors:
        raise click.ClickException(str(errors)) from errors
    if len(configuration.nodes) != len(pair.NODES):
        raise click.ClickException(f"{path} names no pair of nodes: there is nothing to simulate")
    one, other = (configuration.settings(node).groups for node in configuration.nodes)
    pairs = [each for each in zip(one, other, strict=True) if each[0].has_storage]
    if not pairs:
        raise click.ClickException(
            f"{path} has no group with a volume: there is nothing to simulate"
        )
    return [settings_like(each) for each in pairs]


def _tell(seed: int, kind: ArbiterKind, *, as_json: bool) -> int:
    """Play one run and tell it; return the exit status."""
    outcome = schedule.run(seed, arbiter=kind, tell=None if as_json else click.echo)
    if as_json:
        click.echo(json.dumps({"version": JSON_VERSION, **_run(outcome)}, indent=2))
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
        "version": JSON_VERSION,
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
