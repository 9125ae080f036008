"""``check`` says what is wrong with the arbiter before it is needed."""

from dataclasses import replace

import pytest

from hafailover.arbiter.record import ArbiterRecord, Change, Phase, encode_record
from hafailover.config.arbiter_facts import ArbiterFacts, EtcdFacts, FenceFacts
from hafailover.config.host_facts import HostFacts, PathFacts
from hafailover.config.judge_arbiter import judge_arbiter
from hafailover.config.load import read_text
from hafailover.runtime.settings import NodeSettings
from hafailover.units import SECOND
from tests.config.hosts import HEALTHY
from tests.config.texts import changed

ETCD = (
    "kind: etcd\n  endpoints: [https://e1:2379, https://e2:2379, https://e3:2379]\n"
    "  user: ha\n  password_file: /etc/pw"
)
FENCE = (
    "kind: fence\n  command: [/usr/local/sbin/fence_x]\n"
    "  options: {a: {stdin: {port: '1'}}, b: {stdin: {port: '2'}}}"
)
RECORD = encode_record(
    ArbiterRecord(
        epoch=3,
        in_sync=("a", "b"),
        lineages=(("data", "x"),),
        phase=Phase.IDLE,
        changed=Change(node="a", boot="b", nonce="n"),
    )
)
GOOD = EtcdFacts(version="3.5.1", lease_ns=10 * SECOND, records={"web": RECORD})


def settings_of(arbiter: str) -> NodeSettings:
    text = changed("kind: ping\n  targets: [192.0.2.1]", arbiter)
    return read_text(text, "test").settings("a")


def found(settings: NodeSettings, arbiter: ArbiterFacts, host: HostFacts = HEALTHY) -> list[str]:
    facts = replace(host, arbiter=arbiter)
    return [f"{each.severity.value}: {each.what}" for each in judge_arbiter(settings, facts)]


def with_etcd(**changes: object) -> ArbiterFacts:
    return ArbiterFacts(etcd=replace(GOOD, **changes), has_watchdog=True)  # type: ignore[arg-type]


def test_a_cluster_that_knows_the_group_is_fine() -> None:
    assert found(settings_of(ETCD), with_etcd()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"problem": "e1:2379: no route"}, "error: etcd cannot be asked: e1:2379: no route"),
        ({"is_open_to_all": True}, "warning: etcd asks nobody who he is"),
        ({"lease_ns": 12 * SECOND}, "warning: etcd grants a lease of 12 s where 10 s"),
        ({"database_bytes": 2 << 30}, "warning: the database of etcd has 2048 MB"),
        ({"records": {}}, "error: etcd has no record of group web"),
        ({"records": {"web": "{}"}}, "error: the record has version None"),
        (
            {"records": {"web": RECORD.replace('["a","b"]', '["a","z"]')}},
            "error: the copies that count are of z",
        ),
        (
            {"records": {"web": RECORD.replace('"data"', '"mail"')}},
            "error: the record speaks of the volumes mail, the file of data",
        ),
    ],
)
def test_what_is_wrong_with_etcd_is_said(changes: dict[str, object], words: str) -> None:
    (one,) = found(settings_of(ETCD), with_etcd(**changes))
    assert one.startswith(words)


def test_a_password_in_the_clear_and_a_lonely_member_are_warned_of() -> None:
    lonely = ETCD.replace("[https://e1:2379, https://e2:2379, https://e3:2379]", "[http://e1:2379]")
    texts = found(settings_of(lonely), with_etcd())
    assert [text.split(":")[0] for text in texts] == ["warning", "warning"]
    assert "unencrypted" in texts[0]
    assert "1 of the cluster's members" in texts[1]


def test_a_host_without_a_watchdog_is_not_strict() -> None:
    bare = ArbiterFacts(etcd=GOOD)
    (auto,) = found(settings_of(ETCD), bare)
    assert auto.startswith("warning: there is no watchdog (/dev/fido): not strict")
    (required,) = found(settings_of(f"{ETCD}\nwatchdog: {{mode: required}}"), bare)
    assert required.startswith("error: there is no watchdog")
    assert found(settings_of(f"{ETCD}\nwatchdog: {{mode: 'off'}}"), bare) == []


def test_nobody_else_may_pat_the_watchdog() -> None:
    host = replace(HEALTHY, programs=("watchdogd",))
    (one,) = found(settings_of(ETCD), with_etcd(), host)
    assert one.startswith("error: watchdogd pats the same watchdog")


def fenced(own: tuple[str, str], peer: tuple[str, str], *, there: bool = True) -> list[str]:
    path = PathFacts(exists=there, is_file=there, is_executable=there)
    host = replace(HEALTHY, paths={**HEALTHY.paths, "/usr/local/sbin/fence_x": path})
    return found(
        settings_of(FENCE), ArbiterFacts(fence=FenceFacts(said={"a": own, "b": peer})), host
    )


ON = ("on", "status: on")


def test_a_fence_device_that_answers_for_both_is_fine() -> None:
    assert fenced(ON, ON) == []
    assert fenced(ON, ("off", "status: off")) == []


@pytest.mark.parametrize(
    ("own", "peer", "words"),
    [
        (ON, ("unknown", "status: exit status 1"), "error: the fence device does not say how b"),
        (
            ("off", "status: off"),
            ON,
            "error: the fence device says that this node, a, has no power",
        ),
        (ON, ("on", "status: 0, without the word on"), "warning: the fence agent does not print"),
    ],
)
def test_what_is_wrong_with_a_fence_device_is_said(
    own: tuple[str, str], peer: tuple[str, str], words: str
) -> None:
    (one,) = fenced(own, peer)
    assert one.startswith(words)


def test_an_agent_that_is_not_installed_is_an_error() -> None:
    (one,) = fenced(ON, ON, there=False)
    assert one.startswith("error: /usr/local/sbin/fence_x is not there")


def test_groups_that_prefer_different_nodes_are_warned_of() -> None:
    settings = settings_of(FENCE)
    (one,) = settings.groups
    other = replace(one, name="mail", is_preferred=not one.is_preferred)
    said = ArbiterFacts(fence=FenceFacts(said={"a": ON, "b": ON}))
    program = {"/usr/local/sbin/fence_x": PathFacts(exists=True, is_file=True, is_executable=True)}
    host = replace(HEALTHY, paths={**HEALTHY.paths, **program})
    assert (
        found(replace(settings, groups=(one, replace(other, is_preferred=True))), said, host) == []
    )
    (text,) = found(replace(settings, groups=(one, other)), said, host)
    assert text.startswith("warning: some groups prefer a, others b")
