"""RFC 9568 section 6.1, RFC 3768 section 6.1.2: which values can be configured."""

from ipaddress import ip_address

import pytest

from hafailover.units import CENTISECOND, MILLISECOND, SECOND
from hafailover.vrrp.settings import AnnounceSettings, Family, Version
from tests.vrrp.wire import OURS, VIRTUAL, settings


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("vrid", {"vrid": 0}),
        ("vrid", {"vrid": 256}),
        ("priority", {"priority": 0}),
        ("priority", {"priority": 256}),
        ("interval_ns", {"interval_ns": 0}),
        ("interval_ns", {"interval_ns": 15 * MILLISECOND}),
        ("interval_ns", {"interval_ns": 4096 * CENTISECOND}),
        ("interval_ns", {"version": Version.V2, "interval_ns": SECOND // 2}),
        ("interval_ns", {"version": Version.V2, "interval_ns": 256 * SECOND}),
        ("preempt_delay_ns", {"preempt_delay_ns": -1}),
        ("password", {"password": b"x"}),
        ("version", {"version": Version.V2, "family": Family.IPV6}),
        ("addresses", {"addresses": ()}),
        ("addresses", {"addresses": VIRTUAL * 2}),
        ("addresses", {"addresses": (ip_address("2001:db8::1"),)}),
        ("addresses", {"family": Family.IPV6, "addresses": (ip_address("2001:db8::1"),)}),
        ("primary_address", {"primary_address": ip_address("fe80::1")}),
        ("unicast_peers", {"unicast_peers": (OURS,)}),
        ("expected_peers", {"expected_peers": (ip_address("fe80::2"),)}),
    ],
)
def test_a_value_that_the_protocol_cannot_carry_is_refused_by_name(
    field: str, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        settings(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "interval_ns"),
    [
        (Version.V2, SECOND),
        (Version.V2, 255 * SECOND),
        (Version.V3, CENTISECOND),
        (Version.V3, 4095 * CENTISECOND),
    ],
)
def test_the_limits_of_the_interval_are_allowed(version: Version, interval_ns: int) -> None:
    assert settings(version, interval_ns=interval_ns).interval_ns == interval_ns


@pytest.mark.parametrize(
    ("password", "field"),
    [
        (None, bytes(8)),
        (b"abc", b"abc\0\0\0\0\0"),
        (b"borkborkborkborkbork", b"borkbork"),
    ],
)
def test_the_password_fills_eight_bytes(password: bytes | None, field: bytes) -> None:
    assert settings(Version.V2, password=password).authentication == field


def test_link_local_addresses_are_sent_first_and_the_rest_keeps_its_order() -> None:
    listed = tuple(map(ip_address, ("2001:db8::2", "2001:db8::1", "fe80::5")))
    sent = settings(family=Family.IPV6, addresses=listed).advertised_addresses
    assert [str(address) for address in sent] == ["fe80::5", "2001:db8::2", "2001:db8::1"]


@pytest.mark.parametrize(
    "changes",
    [
        {"burst_count": 0},
        {"burst_interval_ns": -1},
        {"repeat_delay_ns": -1},
        {"refresh_interval_ns": -1},
    ],
)
def test_announcements_cannot_be_configured_into_nonsense(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(changes))}: "):
        AnnounceSettings(**changes)
