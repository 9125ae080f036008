"""What did many runs show? Counted, with the broken ones made small."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from hafailover.sim.copies import in_copy
from hafailover.sim.schedule import Outcome, play, run, shrink, start, start_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hafailover.group.settings import ArbiterKind

_TOGETHER = 50
"""So many runs with the same start are handed to a process at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A run that broke a promise, and the smallest run of the same seed that still does."""

    outcome: Outcome
    smallest: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Many runs with one arbiter.

    Attributes:
        splits: Seeds whose partition had both nodes serve, which this arbiter does not prevent.
        diverged: Seeds that ended with two copies between which an operator has to choose.
        cpu_ns: What all runs together cost.
    """

    arbiter: ArbiterKind
    seeds: tuple[int, ...]
    broken: tuple[Broken, ...]
    splits: tuple[int, ...]
    diverged: tuple[int, ...]
    simulated_ns: int
    cpu_ns: int


def play_all(
    seeds: Iterable[int],
    arbiter: ArbiterKind,
    *,
    processes: int = 1,
    progress: Callable[[Outcome], None] | None = None,
) -> Summary:
    """Play one run for each seed, in ``processes`` processes at a time."""
    outcomes: list[Outcome] = []
    for outcome in _outcomes(tuple(seeds), arbiter, processes):
        outcomes.append(outcome)
        if progress is not None:
            progress(outcome)
    outcomes.sort(key=lambda each: each.seed)
    return Summary(
        arbiter=arbiter,
        seeds=tuple(each.seed for each in outcomes),
        broken=tuple(
            Broken(outcome=each, smallest=shrink(each)) for each in outcomes if not each.is_good
        ),
        splits=tuple(each.seed for each in outcomes if each.is_split),
        diverged=tuple(each.seed for each in outcomes if each.is_diverged),
        simulated_ns=sum(each.simulated_ns for each in outcomes),
        cpu_ns=sum(each.cpu_ns for each in outcomes),
    )


def _outcomes(seeds: tuple[int, ...], arbiter: ArbiterKind, processes: int) -> Iterator[Outcome]:
    if not hasattr(os, "fork"):
        yield from (run(seed, arbiter=arbiter) for seed in seeds)
        return
    parts = [
        (alike[at : at + _TOGETHER], arbiter)
        for number in sorted({start_of(seed) for seed in seeds})
        if (alike := tuple(seed for seed in seeds if start_of(seed) == number))
        for at in range(0, len(alike), _TOGETHER)
    ]
    if processes == 1:
        for part in parts:
            yield from _play_alike(part)
        return
    with get_context("fork").Pool(processes) as pool:
        for played in pool.imap_unordered(_play_alike, parts):
            yield from played


def _play_alike(part: tuple[Sequence[int], ArbiterKind]) -> list[Outcome]:
    """Play runs that begin alike: both nodes are started once, and each run goes on in a copy of the process."""
    seeds, arbiter = part
    world = start(start_of(seeds[0]), arbiter=arbiter)
    return [in_copy(partial(play, world, seed)) for seed in seeds]
