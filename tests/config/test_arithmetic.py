"""Spans that do not fit together are refused, and the ones that do become promises."""

from dataclasses import replace
from typing import Any

import pytest

from hafailover.arbiter.lease import shortened
from hafailover.config.arithmetic import (
    FenceSpans,
    LeaseSpans,
    PingSpans,
    Spans,
    effective_watchdog,
    find_clashes,
)
from hafailover.config.promises import describe_promises
from hafailover.units import MILLISECOND, SECOND
from tests.config.texts import PLAIN, changed, read

MS = MILLISECOND

LEASE = LeaseSpans(
    lease=10 * SECOND, renew=2 * SECOND, renew_deadline=1 * SECOND, peer_lease=10 * SECOND
)
FENCE = FenceSpans(deadline=20 * SECOND, secondary_delay=25 * SECOND, gate_timeout=600 * SECOND)
PING = PingSpans(interval=250 * MS)

STRICT = Spans(
    heartbeat=250 * MS,
    misses=4,
    canary_period=400 * MS,
    canary_deadline=600 * MS,
    canary_patience=1 * SECOND,
    lateness=250 * MS,
    decision=1 * SECOND,
    records=400 * MS,
    destroy=300 * MS,
    kill=500 * MS,
    forced_demotion=3 * SECOND,
    reset=500 * MS,
    restart=2 * SECOND,
    takeover_margin=500 * MS,
    watchdog=4300 * MS,
    arbiter=LEASE,
)
"""A set that fits: D = 1.25 s, and 3.7 s in all before the kernel's 4 s."""


def keys(spans: Spans) -> list[str]:
    return [clash.key for clash in find_clashes(spans)]


@pytest.mark.parametrize("arbiter", [LEASE, FENCE, PING, None])
def test_a_set_that_fits_is_accepted_for_every_arbiter(arbiter: object) -> None:
    assert keys(replace(STRICT, watchdog=4200 * MS, arbiter=arbiter)) == []  # type: ignore[arg-type]


def test_detection_is_the_slower_of_heartbeats_and_canary_plus_lateness() -> None:
    assert STRICT.detection == 1250 * MS
    assert replace(STRICT, heartbeat=500 * MS).detection == 2250 * MS
    assert replace(STRICT, canary_period=900 * MS).detection == 1750 * MS
    assert replace(STRICT, canary_patience=2 * SECOND).detection == 2250 * MS


@pytest.mark.parametrize(
    ("name", "most"),
    [("decision", 1299), ("records", 699), ("destroy", 599), ("kill", 799), ("lateness", 399)],
)
def test_the_drop_must_be_confirmed_before_the_kernel_drops_by_itself(name: str, most: int) -> None:
    changes: dict[str, Any] = {name: most * MS}
    fits = replace(STRICT, watchdog=0, **changes)
    changes[name] += 1 * MS
    late = replace(STRICT, watchdog=0, **changes)

    assert "timers.heartbeat" not in keys(fits)
    assert "timers.heartbeat" in keys(late)


def test_without_a_strict_arbiter_nobody_waits_for_its_decision() -> None:
    assert keys(replace(STRICT, arbiter=None, decision=60 * SECOND)) == []


def test_the_clash_names_the_canary_where_it_is_the_slower_sign() -> None:
    assert keys(replace(STRICT, watchdog=0, canary_period=2 * SECOND)) == ["timers.canary_period"]


def test_two_renewals_must_fit_into_what_the_lease_leaves() -> None:
    lease = replace(LEASE, renew=2080 * MS)
    assert keys(replace(STRICT, watchdog=0, arbiter=replace(LEASE, renew=2075 * MS))) == []
    assert keys(replace(STRICT, watchdog=0, arbiter=lease)) == [
        "arbiter.lease",
        "arbiter.peer_lease",
    ]


def test_the_peer_lease_must_be_long_enough_too() -> None:
    arbiter = replace(LEASE, peer_lease=9 * SECOND)

    assert keys(replace(STRICT, watchdog=0, arbiter=arbiter)) == ["arbiter.peer_lease"]


def test_the_watchdog_as_the_kernel_rounds_it_must_fire_before_the_lease_ends() -> None:
    # 4.3 s becomes 2**33 ns = 8.59 s, and with a renewal that is later than the lease of 10 s.
    assert keys(STRICT) == ["watchdog.timeout"]
    assert keys(replace(STRICT, watchdog=4200 * MS)) == []


def test_the_kernel_rounds_the_watchdog_up_to_a_power_of_two() -> None:
    assert effective_watchdog(4 * SECOND) == 1 << 32
    assert effective_watchdog(1 << 32) == 1 << 32
    assert effective_watchdog((1 << 32) + 1) == 1 << 33


