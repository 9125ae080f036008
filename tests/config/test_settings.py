"""What the settings of a node are, for the examples and for a file of defaults."""

from ipaddress import IPv4Address, IPv4Interface, IPv6Address
from pathlib import Path

import pytest

from hafailover.config.load import load, read_file
from hafailover.config.problems import ConfigErrors
from hafailover.group.actions import Severity
from hafailover.group.settings import (
    ArbiterKind,
    Automatism,
    FailbackSettings,
    FenceSettings,
    LeaseSettings,
    ServiceSettings,
    TimerSettings,
    WatchdogSettings,
)
from hafailover.runtime.settings import (
    AlertHookSettings,
    AlertSettings,
    EtcdSettings,
    FenceAgentSettings,
    PathSettings,
    PeerChannelSettings,
)
from hafailover.storage.settings import FullCheck, VolumeDeadlines, VolumeSettings
from hafailover.units import SECOND, Nanoseconds, milliseconds, seconds
from hafailover.vrrp.settings import AnnounceSettings, Family, Version
from tests.config.texts import EXAMPLES, PAIR, PLAIN, changed, read

WEB = EXAMPLES / "web-pair.yaml"


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_usable_for_each_of_its_nodes(example: Path) -> None:
    configuration = read_file(example)

    for node in configuration.nodes:
        assert configuration.settings(node).groups


def test_the_handbooks_pair() -> None:
    a, b = load(WEB, "Server_A"), load(WEB, "Server_B")
    (group,), (other,) = a.groups, b.groups
    (router,), (volume,) = group.routers, group.volumes

    assert (a.peer, b.peer) == ("Server_B", "Server_A")
    assert group.addresses == (IPv4Interface("192.168.1.102/32"),)
    assert group.interface == "lnc1"
    assert (router.vrid, router.version, router.interval_ns) == (1, Version.V2, SECOND)
    assert router.authentication == b"borkbork"
    assert router.primary_address == IPv4Address("192.168.1.100")
    assert router.expected_peers == (IPv4Address("192.168.1.101"),)
    assert (router.gated, router.hold_master) == (True, True)
    assert (group.is_preferred, other.is_preferred) == (True, False)
    assert volume.image == "/root/images/sitesprimary.img"
    assert other.volumes[0].image == "/root/images/sitesbackup.img"
    assert volume.size_bytes == 500 * 1024 * 1024
    assert (volume.mirror, volume.mount_point) == ("remotemirror", "/home/sites")
    assert group.arbiter is ArbiterKind.PING
    assert a.ping_targets == ("192.168.1.1",)
    assert [service.name for service in group.services] == ["apache"]
    assert (group.own_replication_address, group.peer_replication_address) == (
        "10.10.10.100",
        "10.10.10.101",
    )


def test_the_plain_router_has_one_router_per_family_and_hears_everybody() -> None:
    (group,) = load(EXAMPLES / "plain-vrrp.yaml", "router-a").groups
    four, six = group.routers

    assert (four.family, six.family) == (Family.IPV4, Family.IPV6)
    assert six.addresses == (IPv6Address("fe80::1"), IPv6Address("2001:db8::1"))
    assert six.primary_address == IPv6Address("fe80::2")
    assert four.expected_peers == ()
    assert (four.gated, four.hold_master) == (False, False)
    assert not group.has_storage


def test_what_the_file_leaves_out_is_what_the_settings_default_to() -> None:
    settings = read(PAIR).settings("a")
    (group,) = settings.groups
    (volume,) = group.volumes

    assert settings.channel == PeerChannelSettings()
    assert settings.paths == PathSettings()
    assert group.announce == AnnounceSettings()
    assert group.failback == FailbackSettings()
    assert group.rejoin is Automatism.AUTO
    assert volume == VolumeSettings(
        name="data",
        image="/img/data.img",
        size_bytes=16 << 20,
        mirror="data",
        mount_point="/home/data",
        md_units=(10, 11),
        ggate_units=(10, 11),
    )
    assert volume.deadlines == VolumeDeadlines()


def test_the_timers_default_to_those_of_the_group_where_no_arbiter_shifts_them() -> None:
    timers = read(PAIR).settings("a").groups[0].timers
    default = TimerSettings()
    shifted = {"probe_period"}

    for name in TimerSettings.__dataclass_fields__:
        if name not in shifted:
            assert getattr(timers, name) == getattr(default, name), name


def test_a_service_defaults_to_its_settings() -> None:
    text = changed(
        "    volumes:", "    services: [{name: s, start: [/x], stop: [/y]}]\n    volumes:"
    )

    assert read(text).settings("a").groups[0].services == (
        ServiceSettings(name="s", start=("/x",), stop=("/y",)),
    )


