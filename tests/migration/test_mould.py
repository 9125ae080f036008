"""Mistakes are found in files of that kind, whatever things are called, and only where they are."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hafailover.config.load import read_text
from hafailover.migration.commands import GGATEC_OPTIONS
from hafailover.migration.finding import Weight
from tests.migration.handbook import Mould, done, rules

PLANTED = (
    "vrid-differs",
    "section-missing",
    "image-spelt-differently",
    "floating-address-as-host",
    "gate-option-unknown",
    "check-result-ignored",
    "advertisements-blocked",
    "priority-of-the-owner",
    "newer-copy-unknown",
    "waits-for-the-rebuild",
    "password-cut",
)
WORDS = st.from_regex(r"[a-z][a-z0-9]{2,8}", fullmatch=True)
UNKNOWN = sorted(set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ") - set(GGATEC_OPTIONS["create"]))


@st.composite
def moulds(draw: st.DrawFn) -> Mould:
    net = draw(st.integers(1, 250))
    hosts = draw(st.lists(WORDS, min_size=2, max_size=2, unique=True))
    files = draw(st.lists(WORDS, min_size=2, max_size=2, unique=True))
    return Mould(
        hosts=(hosts[0], hosts[1]),
        lan=(f"203.0.113.{net}", "203.0.113.251"),
        link=(f"10.{net}.0.1", f"10.{net}.0.2"),
        virtual="203.0.113.252",
        vrid=draw(st.integers(1, 254)),
        interface=draw(st.sampled_from(["em0", "igb1", "vtnet2", "re3"])),
        images=(f"/{draw(WORDS)}/{files[0]}.img", f"/{draw(WORDS)}/{files[1]}.img"),
        mirror=draw(WORDS),
        mount_point=f"/{draw(WORDS)}/{draw(WORDS)}",
        service=draw(WORDS.filter(lambda word: word != "ggated")),
        seconds=draw(st.integers(1, 90)),
        letter=draw(st.sampled_from(UNKNOWN)),
        mistakes=draw(st.frozensets(st.sampled_from(PLANTED))),
    )


@settings(max_examples=25, deadline=None)
@given(moulds())
def test_exactly_the_planted_mistakes_are_found(mould: Mould) -> None:
    converted = done(mould.given())

    assert rules(converted) & set(PLANTED) == mould.mistakes
    assert not [found for found in converted.findings if found.weight is Weight.FILL_IN]
    settings_of = read_text(converted.text, "new").settings(mould.hosts[0])
    volume = settings_of.groups[0].volumes[0]
    assert (volume.image, volume.mirror) == (mould.images[0], mould.mirror)
    assert volume.mount_point == mould.mount_point
    assert [service.name for service in settings_of.groups[0].services] == [mould.service]


@pytest.mark.parametrize("mistake", PLANTED)
def test_one_planted_mistake_is_found_alone(mistake: str) -> None:
    assert rules(done(Mould(mistakes=frozenset({mistake})).given())) & set(PLANTED) == {mistake}


def test_a_pair_without_mistakes_has_no_errors() -> None:
    worst = [f for f in done(Mould().given()).findings if f.weight is Weight.ERROR]

    assert worst == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5), moulds())
def test_any_text_is_read_without_a_traceback(noise: list[str], mould: Mould) -> None:
    whole = mould.given()
    for source in (*whole.routers, *whole.exports, *whole.scripts, *whole.hosts):
        for piece in noise:
            object.__setattr__(source, "text", source.text.replace("\n", piece + "\n", 3))

    converted = done(whole)

    assert converted.text.startswith("# Made by")


def test_one_cable_for_everything_leaves_an_address_to_be_given() -> None:
    old = Mould(link=Mould.lan).given()
    hosts = [replace(each, text=each.text.replace("ifconfig_lnk0", "#")) for each in old.hosts]

    converted = done(replace(old, hosts=hosts))

    asked = [each for each in converted.findings if each.rule == "link-address-unknown"]
    assert len(asked) == 2
    assert "second address" in asked[0].remedy
    read_text(converted.text, "new")


def test_an_option_with_which_nothing_can_be_served_is_left_out() -> None:
    old = Mould().given()
    scripts = [
        replace(each, text=each.text.replace("mount /", "mount -o noatime,update,noauto /"))
        for each in old.scripts
    ]

    converted = done(replace(old, scripts=scripts))

    settings_of = read_text(converted.text, "new").settings("north")
    assert settings_of.groups[0].volumes[0].mount_options == ("noatime",)
