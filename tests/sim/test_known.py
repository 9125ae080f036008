"""Which states are taken for known?"""

import pytest

from hafailover.sim.copies import in_copy
from hafailover.sim.known import Known, fingerprint


def test_a_state_is_known_once_it_was_met_with_as_many_faults_to_come() -> None:
    known = Known()
    state = fingerprint(("A", 1, True))

    assert [known.add(state, left) for left in (1, 1, 0, 2, 1, 2)] == [
        True,
        False,
        False,
        True,
        False,
        False,
    ]
    assert len(known) == 1


def test_what_a_copy_of_the_process_has_met_is_known_to_all() -> None:
    known = Known()

    assert in_copy(lambda: known.add(fingerprint("met in the copy"), 0))
    assert not known.add(fingerprint("met in the copy"), 0)
    assert known.add(fingerprint("met here"), 0)


def test_states_that_fall_on_one_place_are_told_apart() -> None:
    known = Known(slots=8)

    assert [known.add(state, 0) for state in (4, 36, 68, 36)] == [True, True, True, False]
    assert len(known) == 3


def test_a_state_of_nothing_but_zeros_is_a_state() -> None:
    known = Known()

    assert known.add(0, 0)
    assert not known.add(0, 0)


def test_a_full_table_is_refused() -> None:
    known = Known(slots=8)
    for number in range(6):
        known.add(fingerprint(number), 0)

    with pytest.raises(MemoryError, match="more than 6 states"):
        known.add(fingerprint("one more"), 0)