def test_interfaces_may_differ_between_the_nodes() -> None:
    text = changed("b: {lan", "b: {interfaces: {lan: igb3}, lan")

    assert read(text).settings("a").groups[0].interface == "em0"
    assert read(text).settings("b").groups[0].interface == "igb3"


def test_unicast_goes_to_the_other_node() -> None:
    text = changed("{version: 3}", "{mode: unicast}")

    assert read(text).settings("b").groups[0].routers[0].unicast_peers == (
        IPv4Address("192.0.2.11"),
    )


def test_a_plain_router_goes_by_the_peers_that_it_is_given() -> None:
    text = changed("priority: 150", "priority: 150\n    vrrp: {peers: [192.0.2.3]}", PLAIN)
    router = read(text).settings("r").groups[0].routers[0]

    assert router.expected_peers == (IPv4Address("192.0.2.3"),)
    assert router.unicast_peers == ()


def test_the_operator_decides_about_a_full_check_if_asked() -> None:
    text = changed("size: 16M", "size: 16M\n        fsck: operator")

    assert read(text).settings("a").groups[0].volumes[0].full_check is FullCheck.OPERATOR


def test_fence_makes_the_kernel_look_seldom() -> None:
    text = changed("kind: ping\n  targets: [192.0.2.1]", "kind: fence\n  command: [/fence]")

    assert read(text).settings("a").groups[0].volumes[0].gate_timeout_s == 600


PING = "kind: ping\n  targets: [192.0.2.1]"


def test_etcd_is_reached_as_the_file_says_and_its_lease_is_the_groups() -> None:
    text = changed(
        PING,
        "kind: etcd\n  endpoints: [https://e1:2379, https://e2:2379]\n  prefix: /ha\n"
        "  ca_file: /ca.pem\n  user: ha\n  password_file: /pw\n  lease: 12s\n  renew: 1500ms",
    )
    settings = read(text).settings("a")

    assert settings.etcd == EtcdSettings(
        endpoints=("https://e1:2379", "https://e2:2379"),
        prefix="/ha",
        ca_file=Path("/ca.pem"),
        user="ha",
        password_file=Path("/pw"),
    )
    assert settings.groups[0].lease == LeaseSettings(
        lease=seconds(12), renew=milliseconds(1500), peer_lease=seconds(12)
    )
    assert settings.watchdog_timeout == seconds(4)
    assert settings.groups[0].watchdog == WatchdogSettings(span=Nanoseconds(1 << 32))
    assert settings.fence is None


def test_what_a_fence_agent_needs_to_know_stands_in_no_text() -> None:
    text = changed(
        PING,
        "kind: fence\n  command: [/fence, -v]\n  action: 'off'\n  deadline: 10s\n"
        "  options: {b: {stdin: {ip: 10.0.0.2, password: secret}}}",
    )
    settings = read(text).settings("a")

    assert settings.fence == FenceAgentSettings(
        command=("/fence", "-v"),
        options=(("b", (("ip", "10.0.0.2"), ("password", "secret"))),),
        deadline=seconds(10),
    )
    assert "secret" not in repr(settings)
    assert settings.groups[0].fence == FenceSettings(deadline=seconds(10), powers_on=False)
    assert settings.etcd is None


def test_a_file_that_is_not_there_is_an_error_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot be read: No such file or directory"):
        load(tmp_path / "absent.yaml")


def test_a_file_that_is_no_text_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"version: 1\n\xff\n")

    with pytest.raises(ConfigErrors, match="not UTF-8 text, first on line 2"):
        load(path)


def test_commands_that_hear_of_alerts() -> None:
    given = "alerts: {queue: 20, exec: [{command: [/bin/a, b]}, {command: [/c], severity: note, deadline: 3s}]}"
    alerts = read(changed("groups:", f"{given}\ngroups:")).settings("a").alerts

    assert alerts == AlertSettings(
        hooks=(
            AlertHookSettings(command=("/bin/a", "b")),
            AlertHookSettings(
                command=("/c",), severity=Severity.NOTE, deadline=Nanoseconds(3 * SECOND)
            ),
        ),
        queue=20,
    )
    assert read(changed("groups:", "groups:")).settings("a").alerts == AlertSettings()


@pytest.mark.parametrize("none", ["[]", "{}"])
def test_a_router_without_volumes_may_say_so(none: str) -> None:
    written = read(f"{PLAIN}    volumes: {none}\n")
    assert written.settings("r").digest == read(PLAIN).settings("r").digest
