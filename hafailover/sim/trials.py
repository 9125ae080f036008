"""Every fault and every partition, tried out on one started pair: each in a copy of it, in several processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from hafailover.sim import matrix, partitions
from hafailover.sim.copies import in_copy

if TYPE_CHECKING:
    from hafailover.group.settings import GroupSettings
    from hafailover.sim.matrix import Effect
    from hafailover.sim.partitions import Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What was found out about one group."""

    settings: GroupSettings
    effects: tuple[Effect, ...]
    partitions: tuple[Partition, ...]

    @property
    def is_good(self) -> bool:
        """Whether every promise of the arbiter was kept."""
        effects = any(each.violations for each in self.effects)
        return not effects and not any(each.violations for each in self.partitions)


def try_all(settings: dict[str, GroupSettings], *, processes: int) -> Trials:
    """Try everything out on a pair with these settings."""
    parts = [(settings, index, processes) for index in range(processes)]
    if processes == 1:
        found = [_part(parts[0])]
    else:
        with get_context("fork").Pool(processes) as pool:
            found = pool.map(_part, parts)
    effects = sorted((each for one, _ in found for each in one), key=lambda each: each[0])
    parted = sorted((each for _, one in found for each in one), key=lambda each: each[0])
    return Trials(
        settings=settings["A"],
        effects=tuple(effect for _, effect in effects),
        partitions=tuple(partition for _, partition in parted),
    )


_Numbered = tuple[list[tuple[int, "Effect"]], list[tuple[int, "Partition"]]]


def _part(part: tuple[dict[str, GroupSettings], int, int]) -> _Numbered:
    """Try out every ``count``-th trial, from ``first`` on."""
    settings, first, count = part
    arbiter = settings["A"].arbiter
    world = matrix.started(settings)
    rows = list(enumerate(matrix.rows(arbiter)))[first::count]
    cuts = list(enumerate(partitions.partitions(arbiter)))[first::count]
    return (
        [(number, in_copy(partial(matrix.try_out, world, row))) for number, row in rows],
        [(number, in_copy(partial(partitions.try_out, world, each))) for number, each in cuts],
    )
