"""The hosting shop's files: every mistake is found, where it stands, and the new file is right."""

import pytest
import yaml

from hafailover.config.load import read_text
from hafailover.migration.finding import Weight
from tests.migration.handbook import done, handbook, rules

MISTAKES = [
    ("vrid-differs", "server-b/freevrrpd.conf", "serverid"),
    ("section-missing", "server-b/freevrrpd.conf", "serverid"),
    ("image-spelt-differently", "server-a/become_master.sh", "sitebackup.img"),
    ("floating-address-as-host", "server-b/gg.exports", "192.168.1.102"),
    ("floating-address-as-host", "server-b/become_master.sh", "ggatec create"),
    ("gate-option-unknown", "server-a/become_master.sh", "-d 5"),
    ("check-result-ignored", "server-a/become_master.sh", "fsck"),
    ("check-result-ignored", "server-b/become_master.sh", "fsck"),
    ("advertisements-blocked", "server-a/become_master.sh", "sleep 3"),
    ("advertisements-blocked", "server-a/become_master.sh", "sleep 5"),
    ("advertisements-blocked", "server-a/become_master.sh", "sleep 10"),
    ("priority-of-the-owner", "server-a/freevrrpd.conf", "priority = 255"),
    ("newer-copy-unknown", "server-a/become_master.sh", "gmirror label"),
    ("newer-copy-unknown", "server-b/become_master.sh", "gmirror insert"),
    ("waits-for-the-rebuild", "server-a/become_master.sh", "while true"),
]


@pytest.mark.parametrize(("rule", "file", "line"), MISTAKES)
def test_a_mistake_is_found_on_its_line(rule: str, file: str, line: str) -> None:
    given = handbook()
    converted = done(given)

    text = next(
        source.text
        for source in (*given.routers, *given.exports, *given.scripts)
        if source.path == file
    )
    wanted = {n for n, each in enumerate(text.splitlines(), start=1) if line in each}
    found = [f for f in converted.findings if f.rule == rule and f.place.file == file]
    assert wanted & {finding.place.line for finding in found}
    for finding in found:
        assert finding.what
        assert finding.consequence
        assert finding.remedy


def test_the_loop_around_an_unknown_option_goes_on_for_ever() -> None:
    found = next(f for f in done(handbook()).findings if f.rule == "gate-option-unknown")

    assert "for ever" in found.consequence


def test_the_new_file_needs_nothing_more_when_everything_was_given() -> None:
    converted = done(handbook())

    assert not [
        f for f in converted.findings if f.weight is Weight.FILL_IN and f.rule != "size-unknown"
    ]
    new = yaml.safe_load(converted.text)
    assert new["nodes"] == {
        "server-a": {"lan": "192.168.1.100", "replication": "10.10.10.100"},
        "server-b": {"lan": "192.168.1.101", "replication": "10.10.10.101"},
    }
    assert new["networks"] == {"lan": {"interface": "lnc1"}, "replication": {"interface": "lnc0"}}
    assert new["arbiter"] == {"kind": "ping", "targets": ["192.168.1.1"]}
    group = new["groups"]["sites"]
    assert group["vrid"] == 1
    assert group["priority"] == {"server-a": 253, "server-b": 200}
    assert group["addresses"] == ["192.168.1.102/32"]
    assert group["volumes"]["sites"]["image"] == {
        "server-a": "/root/images/sitesprimary.img",
        "server-b": "/root/images/sitesbackup.img",
    }
    assert group["volumes"]["sites"]["mirror"] == "remotemirror"
    assert group["volumes"]["sites"]["mount_point"] == "/home/sites"
    assert group["services"][0]["start"] == ["/usr/sbin/service", "apache24", "onestart"]


def test_the_new_file_is_usable_even_if_little_is_known() -> None:
    for given in (handbook(hosts=False), handbook()):
        read_text(done(given).text, "new")


def test_what_stands_in_no_file_is_asked_for() -> None:
    assert {"lan-address-unknown", "link-address-unknown", "size-unknown"} <= rules(
        done(handbook(hosts=False))
    )
