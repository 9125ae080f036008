"""What did many runs show? Counted, with the broken ones made small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hafailover.sim.schedule import Outcome, run, shrink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hafailover.group.settings import ArbiterKind


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
    """

    arbiter: ArbiterKind
    seeds: tuple[int, ...]
    broken: tuple[Broken, ...]
    splits: tuple[int, ...]
    diverged: tuple[int, ...]
    simulated_ns: int


def play(
    seeds: Iterable[int], arbiter: ArbiterKind, *, progress: Callable[[Outcome], None] | None = None
) -> Summary:
    """Play one run for each seed."""
    outcomes: list[Outcome] = []
    for seed in seeds:
        outcomes.append(run(seed, arbiter=arbiter))
        if progress is not None:
            progress(outcomes[-1])
    return Summary(
        arbiter=arbiter,
        seeds=tuple(each.seed for each in outcomes),
        broken=tuple(
            Broken(outcome=each, smallest=shrink(each)) for each in outcomes if not each.is_good
        ),
        splits=tuple(each.seed for each in outcomes if each.is_split),
        diverged=tuple(each.seed for each in outcomes if each.is_diverged),
        simulated_ns=sum(each.simulated_ns for each in outcomes),
    )
