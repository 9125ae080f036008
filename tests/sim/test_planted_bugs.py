"""Does the simulator see a broken core? Bugs are planted one at a time.

The same run without the bug breaks nothing; with it, it has to.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hafailover.group import addresses, candidacy, contact, loss, standby
from hafailover.lineage import changes, compare
from hafailover.lineage.record import CopyState
from hafailover.sim.faults import Fault, FaultKind
from hafailover.sim.schedule import run
from hafailover.units import SECOND

Plant = Callable[[pytest.MonkeyPatch], None]
SEED = 1


def no_wait_for_silence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(candidacy, "beside_silence", lambda _turn: "")


def stale_copies_promoted(patch: pytest.MonkeyPatch) -> None:
    every = frozenset(CopyState)
    for module in (candidacy, compare, standby):
        patch.setattr(module, "USABLE", every)
    patch.setattr(compare, "BEHIND", frozenset())


def ancestors_compared_the_wrong_way(patch: pytest.MonkeyPatch) -> None:
    real = compare.compare

    def turned(mine: compare.Side, theirs: compare.Side, **options: bool) -> compare.Verdict:
        return real(theirs, mine, **options)

    patch.setattr(contact, "compare", turned)


def always_identical(patch: pytest.MonkeyPatch) -> None:
    real = changes.outrun
    patch.setattr(changes, "outrun", lambda record: replace(real(record), copy=CopyState.IN_SYNC))
    patch.setattr(changes, "booted", lambda record, *, boot: replace(record, boot=boot))


def address_kept_while_demoting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(addresses, "take_down", lambda _turn: None)
    patch.setattr(addresses, "are_down", lambda _turn: True)


def never_drops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loss, "_loss", lambda _turn: "")


def never_rejoins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(standby, "_offer", lambda *_args, **_options: None)


def fault(kind: FaultKind, node: str, span: float, after: float = 0.1) -> Fault:
    """Return a fault with its times in seconds."""
    return Fault(kind=kind, node=node, span_ns=int(span * SECOND), wait_ns=int(after * SECOND))


A_ALONE = (
    fault(FaultKind.REPLICATION, "A", 4, 2),
    fault(FaultKind.LAN_PORT, "A", 4, 0),
)
SWITCHOVER = (fault(FaultKind.SWITCHOVER, "A", 1, 2),)
A_DARK_AFTER_A_CUT = (
    fault(FaultKind.REPLICATION, "A", 14, 2),
    fault(FaultKind.POWER, "A", 14, 4),
)
B_DARK = (fault(FaultKind.POWER, "B", 6, 2),)

PLANTS: tuple[tuple[Plant, tuple[Fault, ...]], ...] = (
    (no_wait_for_silence, A_ALONE),
    (stale_copies_promoted, A_DARK_AFTER_A_CUT),
    (ancestors_compared_the_wrong_way, A_DARK_AFTER_A_CUT),
    (always_identical, A_DARK_AFTER_A_CUT),
    (address_kept_while_demoting, SWITCHOVER),
    (never_drops, B_DARK),
    (never_rejoins, B_DARK),
)


@pytest.mark.parametrize(("plant", "faults"), PLANTS, ids=[plant.__name__ for plant, _ in PLANTS])
def test_a_planted_bug_is_found(
    plant: Plant, faults: tuple[Fault, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(SEED, faults=faults).is_good

    plant(monkeypatch)

    assert not run(SEED, faults=faults).is_good
