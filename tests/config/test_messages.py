"""Every rule of the file has its message, with the place of what is wrong."""

from collections.abc import Callable
from errno import EACCES
from pathlib import Path

import pytest

from hafailover.config.load import read_file
from hafailover.config.problems import ConfigErrors
from tests.config.texts import PAIR, PLAIN, changed, errors

SECOND = """\
  more:
    vrid: 8
    priority: {a: 200, b: 100}
    addresses: [192.0.2.20/32]
    volumes:
      other:
        image: /img/other.img
        size: 16M
        mount_point: /home/other
        port: 3090
        md_units: [20, 21]
        ggate_units: [20, 21]
"""
V = "vrrp: {version: 3}"
P = "priority: {a: 200, b: 100}"
PING = "kind: ping\n  targets: [192.0.2.1]"
IN_A_PAIR = [
    ("vrid: 7", "vird: 7"),
    ("vrid: 7", "vrid: 0"),
    ("vrid: 7", "vrid: 0x7"),
    ("vrid: 7", 'vrid: "7"'),
    ("vrid: 7", "vrid: 7\n    vrid: 8"),
    ("vrid: 7", "vrid:"),
    ("vrid: 7", "vrid: [7]"),
    ("vrid: 7", "vrid: {}"),
    ("version: 1\n", "version: 2\n"),
    ("version: 1\n", ""),
    ("version: 1\n", "version: 1\n&a x: 1\n"),
    ("16M", "16"),
    ("16M", "16X"),
    ("16M", "1000B"),
    ("16M", "17T"),
    (V, "vrrp: {version: 2, interval: 300ms}"),
    (V, "vrrp: {interval: 1}"),
    (V, "vrrp: {interval: 15ms}"),
    (V, "vrrp: {interval: 60s}"),
    (V, "vrrp: {preempt: yes}"),
    (V, 'vrrp: {preempt: "true"}'),
    (V, "vrrp: {password: abc}"),
    (V, "vrrp: {version: 2, password: geheimö}"),
    (V, "vrrp: {mode: unicats}"),
    (V, "vrrp: {peers: [192.0.2.99]}"),
    (V, "vrrp: {accept: false}"),
    (V, "vrrp: 3"),
    ("192.0.2.10/32", "192.0.2.12/32"),
    ("192.0.2.10/32", "192.0.2.300/32"),
    ("192.0.2.10/32", "224.0.0.18/32"),
    ("192.0.2.10/32", "192.0.2.10/0"),
    ("192.0.2.10/32", "192.0.2.0/24"),
    ("192.0.2.10/32", "192.0.2.255/24"),
    ("192.0.2.10/32", "255.255.255.255/32"),
    ("192.0.2.10/32", "127.0.0.5/32"),
    ("192.0.2.10/32", "0.0.0.0/32"),
    ("192.0.2.10/32", "2001:db8::10/0"),
    ("192.0.2.10/32", "fe80::1%em0/64"),
    ("[192.0.2.10/32]", "[]"),
    ("[192.0.2.10/32]", "192.0.2.10"),
    ("192.0.2.10/32", "192.0.2.10/32, 192.0.2.10/24"),
    ("192.0.2.10/32", "192.0.2.10/32, 2001:db8::1/64"),
    (
        "vrrp: {version: 3}\n    addresses: [192.0.2.10/32]",
        "vrrp: {version: 2}\n    addresses: [192.0.2.10/32, fe80::1/64]",
    ),
    ("lan: 192.0.2.12", "lan: 2001:db8::12"),
    ("lan: 192.0.2.12", "lan: 127.0.0.1"),
    ("lan: 192.0.2.12", "lan: 255.255.255.255"),
    ("lan: 192.0.2.12", "lan: 0.0.0.0"),
    ("lan: 192.0.2.12", "lan: 224.0.0.18"),
    ("10.0.0.12", "127.0.0.2"),
    ("10.0.0.12", "192.0.2.12"),
    ("[192.0.2.1]", "[127.0.0.1]"),
    ("[192.0.2.1]", "[192.0.2.12]"),
    ("[192.0.2.1]", "[192.0.2.1, 192.0.2.10]"),
    ("/img/data.img", "img/data.img"),
    ("/img/data.img", "'/img/da ta.img'"),
    ("/img/data.img", "'/img/da&ta.img'"),
    ("/img/data.img", '/img/"da".img'),
    ("/img/data.img", "/home/data/x.img"),
    ("/img/data.img", "{a: /img/a.img}"),
    ("/img/data.img", "{a: /img/a.img, b: /img/b.img, c: /x}"),
    ("/img/data.img", "/img/../x"),
    ("size: 16M", "size: 16M\n        mirror: a-name-of-16-chr"),
    ("      data:", "      a-name-of-16-chr:"),
    ("      data:", "      -rf:"),
    ("size: 16M", "size: 16M\n        gate_timeout: 0s"),
    ("size: 16M", "size: 16M\n        gate_timeout: 1500ms"),
    ("size: 16M", "size: 16M\n        md_units: [3, 3]"),
    ("size: 16M", "size: 16M\n        md_units: [3]"),
    ("size: 16M", "size: 16M\n        port: 3081"),
    ("size: 16M", "size: 16M\n        queue_size: 8192"),
    ("size: 16M", "size: 16M\n        fsck: always"),
    ("size: 16M", "size: 16M\n        mount_options: [noatime, ro]"),
    ("size: 16M", "size: 16M\n        mount_options: [RdOnly]"),
    ("size: 16M", "size: 16M\n        mount_options: [update]"),
    ("size: 16M", "size: 16M\n        mount_options: [reload]"),
    ("size: 16M", "size: 16M\n        mount_options: [snapshot]"),
    ("size: 16M", "size: 16M\n        mount_options: [force]"),
    ("size: 16M", "size: 16M\n        mount_options: [noauto]"),
    ("size: 16M", "size: 16M\n        mount_options: ['a b']"),
    (P, "priority: 100"),
    (P, "priority: {a: 255, b: 254}"),
    (P, "priority: {a: 200}"),
    ("arbiter:\n  " + PING + "\n", ""),
    (PING, "kind: none"),
    ("  targets: [192.0.2.1]\n", ""),
    ("kind: ping", "kind: pong"),
    ("  kind: ping\n", ""),
    ("[192.0.2.1]", "[192.0.2.1]\n  required: 2"),
    (PING, "kind: etcd\n  endpoints: [http://e:1]\n  cert_file: /x"),
    (PING, "kind: etcd\n  endpoints: [e:2379]"),
    (PING, "kind: fence\n  command: [/f]\n  options: {c: {stdin: {ip: x}}}"),
    (", replication: 10.0.0.12", ""),
    ("10.0.0.12", "10.0.0.11"),
    ("10.0.0.12", "fe80::1"),
    ("b: {lan", "b: {hostname: a, lan"),
    ("a: {lan", "a: {hostname: under_score, lan"),
    ("  b: {lan: 192.0.2.12, replication: 10.0.0.12}\n", ""),
    ("networks:", "  c: {lan: 192.0.2.13, replication: 10.0.0.13}\nnetworks:"),
    ("  replication: {interface: em1}\n", ""),
    ("  lan: {interface: em0}\n", "  lan: {}\n"),
    ("groups:", "paths: {state: /home/data/db}\ngroups:"),
    ("groups:", "channel: {key_file: /home/data/k}\ngroups:"),
    ("groups:", "paths: {state: /var/run/hafailover/db}\ngroups:"),
    ("groups:", "alerts: {webhook: [{url: 'http://[::1'}]}\ngroups:"),
    ("groups:", "alerts: {webhook: [{url: 'http://h:99999/'}]}\ngroups:"),
    ("groups:", "timers: {heartbeat: 600ms}\ngroups:"),
    ("groups:", "timers: {canary_period: 2s}\ngroups:"),
    ("groups:", "timers: {takeover_margin: 100ms}\ngroups:"),
    ("    volumes:", "    failback: {window: 25:00-26:00}\n    volumes:"),
    (
        "    volumes:",
        "    services: [{name: s, start: [apachectl, start], stop: [/x]}]\n    volumes:",
    ),
    (
        "    volumes:",
        "    services: [{name: s, start: [/x], stop: [/x]}, {name: s, start: [/x], stop: [/x]}]\n    volumes:",
    ),
    ("    volumes:", "    services: {name: s}\n    volumes:"),
]
BETWEEN_TWO_GROUPS = [
    ("vrid: 8", "vrid: 7"),
    ("192.0.2.20", "192.0.2.10"),
    ("/img/other.img", "/img/data.img"),
    ("/home/other", "/home/data"),
    ("/home/other", "/home/data/below"),
    ("        port: 3090\n", ""),
    ("md_units: [20, 21]", "md_units: [11, 12]"),
    ("        ggate_units: [20, 21]\n", ""),
    (
        "size: 16M\n        mount_point: /home/other",
        "size: 16M\n        mirror: data\n        mount_point: /home/other",
    ),
]
IN_A_PLAIN_ROUTER = [
    ("priority: 150", "priority: 150\n    vrrp: {mode: unicast}"),
    ("192.0.2.1/24", "fe80::1/64"),
    ("groups:\n", "groups: {}\nx:\n"),
    ("priority: 150", "priority: 150\n    vrrp: {peers: [192.0.2.2]}"),
    ("priority: 150", "priority: 150\n    vrrp: {peers: [192.0.2.3, 192.0.2.3]}"),
    ("r: {lan: 192.0.2.2}", "r: 192.0.2.2"),
    ("r: {lan: 192.0.2.2}", "{}"),
    ("  r:", "  -r:"),
]


