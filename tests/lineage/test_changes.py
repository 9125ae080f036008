"""What a boot, an export, a drop and a force make of a record."""

import pytest

from hafailover.lineage import changes
from hafailover.lineage.record import ANCESTORS_MAX, CopyState, LineageRecord


def record(
    copy: CopyState = CopyState.IN_SYNC, session: str = "", boot: str = "b1"
) -> LineageRecord:
    return LineageRecord(
        copy=copy, lineage="L1", ancestors=("L0",), session=session, boot=boot, clean=True
    )


def test_a_copy_that_was_exported_when_its_host_went_down_is_stale() -> None:
    after = changes.booted(record(session="export:s"), boot="b2")

    assert (after.copy, after.session, after.clean) == (CopyState.STALE, "", False)


def test_a_half_rebuilt_copy_stays_one_across_a_boot() -> None:
    assert (
        changes.booted(record(CopyState.SYNCING, "export:s"), boot="b2").copy is CopyState.SYNCING
    )


def test_a_primary_s_own_copy_is_unclean_after_a_crash_and_keeps_its_state() -> None:
    after = changes.booted(record(CopyState.SOLE, "active:s"), boot="b2")

    assert (after.copy, after.session, after.clean) == (CopyState.SOLE, "", False)


def test_a_closed_copy_stays_in_sync_across_a_clean_shutdown_of_both_hosts() -> None:
    after = changes.booted(record(), boot="b2")

    assert (after.copy, after.clean) == (CopyState.IN_SYNC, True)


def test_a_restart_of_the_agent_within_one_boot_changes_nothing() -> None:
    assert changes.booted(record(session="export:s"), boot="b1") == record(session="export:s")


def test_going_on_alone_puts_the_old_lineage_before_its_ancestors() -> None:
    after = changes.went_on_alone(record(), lineage="L2")

    assert (after.lineage, after.ancestors, after.copy) == ("L2", ("L1", "L0"), CopyState.SOLE)


def test_ancestors_are_bounded() -> None:
    known = record()
    for number in range(ANCESTORS_MAX + 5):
        known = changes.went_on_alone(known, lineage=f"M{number}")

    assert len(known.ancestors) == ANCESTORS_MAX
    assert known.ancestors[0] == f"M{ANCESTORS_MAX + 3}"


def test_force_leaves_no_ancestor_but_remembers_what_was_given_up() -> None:
    after = changes.forced_on(record(CopyState.STALE), lineage="L9", given_up=("X",))

    assert after.ancestors == ()
    assert after.forced_from == ("X", "L1", "L0")


def test_touching_keeps_a_sole_copy_sole() -> None:
    touched = changes.touched(record(CopyState.SOLE), session="s", boot="b1", epoch=3)

    assert (touched.copy, touched.session, touched.epoch) == (CopyState.SOLE, "active:s", 3)


def test_touching_an_in_sync_copy_shows() -> None:
    assert changes.touched(record(), session="s", boot="b1", epoch=1).copy is CopyState.TOUCHED


@pytest.mark.parametrize("is_rebuild", [True, False])
def test_exporting_for_a_rebuild_says_mixture_before_the_first_byte(is_rebuild: bool) -> None:
    after = changes.exported(record(), session="s", boot="b1", is_rebuild=is_rebuild)

    assert after.copy is (CopyState.SYNCING if is_rebuild else CopyState.IN_SYNC)
    assert after.session == "export:s"
