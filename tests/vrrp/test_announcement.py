"""When a Master announces its addresses, on a clock that jumps from deadline to deadline."""

from hafailover.units import MILLISECOND, SECOND, Instant, later
from hafailover.vrrp.announcement import Quiet, Schedule, began, deadline, due, repeated
from hafailover.vrrp.settings import AnnounceSettings

START = Instant(1_000 * SECOND)
SETTINGS = AnnounceSettings(
    burst_count=3,
    burst_interval_ns=50 * MILLISECOND,
    repeat_delay_ns=5 * SECOND,
    refresh_interval_ns=60 * SECOND,
)


def rounds(schedule: Schedule, settings: AnnounceSettings, until_ns: int) -> list[float]:
    """Follow the deadlines and note after how many seconds a round was sent."""
    sent = []
    while (now := deadline(schedule)) is not None and now <= START + until_ns:
        step = due(schedule, settings, now)
        if step.send:
            sent.append((now - START) / SECOND)
        schedule = step.schedule
    return sent


def test_a_burst_then_another_then_refreshments() -> None:
    first = began(SETTINGS, START)
    assert first.send
    assert rounds(first.schedule, SETTINGS, 185 * SECOND) == [
        0.05, 0.1, 5.0, 5.05, 5.1, 60.0, 120.0, 180.0,
    ]  # fmt: skip


def test_what_is_switched_off_never_comes() -> None:
    once = AnnounceSettings(burst_count=1, repeat_delay_ns=0, refresh_interval_ns=0)
    first = began(once, START)
    assert first.send
    assert deadline(first.schedule) is None


def test_another_burst_can_be_asked_for_at_any_time() -> None:
    schedule = began(SETTINGS, START).schedule
    again = repeated(schedule, SETTINGS, later(START, SECOND))
    assert again.send
    assert rounds(again.schedule, SETTINGS, 6 * SECOND) == [1.05, 1.1, 5.0, 5.05, 5.1]


def test_after_a_long_pause_one_round_is_sent_for_each_thing_that_was_due() -> None:
    late = later(START, 3_600 * SECOND)
    schedule = began(SETTINGS, START).schedule
    sent = 0
    while (at := deadline(schedule)) is not None and at <= late:
        step = due(schedule, SETTINGS, late)
        schedule, sent = step.schedule, sent + step.send
    assert sent == 2  # the second burst has begun, and the refreshment


def test_too_early_is_harmless() -> None:
    schedule = began(SETTINGS, START).schedule
    early = due(schedule, SETTINGS, later(START, MILLISECOND))
    assert (early.schedule, early.send) == (schedule, False)


def test_nothing_is_announced_while_the_addresses_are_elsewhere() -> None:
    quiet = Quiet()
    assert deadline(quiet) is None
    assert not repeated(quiet, SETTINGS, START).send
    assert not due(quiet, SETTINGS, START).send