def transcript(cases: list[tuple[str, str]], text: str) -> str:
    """Return each change and what is said about it."""
    lines = []
    for old, new in cases:
        found = errors(changed(old, new, text))
        assert found, f"{new!r} for {old!r} is not noticed"
        lines += [f"{old!r} -> {new!r}", *(f"    {line}" for line in found), ""]
    return "\n".join(lines)


def test_the_texts_that_are_changed_here_are_free_of_errors() -> None:
    assert errors(PAIR) == []
    assert errors(PAIR + SECOND) == []
    assert errors(PLAIN) == []


def test_each_mistake_has_its_exact_message(golden: Callable[[str, str], None]) -> None:
    parts = {
        "In a pair": transcript(IN_A_PAIR, PAIR),
        "Between two groups": transcript(BETWEEN_TWO_GROUPS, PAIR + SECOND),
        "In a plain router": transcript(IN_A_PLAIN_ROUTER, PLAIN),
    }
    golden("config_messages.txt", "\n".join(f"# {name}\n\n{text}" for name, text in parts.items()))


def test_addresses_of_single_hosts_are_taken() -> None:
    for text in ("192.0.2.10/31", "192.0.2.21/31", "192.0.2.10/24", "10.0.0.0/31", "10.0.1.0/16"):
        assert errors(changed("192.0.2.10/32", text)) == []


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order() -> None:
    text = changed("vrid: 7", "vrid: 700")
    text = changed("lan: {interface: em0}", "lan: {interface: e m}", text)
    text = changed("size: 16M", "size: 16", text)
    text = changed("/home/data", "home", text)

    keys = [line.split(": ")[1] for line in errors(text)]

    assert keys == [
        "networks.lan.interface",
        "groups.web.vrid",
        "groups.web.volumes.data.size",
        "groups.web.volumes.data.mount_point",
    ]


def test_what_follows_from_a_mistake_is_not_told_a_second_time() -> None:
    assert len(errors(changed("version: 3", "version: 7"))) == 1


def test_a_file_that_this_user_may_not_read_asks_for_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_path: Path) -> bytes:
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigErrors) as caught:
        read_file(tmp_path / "f")
    assert caught.value.hint == "run this as root"