def test_a_restart_must_end_before_watchdog_and_lease() -> None:
    fits = replace(STRICT, watchdog=4200 * MS, restart=2800 * MS)
    assert keys(fits) == []
    assert keys(replace(fits, restart=2900 * MS)) == ["timers.restart"]
    assert keys(replace(fits, watchdog=0, restart=3400 * MS)) == []
    assert keys(replace(fits, watchdog=0, restart=3401 * MS)) == ["timers.restart"]


def test_the_secondary_must_shoot_later_than_the_slowest_shot_of_the_primary() -> None:
    fits = replace(STRICT, arbiter=replace(FENCE, secondary_delay=20_251 * MS))
    late = replace(STRICT, arbiter=replace(FENCE, secondary_delay=20_250 * MS))

    assert keys(fits) == []
    assert keys(late) == ["arbiter.secondary_delay"]


def test_the_kernel_must_seldom_look_while_the_fence_takes_its_time() -> None:
    # Exposed for 1.25 + 20 + 0.4 + 0.3 + 0.25 - 4 = 18.2 s.
    fits = replace(STRICT, arbiter=replace(FENCE, gate_timeout=182 * SECOND))
    often = replace(STRICT, arbiter=replace(FENCE, gate_timeout=181 * SECOND))

    assert keys(fits) == []
    assert keys(often) == ["arbiter.deadline"]


def test_an_isolated_primary_stops_before_the_other_takes_over() -> None:
    assert keys(replace(STRICT, arbiter=PING, takeover_margin=500 * MS)) == []
    assert keys(replace(STRICT, arbiter=PING, takeover_margin=499 * MS)) == [
        "timers.takeover_margin"
    ]


def test_the_sentence_of_a_clash_names_the_values_that_clash() -> None:
    (clash,) = find_clashes(replace(STRICT, watchdog=0, decision=1300 * MS))

    assert clash.text == (
        "noticing a lost peer takes 1250ms (misses 4 times heartbeat 250ms, + lateness 250ms); "
        "with + decision 1300ms + records 400ms + destroy 300ms + kill 500ms + lateness 250ms "
        "that makes 4s, and the kernel drops the peer's copy by itself from 4s on: shorten one"
    )


@pytest.mark.parametrize("profile", ["lan", "vm", "wan"])
@pytest.mark.parametrize(
    "arbiter",
    [
        "{kind: ping, targets: [192.0.2.1]}",
        "{kind: none, i_accept_split_brain: true}",
        '{kind: etcd, endpoints: ["http://e:2379"]}',
        "{kind: fence, command: [/fence]}",
    ],
)
def test_every_profile_fits_every_arbiter(profile: str, arbiter: str) -> None:
    text = changed("arbiter:\n  kind: ping\n  targets: [192.0.2.1]\n", f"arbiter: {arbiter}\n")
    text = changed("groups:", f"timers: {{profile: {profile}}}\ngroups:", text)

    assert len(read(text).promises()) >= 3


def test_the_promises_for_etcd() -> None:
    assert describe_promises(replace(STRICT, watchdog=4200 * MS)) == (
        (
            "primary lost: served again within 11.35 s plus the time of attach, fsck, mount and "
            "services"
        ),
        "secondary lost: writes wait at most 3.2 s",
        (
            "primary cut off from etcd and peer: it stops before its lease of 10 s ends, and the other "
            "starts after it"
        ),
        "agent dead: its host resets itself within 4.3 s",
    )


def test_without_a_watchdog_etcd_is_called_not_strict() -> None:
    assert describe_promises(replace(STRICT, watchdog=0))[-1] == (
        "the watchdog is off: not strict, since a dead agent's host is not stopped"
    )


def test_the_promises_for_ping() -> None:
    spans = replace(STRICT, arbiter=PING, canary_patience=2 * SECOND)

    assert describe_promises(spans) == (
        "primary lost: served again within 5.75 s plus the time of attach, fsck, mount and services",
        (
            "secondary lost: writes wait at most 2.2 s; its disk stalled while its agent lives: at "
            "most 3.2 s"
        ),
        "primary isolated from peer and targets: it stops within 5 s",
        "both nodes reach the targets but not each other: both can serve, and the copies diverge",
        "primary's agent dead on a living host: no takeover, an alert",
    )


def test_the_takeover_that_is_promised_is_the_one_that_the_group_waits_for() -> None:
    configuration = read(changed("vrid: 7", "vrid: 7"))
    group = configuration.settings("a").groups[0]

    assert group.takeover_silence == configuration.spans().takeover


def test_a_plain_router_promises_nothing_about_data() -> None:
    assert read(PLAIN).promises() == ()


def test_drift_shortens_a_lease() -> None:
    assert shortened(10 * SECOND) == 9900 * MS
