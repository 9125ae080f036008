"""What does each fault do, and which partitions split a pair?"""

from functools import partial

from hafailover.group.settings import ArbiterKind
from hafailover.sim import matrix, pair, partitions
from hafailover.sim.copies import in_copy
from hafailover.sim.matrix import Effect, Row
from hafailover.sim.partitions import Partition, Way
from hafailover.sim.world import World
from hafailover.units import SECOND


def started(arbiter: ArbiterKind) -> World:
    return matrix.started({node: pair.group_settings(node, arbiter=arbiter) for node in pair.NODES})


def row(arbiter: ArbiterKind, what: str) -> Row:
    return next(each for each in matrix.rows(arbiter) if each.what == what)


def effect(arbiter: ArbiterKind, what: str) -> Effect:
    return matrix.try_out(started(arbiter), row(arbiter, what))


def test_a_dark_primary_is_taken_over_from() -> None:
    found = effect(ArbiterKind.PING, "the primary loses power")

    assert found.serving == ("B",)
    assert found.outage_ns is not None
    assert SECOND < found.outage_ns < 15 * SECOND
    assert found.has_one_copy
    assert found.recovered_ns is not None
    assert (found.violations, found.needs_operator, found.both_ns) == ((), "", 0)


def test_every_row_has_faults_of_its_arbiter() -> None:
    for arbiter in ArbiterKind:
        names = [each.what for each in matrix.rows(arbiter)]
        assert len(set(names)) == len(names) >= 20


def test_a_split_is_found_with_nobody_to_ask_and_none_with_one_cut() -> None:
    world = started(ArbiterKind.NONE)
    cuts = {
        cut: tuple(sorted(each.words for each in cut))
        for cut in partitions.partitions(ArbiterKind.NONE)
    }
    whole = max(cuts, key=len)
    single = next(cut for cut in cuts if len(cut) == 1)

    split = in_copy(partial(partitions.try_out, world, whole))
    harmless = in_copy(partial(partitions.try_out, world, single))

    assert len(cuts) == 2 ** len(partitions.ways(ArbiterKind.NONE)) - 1
    assert split.both_ns > SECOND
    assert (split.violations, harmless.both_ns, harmless.violations) == ((), 0, ())


def test_only_the_smallest_splits_are_shown() -> None:
    one, two, three = (
        Way(network="lan", source=each, target="B", words=f"{each} cut") for each in ("A", "C", "D")
    )
    found = (
        Partition(ways=(one,), both_ns=0, violations=()),
        Partition(ways=(one, two), both_ns=1, violations=()),
        Partition(ways=(one, two, three), both_ns=1, violations=()),
    )

    assert [each.words for each in partitions.smallest(found)] == ["A cut, C cut"]
