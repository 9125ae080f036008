"""The digest says whether two nodes mean the same, and gives no secret away."""

import json

from hafailover.config.canonical import canonical_form, cluster_digest
from tests.config.texts import EXAMPLES, PAIR, changed, read

FENCE = changed(
    "kind: ping\n  targets: [192.0.2.1]",
    "kind: fence\n  command: [/fence]\n  options: {a: {stdin: {passwd: s3cret}}}",
)


def digest(text: str) -> str:
    return read(text).settings("a").digest


def test_both_nodes_have_the_same_digest() -> None:
    configuration = read(PAIR)
    a, b = configuration.settings("a"), configuration.settings("b")

    assert a.digest == b.digest
    assert a.groups[0].digest == b.groups[0].digest
    assert len(a.digest) == 64


def test_comments_order_and_spelling_change_nothing() -> None:
    text = changed("groups:", "# a comment\ngroups:")
    text = changed("{a: 200, b: 100}", "{b: 100, a: 200}", text)
    text = changed("{version: 3}", "{version: 3, interval: 1000ms}", text)
    text = changed("size: 16M", "size: 16384K", text)

    assert digest(text) == digest(PAIR)


def test_every_setting_counts() -> None:
    others = {
        digest(PAIR),
        digest(changed("vrid: 7", "vrid: 8")),
        digest(changed("a: 200", "a: 201")),
        digest(changed("em1", "em2")),
        digest(changed("groups:", "alerts: {repeat: 2h}\ngroups:")),
        digest(changed("16M", "17M")),
    }

    assert len(others) == 6


def test_a_groups_digest_leaves_out_what_cannot_harm_it() -> None:
    before = read(PAIR).settings("a").groups[0].digest
    alerts = changed("groups:", "alerts: {repeat: 2h}\ngroups:")
    timers = changed("groups:", "timers: {heartbeat: 200ms}\ngroups:")

    assert read(alerts).settings("a").groups[0].digest == before
    assert read(timers).settings("a").groups[0].digest != before


def test_secrets_stand_in_the_canonical_form_as_hashes_only() -> None:
    web = canonical_form(read((EXAMPLES / "web-pair.yaml").read_text()).root)
    fence = canonical_form(read(FENCE).root)

    assert "borkbork" not in json.dumps(web)
    assert "s3cret" not in json.dumps(fence)
    assert web["groups"]["web"]["vrrp"]["password"].startswith("sha256:")


def test_another_secret_is_another_digest() -> None:
    assert digest(FENCE) != digest(FENCE.replace("s3cret", "other"))


def test_the_digest_is_that_of_the_canonical_form() -> None:
    configuration = read(PAIR)

    assert configuration.settings("b").digest == cluster_digest(canonical_form(configuration.root))
