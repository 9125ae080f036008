"""RFC 9568 section 7.1 with its errata, RFC 3768 section 7.1: what counts."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from hafailover.units import SECOND
from hafailover.vrrp.acceptance import Accepted, Ignored, IgnoredReason, Note, accept
from hafailover.vrrp.advertisement import Advertisement, Defect, Malformed, decode
from hafailover.vrrp.settings import GROUP_IPV6, Family, RouterSettings, Version
from tests.vrrp import wire

V2 = wire.settings(Version.V2)
V3 = wire.settings(Version.V3)
V6 = wire.settings(Version.V3, family=Family.IPV6)
SECRET = wire.settings(Version.V2, password=b"secret12")


def heard(version: Version = Version.V3, **changes: object) -> Advertisement:
    return replace(wire.heard(100, version=version), **changes)  # type: ignore[arg-type]


def heard_6() -> Advertisement:
    return heard(source=wire.THEIRS_6, destination=GROUP_IPV6, addresses=wire.VIRTUAL_6)


def reason(settings: RouterSettings, received: Advertisement | Malformed) -> IgnoredReason | None:
    verdict = accept(settings, received)
    return verdict.reason if isinstance(verdict, Ignored) else None


@pytest.mark.parametrize("defect", list(Defect))
def test_each_defect_has_its_own_counter(defect: Defect) -> None:
    found = Malformed(defect=defect, source=wire.THEIRS, version=3, vrid=51)
    assert reason(V3, found) is IgnoredReason[defect.name]


@pytest.mark.parametrize("defect", [Defect.TYPE, Defect.LENGTH, Defect.CHECKSUM, Defect.CARP])
def test_the_version_is_asked_for_before_what_follows_it(defect: Defect) -> None:
    found = Malformed(defect=defect, source=wire.THEIRS, version=2, vrid=51)
    assert reason(V3, found) is IgnoredReason.VERSION


STAIRS: list[tuple[IgnoredReason, Callable[[Advertisement], Advertisement]]] = [
    (IgnoredReason.VERSION, lambda a: replace(a, version=Version.V3)),
    (IgnoredReason.OTHER_VRID, lambda a: replace(a, vrid=52)),
    (IgnoredReason.OWN_PACKET, lambda a: replace(a, source=wire.OURS)),
    (IgnoredReason.DESTINATION, lambda a: replace(a, destination=wire.OURS)),
    (IgnoredReason.NO_ADDRESSES, lambda a: replace(a, addresses=())),
    (IgnoredReason.AUTH_TYPE, lambda a: replace(a, auth_type=0)),
    (IgnoredReason.PASSWORD, lambda a: replace(a, authentication=b"wrong...")),
    (IgnoredReason.INTERVAL, lambda a: replace(a, interval_ns=2 * SECOND)),
    (IgnoredReason.ADDRESS_LIST, lambda a: replace(a, addresses=(wire.OURS,))),
]


@pytest.mark.parametrize("first", range(len(STAIRS)))
def test_the_first_failing_check_names_the_reason(first: int) -> None:
    """Of a packet in which check ``first`` and all later ones fail, only ``first`` is counted."""
    received = heard(Version.V2, auth_type=1, authentication=b"secret12")
    assert reason(SECRET, received) is None
    for _, spoil in reversed(STAIRS[first:]):
        received = spoil(received)
    assert reason(SECRET, received) is STAIRS[first][0]


def test_only_expected_peers_count_where_they_are_named() -> None:
    wary = wire.settings(expected_peers=(ip_address("192.0.2.9"),))
    assert reason(wary, heard()) is IgnoredReason.UNEXPECTED_SOURCE
    assert reason(wary, heard(source=ip_address("192.0.2.9"))) is None


def test_unicast_is_for_unicast_routers_only() -> None:
    unicast = wire.settings(unicast_peers=(wire.THEIRS,))
    assert reason(unicast, heard(destination=wire.OURS)) is None
    assert reason(unicast, heard()) is IgnoredReason.DESTINATION
    assert reason(V3, heard(destination=wire.OURS)) is IgnoredReason.DESTINATION


def test_a_password_where_none_is_configured_is_refused() -> None:
    assert reason(V2, heard(Version.V2, auth_type=1)) is IgnoredReason.AUTH_TYPE


def test_junk_in_the_authentication_field_is_ignored_with_type_0() -> None:
    assert reason(V2, heard(Version.V2, authentication=b"junkjunk")) is None


def test_a_version_2_interval_must_be_ours_a_version_3_interval_is_noted() -> None:
    assert reason(V2, heard(Version.V2, interval_ns=2 * SECOND)) is IgnoredReason.INTERVAL
    verdict = accept(V3, heard(interval_ns=SECOND // 2))
    assert isinstance(verdict, Accepted)
    assert verdict.notes == (Note.INTERVAL_DIFFERS,)


def test_erratum_8301_a_zero_interval_is_refused() -> None:
    assert reason(V3, heard(interval_ns=0)) is IgnoredReason.ZERO_INTERVAL


@pytest.mark.parametrize("settings", [V2, V3])
def test_erratum_8299_an_empty_list_is_refused(settings: RouterSettings) -> None:
    assert reason(settings, heard(settings.version, addresses=())) is IgnoredReason.NO_ADDRESSES


def test_erratum_8298_the_owner_listens_too() -> None:
    verdict = accept(wire.settings(priority=255), heard(priority=255))
    assert isinstance(verdict, Accepted)
    assert verdict.notes == (Note.WE_ARE_OWNER,)
    resigning = accept(wire.settings(priority=255), heard(priority=0))
    assert isinstance(resigning, Accepted)
    assert resigning.notes == ()


def test_erratum_8300_is_enforced_where_asked_for() -> None:
    strict = wire.settings(family=Family.IPV6, strict_ipv6_list=True)
    frr = replace(heard_6(), addresses=wire.VIRTUAL_6[1:])
    assert reason(strict, heard_6()) is None
    assert reason(strict, frr) is IgnoredReason.IPV6_LIST
    verdict = accept(V6, frr)
    assert isinstance(verdict, Accepted)
    assert verdict.notes == (Note.ADDRESSES_DIFFER,)


def test_a_foreign_list_is_refused_by_version_2_unless_the_owner_sends_it() -> None:
    foreign = heard(Version.V2, addresses=(*wire.VIRTUAL, wire.OURS))
    assert reason(V2, foreign) is IgnoredReason.ADDRESS_LIST
    assert reason(V2, replace(foreign, priority=255)) is None


def test_the_order_of_the_list_has_no_meaning() -> None:
    two = (ip_address("192.0.2.100"), ip_address("192.0.2.101"))
    settings = wire.settings(Version.V2, addresses=two)
    assert reason(settings, heard(Version.V2, addresses=two[::-1])) is None


def test_a_resignation_is_checked_like_everything_else() -> None:
    assert reason(V2, heard(Version.V2, priority=0)) is None
    assert reason(SECRET, heard(Version.V2, priority=0)) is IgnoredReason.AUTH_TYPE


def test_a_refusal_says_who_and_why() -> None:
    verdict = accept(V3, decode(b"", source=wire.THEIRS, destination=wire.OURS, ttl=255))
    assert isinstance(verdict, Ignored)
    assert verdict.sentence == (
        "ignored a VRRP message from 192.0.2.2: the message is shorter than its header"
    )


def test_sentences_are_all_different() -> None:
    # Members of equal value would be one member, and two checks would share a counter.
    assert len(IgnoredReason.__members__) == len(set(IgnoredReason)) == 18
