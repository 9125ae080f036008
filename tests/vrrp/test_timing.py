"""RFC 9568 and RFC 3768 section 6.1: Skew_Time and Master_Down_Interval, in numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.units import CENTISECOND, MILLISECOND, SECOND
from hafailover.vrrp.settings import Version
from hafailover.vrrp.timing import master_down, skew

intervals = st.integers(1, 4095).map(lambda count: count * CENTISECOND)


@pytest.mark.parametrize(
    ("version", "priority", "interval_ns", "expected_ns"),
    [
        (Version.V2, 100, SECOND, 609_375_000),
        (Version.V2, 100, 10 * SECOND, 609_375_000),
        (Version.V2, 255, SECOND, 3_906_250),
        (Version.V3, 100, SECOND, 609_375_000),
        (Version.V3, 100, 10 * SECOND, 6_093_750_000),
        (Version.V3, 100, 10 * MILLISECOND, 6_093_750),
        (Version.V3, 254, 10 * MILLISECOND, 78_125),
        (Version.V3, 1, 4095 * CENTISECOND, 40_790_039_062),
    ],
)
def test_skew(version: Version, priority: int, interval_ns: int, expected_ns: int) -> None:
    assert skew(version, priority, interval_ns) == expected_ns
    assert master_down(version, priority, interval_ns) == 3 * interval_ns + expected_ns


@given(st.sampled_from(Version), st.integers(1, 254), intervals)
def test_the_higher_priority_takes_over_first(
    version: Version, priority: int, interval_ns: int
) -> None:
    assert skew(version, priority, interval_ns) > skew(version, priority + 1, interval_ns) > 0


@given(st.sampled_from(Version), st.integers(1, 255), intervals)
def test_three_lost_advertisements_are_always_waited_for(
    version: Version, priority: int, interval_ns: int
) -> None:
    wait = master_down(version, priority, interval_ns)
    assert 3 * interval_ns < wait
    assert wait < master_down(version, priority, interval_ns + CENTISECOND)
