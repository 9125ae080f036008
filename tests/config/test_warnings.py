"""What is accepted, but said: nothing surprising happens in silence."""

from tests.config.texts import PAIR, PLAIN, changed, read, warnings


def test_a_priority_of_255_without_the_address_is_told_and_capped() -> None:
    text = changed("a: 200, b: 100", "a: 255, b: 200")

    assert warnings(text) == [
        (
            "f:14:19: warning: groups.web.priority: 255 means that a owns the virtual address, "
            "which it does not; 253 is used"
        )
    ]
    assert read(text).settings("a").groups[0].routers[0].priority == 253
    assert read(text).settings("b").groups[0].routers[0].priority == 200


def test_a_priority_of_254_counts_as_253_since_a_primary_advertises_254() -> None:
    text = changed("a: 200, b: 100", "a: 254, b: 100")

    assert warnings(text) == [
        (
            "f:14:19: note: groups.web.priority: 254 counts as 253: with volumes the primary "
            "advertises 254, and nobody stands above it"
        )
    ]


def test_the_long_password_of_old_setups_is_cut_to_eight_characters_with_a_warning() -> None:
    text = changed("version: 3", "version: 2, password: borkborkborkborkbork")

    assert warnings(text) == [
        (
            "f:15:34: warning: groups.web.vrrp.password: 20 characters, of which the protocol "
            "carries the first 8; the rest is cut off"
        )
    ]
    assert read(text).settings("a").groups[0].routers[0].authentication == b"borkbork"


def test_one_interface_for_both_networks_is_told() -> None:
    assert warnings(changed("interface: em1", "interface: em0")) == [
        (
            "f:7:28: warning: networks.replication.interface: the same interface as lan: one cut "
            "cable ends both service and replication"
        )
    ]


def test_preempt_with_volumes_is_told_to_have_no_effect() -> None:
    assert warnings(changed("version: 3", "preempt: false")) == [
        (
            "f:15:21: warning: groups.web.vrrp.preempt: has no effect with volumes: a running group "
            "never moves for a higher priority alone, see failback"
        )
    ]


def test_failback_without_volumes_is_told_to_have_no_effect() -> None:
    assert warnings(changed("priority: 150", "priority: 150\n    rejoin: auto", PLAIN)) == [
        "f:10:13: warning: groups.gateway.rejoin: has no effect without volumes, see vrrp.preempt"
    ]


def test_the_address_before_the_data_is_told() -> None:
    text = changed("priority: {", "address_first: true\n    priority: {")

    assert warnings(text) == [
        (
            "f:14:20: warning: groups.web.address_first: clients may reach a host without data, "
            "which you sign for here"
        )
    ]


def test_equal_priorities_of_plain_routers_are_only_a_warning() -> None:
    text = changed("  r: {lan: 192.0.2.2}", "  r: {lan: 192.0.2.2}\n  s: {lan: 192.0.2.3}", PLAIN)

    assert warnings(text) == [
        "f:10:15: warning: groups.gateway.priority: both nodes have 150: the higher address wins"
    ]


def test_an_owner_of_the_address_may_have_priority_255() -> None:
    text = changed("priority: 150", "priority: 255", changed("192.0.2.1/24", "192.0.2.2/24", PLAIN))

    assert warnings(text) == []
    assert read(text).settings("r").groups[0].routers[0].is_owner


FENCED = changed(
    "kind: ping\n  targets: [192.0.2.1]",
    'kind: fence\n  command: [/fence]\n  options: {a: {stdin: {plug: "1"}}, b: {stdin: {plug: "2"}}}',
)
TWO = f"""\
{FENCED}  mail:
    vrid: 8
    priority: {{a: 100, b: 200}}
    addresses: [192.0.2.20/32]
    volumes:
      mail:
        image: /img/mail.img
        size: 16M
        mount_point: /home/mail
        md_units: [20, 21]
        ggate_units: [20, 21]
        port: 3090
"""


def test_a_fence_device_between_two_nodes_that_are_each_preferred_somewhere_is_told() -> None:
    assert warnings(TWO) == [
        (
            "f:25:15: warning: groups.mail.priority: b is preferred here, and a for web: nodes that are cut from "
            "each other while each serves a group shoot each other, and nobody is left to switch one on; prefer "
            "the same one everywhere"
        )
    ]
    assert warnings(changed("{a: 100, b: 200}", "{a: 150, b: 100}", TWO)) == []


def test_a_healthy_file_is_silent() -> None:
    assert warnings(PAIR) == []
    assert warnings(PLAIN) == []
