"""RFC 9568 section 6.4 (RFC 5798 alike), RFC 3768 section 6.4, and the two own rules."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hafailover.units import MILLISECOND, SECOND, Instant, later
from hafailover.vrrp.actions import (
    Action,
    BackupReason,
    BecameBackup,
    BecameInitialize,
    BecameMaster,
    CompetingMaster,
    MasterDown,
    Reannounce,
    SendAdvertisement,
)
from hafailover.vrrp.events import (
    AdvertisementAccepted,
    CandidacyChanged,
    DeadlineReached,
    Demote,
    Event,
    PriorityChanged,
    Shutdown,
    Startup,
    TakeOver,
)
from hafailover.vrrp.machine import deadline, initial, step
from hafailover.vrrp.settings import Address, Family, RouterSettings, Version
from hafailover.vrrp.states import Backup, Initialize, Master, MasterReason, State
from hafailover.vrrp.timing import master_down, skew
from tests.vrrp.wire import LOWER, OURS, THEIRS, heard, settings

START = Instant(1_000 * SECOND)
DOWN_NS = 3 * SECOND + 609_375_000
VERSIONS = pytest.mark.parametrize("version", list(Version))


class Router:
    """A machine with a clock in its hand."""

    def __init__(self, configured: RouterSettings) -> None:
        self.settings = configured
        self.state: State = initial(configured)
        self.now = START

    def on(self, event: Event, after_ns: int = 0) -> tuple[Action, ...]:
        self.now = later(self.now, after_ns)
        taken = step(self.state, event, self.now, self.settings)
        self.state = taken.state
        return taken.actions

    def hear(self, priority: int, after_ns: int = 0, **changes: object) -> tuple[Action, ...]:
        advertisement = heard(priority, version=self.settings.version, **changes)  # type: ignore[arg-type]
        return self.on(AdvertisementAccepted(advertisement=advertisement), after_ns)

    def wait(self) -> tuple[Action, ...]:
        """Let the deadline come."""
        at = deadline(self.state)
        assert at is not None
        self.now = max(at, self.now)
        return self.on(DeadlineReached())

    @property
    def left_ns(self) -> int:
        at = deadline(self.state)
        assert at is not None
        return at - self.now


def backup(**changes: object) -> Router:
    router = Router(settings(**changes))  # type: ignore[arg-type]
    router.on(Startup())
    assert isinstance(router.state, Backup)
    return router


def master(**changes: object) -> Router:
    router = backup(**changes)
    if router.settings.gated:
        router.on(CandidacyChanged(candidate=True))
    router.wait()
    assert isinstance(router.state, Master)
    return router


def send(priority: int) -> SendAdvertisement:
    return SendAdvertisement(priority=priority)


def became_master(reason: MasterReason) -> tuple[Action, ...]:
    return (send(100), BecameMaster(reason=reason))


# 6.4.1 Initialize


def test_a_router_that_was_not_started_has_no_deadline() -> None:
    assert deadline(initial(settings())) is None


def test_the_owner_starts_as_master() -> None:
    router = Router(settings(priority=255))
    assert router.on(Startup()) == (send(255), BecameMaster(reason=MasterReason.OWNER))
    assert router.left_ns == SECOND


@VERSIONS
def test_everybody_else_listens_first(version: Version) -> None:
    router = Router(settings(version))
    assert router.on(Startup()) == (BecameBackup(reason=BackupReason.STARTUP),)
    assert router.left_ns == DOWN_NS


def test_a_packet_that_comes_after_the_end_changes_nothing() -> None:
    router = master()
    router.on(Shutdown())
    before = router.state
    assert router.hear(200) == ()
    assert router.state == before


# 6.4.2 Backup


@VERSIONS
def test_silence_makes_a_master(version: Version) -> None:
    router = backup(version=version)
    assert router.wait() == became_master(MasterReason.MASTER_SILENT)
    assert router.now == START + DOWN_NS
    assert router.left_ns == SECOND


@VERSIONS
@pytest.mark.parametrize("priority", [100, 101, 255])
def test_an_advertisement_of_no_lower_priority_is_waited_for_again(
    version: Version, priority: int
) -> None:
    router = backup(version=version)
    assert router.hear(priority, after_ns=2 * SECOND) == ()
    assert router.left_ns == DOWN_NS


def test_version_3_learns_the_interval_of_the_master() -> None:
    router = backup()
    router.hear(200, centiseconds=10)
    assert router.left_ns == master_down(Version.V3, 100, 100 * MILLISECOND)


@VERSIONS
def test_a_backup_knows_its_master_from_either_state(version: Version) -> None:
    for router in (backup(version=version), master(version=version)):
        router.hear(200)
        assert isinstance(router.state, Backup)
        assert router.state.master == heard(200, version=version)


def test_version_2_keeps_its_own_interval() -> None:
    router = backup(version=Version.V2)
    router.hear(200, centiseconds=10)
    assert router.left_ns == DOWN_NS


@VERSIONS
def test_a_resignation_leaves_the_skew_time_to_wait(version: Version) -> None:
    router = backup(version=version)
    router.hear(200)
    assert router.hear(0, after_ns=SECOND // 2) == ()
    assert router.left_ns == skew(version, 100, SECOND)
    assert router.wait() == became_master(MasterReason.MASTER_RESIGNED)


@VERSIONS
def test_a_lower_priority_does_not_stop_the_timer(version: Version) -> None:
    router = backup(version=version)
    router.hear(99, after_ns=SECOND)
    assert router.left_ns == DOWN_NS - SECOND
    assert router.wait() == became_master(MasterReason.PREEMPTION)


@VERSIONS
def test_without_preemption_a_lower_priority_is_obeyed(version: Version) -> None:
    router = backup(version=version, preempt=False)
    router.hear(1, after_ns=SECOND)
    assert router.left_ns == DOWN_NS


def test_the_owner_preempts_even_without_preemption() -> None:
    router = Router(settings(priority=255, preempt=False, preempt_delay_ns=60 * SECOND))
    router.on(Startup())
    router.on(Demote())
    before = router.left_ns
    router.hear(254, after_ns=SECOND)
    assert router.left_ns == before - SECOND


def test_a_lower_priority_is_tolerated_for_the_preempt_delay() -> None:
    router = backup(preempt_delay_ns=10 * SECOND)
    for _ in range(10):
        router.hear(50, after_ns=SECOND)
        assert router.left_ns == DOWN_NS
    router.hear(50, after_ns=SECOND)
    assert router.left_ns == DOWN_NS - SECOND
    router.wait()
    assert isinstance(router.state, Master)


def test_the_preempt_delay_begins_anew_after_a_better_master() -> None:
    router = backup(preempt_delay_ns=2 * SECOND)
    router.hear(50)
    router.hear(200, after_ns=3 * SECOND)
    router.hear(50, after_ns=SECOND)
    router.hear(50, after_ns=SECOND)
    assert router.left_ns == DOWN_NS


def test_too_early_a_wakeup_is_no_silence() -> None:
    router = backup()
    assert router.on(DeadlineReached(), after_ns=DOWN_NS - 1) == ()
    assert router.on(DeadlineReached(), after_ns=1) != ()


def test_a_backup_stops_without_a_word() -> None:
    router = backup()
    assert router.on(Shutdown()) == (BecameInitialize(),)
    assert isinstance(router.state, Initialize)


# 6.4.3 Master


def test_advertisements_keep_to_their_times_however_late_the_wakeups_are() -> None:
    router = master()
    due = deadline(router.state)
    assert due is not None
    for count in range(1, 50):
        router.now = later(due, (count * 37 % 900) * MILLISECOND)
        assert router.on(DeadlineReached()) == (send(100),)
        following = deadline(router.state)
        assert following == due + SECOND
        due = following


@pytest.mark.parametrize("pause_ns", [2 * SECOND, 3_600 * SECOND])
def test_after_a_long_pause_one_advertisement_goes_out_not_many(pause_ns: int) -> None:
    """Also where the pause ends just as the next one is due."""
    router = master()
    assert router.on(DeadlineReached(), after_ns=pause_ns) == (send(100),)
    assert router.left_ns == SECOND


@VERSIONS
def test_a_master_stops_with_a_resignation(version: Version) -> None:
    router = master(version=version)
    assert router.on(Shutdown()) == (send(0), BecameInitialize())


@VERSIONS
def test_a_resignation_is_answered_at_once(version: Version) -> None:
    router = master(version=version)
    assert router.hear(0, after_ns=SECOND // 2) == (send(100),)
    assert router.left_ns == SECOND


@VERSIONS
def test_a_higher_priority_makes_a_backup(version: Version) -> None:
    router = master(version=version)
    assert router.hear(101) == (BecameBackup(reason=BackupReason.HIGHER_PRIORITY),)
    assert router.left_ns == DOWN_NS


def test_a_backup_made_by_version_3_has_learnt_the_interval() -> None:
    router = master()
    router.hear(101, centiseconds=10)
    assert router.left_ns == master_down(Version.V3, 100, 100 * MILLISECOND)


@VERSIONS
def test_between_equals_the_higher_address_wins(version: Version) -> None:
    router = master(version=version)
    assert router.hear(100, source=LOWER)[0:1] != (
        BecameBackup(reason=BackupReason.HIGHER_ADDRESS),
    )
    assert isinstance(router.state, Master)
    assert router.hear(100, source=THEIRS) == (BecameBackup(reason=BackupReason.HIGHER_ADDRESS),)


def test_addresses_compare_as_they_are_written_on_the_wire() -> None:
    """The last octet counts least; read in the byte order of this machine it would count most."""
    router = master(primary_address=ip_address("192.0.2.1"))
    router.hear(100, source=ip_address("10.0.0.200"))
    assert isinstance(router.state, Master)


def test_between_equals_over_ipv6_the_higher_address_wins() -> None:
    router = master(family=Family.IPV6)
    router.hear(100, source=ip_address("fe80::2"))
    assert isinstance(router.state, Backup)


def test_version_3_answers_a_loser_at_once_and_keeps_its_own_times() -> None:
    router = master()
    assert router.hear(99, after_ns=SECOND // 4) == (send(100), Reannounce())
    assert router.left_ns == 3 * SECOND // 4
    assert router.hear(99) == (send(100),)


def test_version_2_is_silent_towards_a_loser() -> None:
    router = master(version=Version.V2)
    assert router.hear(99) == (Reannounce(),)
    assert router.left_ns == SECOND


def test_after_another_claim_ended_the_addresses_are_announced_again() -> None:
    router = master()
    router.hear(99)
    actions: list[Action] = []
    for _ in range(4):
        actions += router.wait()
    assert actions == [send(100), send(100), send(100), Reannounce()]
    assert router.now == START + 2 * DOWN_NS
    assert router.wait() == (send(100),)


def test_a_claim_that_resigns_has_ended() -> None:
    router = master()
    router.hear(99)
    assert router.hear(0) == (send(100), Reannounce())
    assert router.hear(0) == (send(100),)


def test_demotion_resigns_and_listens() -> None:
    router = master()
    assert router.on(Demote()) == (send(0), BecameBackup(reason=BackupReason.DEMOTED))
    assert router.left_ns == DOWN_NS


def test_a_new_priority_is_in_the_next_advertisement() -> None:
    router = master()
    assert router.on(PriorityChanged(priority=42)) == ()
    assert router.wait() == (send(42),)


@given(st.lists(st.integers(1, 99), max_size=60), st.integers(1, 40))
def test_losers_can_not_starve_a_master(priorities: list[int], gap_ms: int) -> None:
    """However many packets come: an advertisement is never later than its interval."""
    router = master(version=Version.V2)
    last = router.now
    for priority in priorities:
        router.hear(priority, after_ns=gap_ms * MILLISECOND)
        due = deadline(router.state)
        assert due is not None
        assert due <= last + SECOND
        if router.now >= due and router.on(DeadlineReached()):
            last = due


# Own rules: the gate


def gated(**changes: object) -> Router:
    return backup(gated=True, preempt=False, **changes)


def test_a_router_that_is_no_candidate_says_nothing_and_remembers() -> None:
    router = gated()
    actions = router.wait()
    assert actions == (MasterDown(since=router.now, reason=MasterReason.MASTER_SILENT),)
    assert isinstance(router.state, Backup)
    assert router.state.master_down_since == router.now
    assert deadline(router.state) is None


def test_candidacy_while_the_master_is_down_makes_a_master_at_once() -> None:
    router = gated()
    router.wait()
    router.now = later(router.now, 60 * SECOND)
    assert router.on(CandidacyChanged(candidate=True)) == became_master(MasterReason.CANDIDACY)


def test_candidacy_before_that_changes_nothing() -> None:
    router = gated()
    assert router.on(CandidacyChanged(candidate=True), after_ns=SECOND) == ()
    assert router.left_ns == DOWN_NS - SECOND
    assert router.wait() == became_master(MasterReason.MASTER_SILENT)


@pytest.mark.parametrize("priority", [1, 100, 200])
def test_a_master_that_comes_back_is_listened_to(priority: int) -> None:
    router = gated()
    router.wait()
    assert router.hear(priority) == ()
    assert router.left_ns == DOWN_NS
    assert router.on(CandidacyChanged(candidate=True)) == ()


def test_a_master_that_comes_back_to_resign_is_there_until_the_skew_time_is_over() -> None:
    router = gated()
    router.wait()
    assert router.hear(0) == ()
    assert router.on(CandidacyChanged(candidate=True)) == ()
    assert router.wait() == became_master(MasterReason.MASTER_RESIGNED)


def test_whoever_may_not_be_master_does_not_preempt() -> None:
    router = backup(gated=True, preempt=True)
    router.hear(50, after_ns=SECOND)
    assert router.left_ns == DOWN_NS
    router.on(CandidacyChanged(candidate=True))
    router.hear(50, after_ns=SECOND)
    assert router.left_ns == DOWN_NS - SECOND


def test_the_gate_holds_for_the_owner_too() -> None:
    router = Router(settings(priority=255, gated=True))
    assert router.on(Startup()) == (BecameBackup(reason=BackupReason.STARTUP),)
    other = Router(settings(priority=255, gated=True))
    other.on(CandidacyChanged(candidate=True))
    assert other.on(Startup())[0] == send(255)


def test_the_end_of_candidacy_does_not_end_mastership() -> None:
    router = master(gated=True)
    assert router.on(CandidacyChanged(candidate=False)) == ()
    assert router.wait() == (send(100),)


# Own rules: holding on


def test_a_holder_defies_a_higher_priority_and_says_so_once() -> None:
    router = master(hold_master=True)
    advertisement = heard(200)
    assert router.hear(200) == (CompetingMaster(advertisement=advertisement),)
    assert router.hear(200) == ()
    assert isinstance(router.state, Master)
    actions = [action for _ in range(4) for action in router.wait()]
    assert actions[-1] == Reannounce()


def test_a_second_claimant_is_told_apart() -> None:
    router = master(hold_master=True)
    router.hear(200)
    other = heard(201, source=ip_address("192.0.2.77"))
    assert router.on(AdvertisementAccepted(advertisement=other)) == (
        CompetingMaster(advertisement=other),
    )


def test_a_claim_that_grows_stronger_is_told() -> None:
    router = master(hold_master=True)
    assert router.hear(50) == (send(100), Reannounce())
    assert router.hear(200) == (CompetingMaster(advertisement=heard(200)),)


def test_two_holders_do_not_answer_each_other_without_end() -> None:
    one = master(hold_master=True)
    other = master(hold_master=True, priority=200, primary_address=THEIRS)
    in_flight: list[tuple[Router, int, Address]] = [(one, 200, THEIRS)]
    answers = 0
    while in_flight:
        router, priority, source = in_flight.pop()
        for action in router.hear(priority, source=source):
            if isinstance(action, SendAdvertisement):
                answers += 1
                assert answers < 5
                mine = router.settings.primary_address
                peer = other if router is one else one
                in_flight.append((peer, action.priority, mine))
    assert isinstance(one.state, Master)
    assert isinstance(other.state, Master)


def test_a_holder_still_resigns_when_told_to() -> None:
    router = master(hold_master=True)
    router.hear(200)
    assert router.on(Demote())[0] == send(0)
    assert isinstance(router.state, Backup)


def test_a_candidate_that_was_handed_the_role_waits_for_no_timer() -> None:
    router = Router(settings(gated=True))
    router.on(Startup())
    router.on(CandidacyChanged(candidate=True))
    assert router.on(TakeOver()) == (send(100), BecameMaster(reason=MasterReason.HANDED_OVER))


def test_who_is_no_candidate_takes_nothing_over() -> None:
    router = Router(settings(gated=True))
    router.on(Startup())
    assert router.on(TakeOver()) == ()
    assert isinstance(router.state, Backup)


# Properties of two routers on one wire


@given(
    st.sampled_from(Version),
    st.integers(1, 254),
    st.integers(1, 254),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_two_routers_that_hear_each_other_end_with_one_master(
    version: Version, first: int, second: int, losses: list[bool]
) -> None:
    """After a while in which packets get lost, the better one is Master, the other Backup."""
    one = Router(settings(version, priority=first))
    two = Router(settings(version, priority=second, primary_address=THEIRS))
    for router in (one, two):
        router.on(Startup())
    lost = iter(losses)
    for _ in range(60):
        first_due = one.left_ns + one.now <= two.left_ns + two.now
        speaker, listener = (one, two) if first_due else (two, one)
        speaker.now = listener.now = later(speaker.now, speaker.left_ns)
        exchange(speaker, listener, speaker.on(DeadlineReached()), lost=next(lost, False))
    masters = [router for router in (one, two) if isinstance(router.state, Master)]
    if first == second:
        # No one displaces an equal: whoever was first stays.
        assert len(masters) == 1
    else:
        assert masters == [one if first > second else two]


def exchange(speaker: Router, listener: Router, actions: tuple[Action, ...], *, lost: bool) -> None:
    for action in actions:
        if isinstance(action, SendAdvertisement) and not lost:
            source = speaker.settings.primary_address
            answers = listener.hear(action.priority, source=source)
            exchange(listener, speaker, answers, lost=False)


def test_the_states_are_values() -> None:
    router = master()
    assert replace(router.state) == router.state
    assert hash(router.state) == hash(replace(router.state))
    assert router.settings.primary_address == OURS
