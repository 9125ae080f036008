"""One thing wrong with a healthy host is one finding, with its remedy."""

from dataclasses import replace

import pytest

from hafailover.config.findings import judge
from hafailover.config.host_facts import HostFacts
from hafailover.storage.facts import Gate, Mount
from tests.config.hosts import (
    DIRECTORY,
    EMPTY_GEOM,
    HEALTHY,
    IMAGE,
    KEY,
    KEY_PATH,
    ROOT_MOUNT,
    TEXT,
    found,
    healthy,
    said,
    with_disk,
    with_mirror,
    with_path,
    with_sysctl,
    with_text,
)
from tests.config.texts import PLAIN, changed, read

ABSENT = replace(IMAGE, exists=False)
GATE = Gate(unit=11, info="10.0.0.12:3080 /x", timeout_s=30, open_mode="r1w1e1")


def mounted(device: str, point: str, kind: str = "ufs") -> HostFacts:
    mount = Mount(device=device, mount_point=point, kind=kind, is_read_only=False)
    return healthy(mounts=(ROOT_MOUNT, mount))


CASES: list[tuple[str, HostFacts, list[str]]] = [
    (
        "a mount point behind a link",
        with_path("/home/data", replace(DIRECTORY, real="/usr/home/data")),
        ["error: /home/data leads through a symbolic link to /usr/home/data"],
    ),
    (
        "an image behind a link",
        with_path("/img/data.img", replace(IMAGE, real="/pool/data.img")),
        ["error: /img/data.img leads through a symbolic link to /pool/data.img"],
    ),
    (
        "another system",
        healthy(system="Linux"),
        ["error: this host runs Linux; md, ggate and gmirror exist on FreeBSD only"],
    ),
    (
        "an old release",
        healthy(release="12.4-RELEASE"),
        ["error: FreeBSD 12.4-RELEASE is older than 13.0"],
    ),
    (
        "not root",
        healthy(own_user=1001),
        ["warning: not run as root: much of what follows could not be seen"],
    ),
    (
        "clock not set",
        healthy(wall_clock_s=0.0),
        ["warning: the clock of this host is not set"],
    ),
    (
        "debugflags",
        with_sysctl("kern.geom.debugflags", "16"),
        ["error: kern.geom.debugflags is 16: devices in use can be written past their owner"],
    ),
    (
        "failing copies stay",
        with_sysctl("kern.geom.mirror.disconnect_on_failure", "0"),
        [
            (
                "error: kern.geom.mirror.disconnect_on_failure is 0: a failing copy stays in the "
                "mirror"
            )
        ],
    ),
    (
        "carp",
        healthy(is_carp_loaded=True),
        [
            (
                "warning: carp(4) is loaded and takes every packet of protocol 112: the agent hears "
                "VRRP through bpf(4) instead"
            )
        ],
    ),
    (
        "a minimal set of base packages",
        healthy(missing_tools=("ggatec", "ggated")),
        ["error: ggatec(8) is not on this host", "error: ggated(8) is not on this host"],
    ),
    (
        "no mirror module",
        healthy(geom_classes=("DISK", "MD", "GATE")),
        ["error: the kernel module geom_mirror is not loaded"],
    ),
    (
        "no gate and md modules",
        healthy(geom_classes=("DISK", "MIRROR")),
        [
            "error: the kernel module geom_gate is not loaded",
            "error: the kernel module geom_md is not loaded",
        ],
    ),
    (
        "no look at the storage",
        healthy(geom_classes=None, geom=None, geom_problem="hung"),
        ["error: the storage of this host could not be seen: hung"],
    ),
    (
        "no look at the mounts",
        healthy(mounts=None, mounts_problem="hung"),
        ["warning: the mount table could not be read: hung"],
    ),
    ("no key", with_path(KEY_PATH, ABSENT), ["error: the key file is missing"]),
    (
        "a key for all to read",
        with_path(KEY_PATH, replace(KEY, mode=0o644)),
        ["error: the key file has mode 0644: others can read it"],
    ),
    (
        "a short key",
        with_path(KEY_PATH, replace(KEY, size_bytes=31)),
        ["error: the key has 31 bytes, at least 32 are needed"],
    ),
    (
        "another's key",
        with_path(KEY_PATH, replace(KEY, owner=80)),
        ["error: the key file belongs to user 80"],
    ),
    (
        "a key that cannot be looked at",
        with_path(KEY_PATH, replace(ABSENT, problem="Permission denied")),
        ["warning: the key file could not be looked at: Permission denied"],
    ),
    (
        "no state directory",
        with_path("/var/db/hafailover", ABSENT),
        ["note: the state directory does not exist yet"],
    ),
    (
        "a read-only state directory",
        with_path("/var/db/hafailover", replace(DIRECTORY, is_writable=False)),
        ["error: the state directory cannot be written"],
    ),
    (
        "a volatile state directory",
        mounted("tmpfs", "/var/db", "tmpfs"),
        ["error: the state directory lies on tmpfs: the records would be lost at a reboot"],
    ),
    (
        "a remote state directory",
        mounted("nas:/x", "/var/db", "nfs"),
        ["warning: the state directory lies on nfs: records must not wait for a network"],
    ),
    (
        "a state directory on the volume",
        mounted("/dev/mirror/data", "/var/db"),
        ["error: the state directory lies on the volume /dev/mirror/data"],
    ),
    (
        "a rival",
        healthy(programs=("init", "freevrrpd")),
        ["error: freevrrpd runs on this host"],
    ),
    (
        "ggated at boot",
        with_text("/etc/rc.conf", 'a="b"\nggated_enable="YES"\n'),
        ["error: ggated is started at boot: a second writer of the image"],
    ),
    (
        "freevrrpd at boot",
        with_text("/etc/rc.conf.local", "freevrrpd_enable=yes\n"),
        ["error: freevrrpd is started at boot"],
    ),
    ("ggated not at boot", with_text("/etc/rc.conf", "ggated_enable=NO\n"), []),
    (
        "the address at boot",
        with_text("/etc/rc.conf", 'ifconfig_em0_alias0="inet 192.0.2.10/32"\n'),
        ["error: the virtual address 192.0.2.10 is configured at boot"],
    ),
    (
        "another address at boot",
        with_text("/etc/rc.conf", 'ifconfig_em0="inet 192.0.2.101/32" # 192.0.2.10\n'),
        [],
    ),
    (
        "the md unit at boot",
        with_text("/etc/rc.conf", 'mdconfig_md11="-t vnode -f /x"\n'),
        ["error: md11 is attached at boot"],
    ),
    (
        "the image at boot",
        with_text("/etc/rc.conf", 'mdconfig_md3="-t vnode -f /img/data.img"\n'),
        ["error: md3 is attached at boot"],
    ),
    (
        "the mount point in fstab",
        with_text("/etc/fstab", "# x\n/dev/ada1 /home/data ufs rw 2 2\n"),
        ["error: /home/data is in /etc/fstab"],
    ),
    (
        "the mirror in fstab",
        with_text("/etc/fstab", "/dev/mirror/data /mnt ufs rw 2 2\n"),
        ["error: /home/data is in /etc/fstab"],
    ),
    (
        "a service without its program",
        with_path("/bin/www", ABSENT),
        ["error: /bin/www is not there, or cannot be executed"] * 2,
    ),
    (
        "no such interface",
        healthy(interfaces=("em0", "lo0")),
        ["error: there is no interface em1 on this host"],
    ),
    (
        "own address missing",
        healthy(local_addresses=frozenset({"192.0.2.11"})),
        ["error: 10.0.0.11 is on no interface of this host"],
    ),
    (
        "virtual address here",
        healthy(local_addresses=HEALTHY.local_addresses | {"192.0.2.10"}),
        ["error: 192.0.2.10 is on an interface of this host while the agent is not running"],
    ),
    (
        "virtual address of the running agent",
        healthy(local_addresses=HEALTHY.local_addresses | {"192.0.2.10"}, is_agent_running=True),
        [],
    ),
    (
        "ports taken",
        healthy(busy_ports=frozenset({3080, 3081})),
        [
            "error: something listens on TCP port 3081 already, and it is not the agent",
            "error: something listens on TCP port 3080 already, and it is not the agent",
        ],
    ),
    (
        "ports of the running agent",
        healthy(busy_ports=frozenset({3080, 3081}), is_agent_running=True),
        [],
    ),
    (
        "no image",
        with_path("/img/data.img", ABSENT),
        ["error: the image /img/data.img does not exist"],
    ),
    (
        "a device as image",
        with_path("/img/data.img", replace(IMAGE, is_file=False)),
        ["error: /img/data.img is no regular file"],
    ),
    (
        "an image of another size",
        with_path("/img/data.img", replace(IMAGE, size_bytes=1 << 20)),
        ["error: /img/data.img has 1048576 bytes, configured are 16777216"],
    ),
    (
        "a sparse image",
        with_path("/img/data.img", replace(IMAGE, allocated_bytes=6 << 20)),
        ["warning: /img/data.img is sparse: 10 MiB of it are not allocated (or compressed)"],
    ),
    (
        "a read-only image",
        with_path("/img/data.img", replace(IMAGE, is_writable=False)),
        ["error: /img/data.img cannot be written: md(4) would attach it read-only, and exit 0"],
    ),
    (
        "an image for all to read",
        with_path("/img/data.img", replace(IMAGE, mode=0o644)),
        ["warning: /img/data.img has mode 0644: others can read or write the data"],
    ),
    (
        "another's image",
        with_path("/img/data.img", replace(IMAGE, owner=80)),
        ["warning: /img/data.img belongs to user 80"],
    ),
    ("the md unit taken", with_disk(11, "/img/x"), ["error: md11 is taken by /img/x"]),
    ("another md unit taken", with_disk(12, "/img/x"), []),
    (
        "the image attached",
        with_disk(10, "/img/data.img"),
        ["warning: /img/data.img is attached as md10 while the agent is not running"],
    ),
    (
        "the image attached by the agent",
        replace(with_disk(10, "/img/data.img"), is_agent_running=True),
        [],
    ),
    (
        "a ggate left over",
        healthy(geom=replace(EMPTY_GEOM, gates=(GATE,))),
        ["warning: ggate11 exists while the agent is not running (10.0.0.12:3080 /x)"],
    ),
    (
        "a mirror of another image",
        with_mirror("md3", 3, "/img/x"),
        ["error: mirror data is there and does not stand on /img/data.img, but on md3"],
    ),
    (
        "the mirror of the image",
        with_mirror("md10", 10, "/img/data.img"),
        ["warning: /img/data.img is attached as md10 while the agent is not running"],
    ),
    (
        "the mirror of an agent that has lost its own image",
        replace(with_mirror("ggate10", 3, "/img/x"), is_agent_running=True),
        [],
    ),
    (
        "no mount point",
        with_path("/home/data", ABSENT),
        ["error: the mount point /home/data does not exist"],
    ),
    (
        "a file as mount point",
        with_path("/home/data", replace(IMAGE)),
        ["error: /home/data is no directory"],
    ),
    (
        "a mount point with files under it",
        with_path("/home/data", replace(DIRECTORY, entries=("index.html", "www"))),
        ["error: the bare mount point /home/data is not empty: index.html, www"],
    ),
    (
        "something else mounted there",
        mounted("/dev/ada1", "/home/data"),
        ["error: /dev/ada1 is mounted on /home/data"],
    ),
    (
        "the volume mounted without the agent",
        mounted("/dev/mirror/data", "/home/data"),
        ["warning: /home/data is mounted while the agent is not running"],
    ),
    (
        "the volume mounted by the agent",
        replace(mounted("/dev/mirror/data", "/home/data"), is_agent_running=True),
        [],
    ),
    (
        "no journal",
        healthy(journaled={"data": False}),
        ["warning: the file system has no SU+J, but journaled is true"],
    ),
    (
        "an unknown file system",
        healthy(journaled={"data": None}),
        ["note: whether the file system has SU+J could not be seen here"],
    ),
]


def test_a_healthy_host_has_no_findings() -> None:
    assert said(HEALTHY) == []


@pytest.mark.parametrize(("facts", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_thing_wrong_is_one_finding(facts: HostFacts, expected: list[str]) -> None:
    assert said(facts) == expected


@pytest.mark.parametrize("facts", [c[1] for c in CASES], ids=[c[0] for c in CASES])
def test_every_finding_has_a_place_and_a_remedy(facts: HostFacts) -> None:
    assert all(finding.where and finding.remedy for finding in found(facts))


def test_the_line_of_a_system_file_is_named() -> None:
    (finding,) = found(with_text("/etc/rc.conf", "a=b\nggated_enable=YES\n"))

    assert finding.where == "/etc/rc.conf:2"


def test_a_paused_guest_is_told_of_with_a_strict_arbiter_only() -> None:
    guest = with_sysctl("kern.vm_guest", "kvm")
    etcd = changed(
        "kind: ping\n  targets: [192.0.2.1]", "kind: etcd\n  endpoints: [https://e:2379]", TEXT
    )

    assert said(guest) == []
    assert (
        "note: this host is a virtual machine (kvm): when it is paused, its watchdog is paused too"
    ) in said(guest, etcd)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("[192.0.2.1]", "[192.0.2.1]\n  required: 1", "arbiter.required"),
    ],
)
def test_what_nothing_acts_on_yet_is_told(old: str, new: str, key: str) -> None:
    assert said(HEALTHY, changed(old, new, TEXT)) == [
        f"warning: {key} is checked, but this version does not act on it"
    ]


def test_a_brake_on_the_rebuild_that_the_loader_was_not_told_of_is_named() -> None:
    text = changed("    volumes:", "    rebuild: {sync_requests: 1}\n    volumes:", TEXT)

    assert said(with_sysctl("kern.geom.mirror.sync_requests", "2"), text) == [
        "warning: kern.geom.mirror.sync_requests is 2, configured are 1"
    ]
    assert said(with_sysctl("kern.geom.mirror.sync_requests", "1"), text) == []


def test_commands_that_hear_of_alerts_are_acted_on() -> None:
    hook = "alerts: {queue: 20, exec: [{command: [/bin/true]}]}\ngroups:"

    assert said(HEALTHY, changed("groups:", hook, TEXT)) == []


def test_a_watchdog_that_is_not_wanted_is_not_missed() -> None:
    assert said(HEALTHY, changed("groups:", "watchdog: {mode: off}\ngroups:", TEXT)) == []


def test_warnings_of_the_file_are_findings_with_their_line() -> None:
    text = changed("interface: em1", "interface: em0", TEXT)
    findings = found(healthy(), text)

    assert [(finding.severity.value, finding.where) for finding in findings] == [
        ("warning", "f:7:28")
    ]


def test_a_plain_router_needs_no_freebsd_and_no_key() -> None:
    facts = HostFacts(
        system="Linux",
        release="6.1",
        is_lab=False,
        own_user=0,
        wall_clock_s=1_800_000_000.0,
        is_agent_running=False,
        mounts=(ROOT_MOUNT,),
        interfaces=("em0",),
        local_addresses=frozenset({"192.0.2.2"}),
        paths={"/var/db/hafailover": DIRECTORY},
    )

    configuration = read(PLAIN)
    assert judge(configuration, configuration.settings("r"), facts).findings == ()


@pytest.mark.parametrize("value", ["0", "1", None])
def test_who_accepts_nothing_has_to_forward(value: str | None) -> None:
    text = changed("vrid: 1", "vrid: 1\n    vrrp: {accept: false}", PLAIN)
    configuration = read(text)
    facts = replace(
        HEALTHY,
        interfaces=("em0",),
        local_addresses=frozenset({"192.0.2.2"}),
        sysctls={"net.inet.ip.forwarding": value, "net.inet6.ip6.forwarding": "0"},
    )
    findings = judge(configuration, configuration.settings("r"), facts).findings
    assert [each.remedy for each in findings] == (
        ["sysctl net.inet.ip.forwarding=1; for every boot: sysrc gateway_enable=YES"]
        if value == "0"
        else []
    )


@pytest.mark.parametrize(
    ("has", "says", "verb"), [(False, "true", "enable"), (True, "false", "disable")]
)
def test_the_journal_is_made_to_be_what_the_file_says(has: bool, says: str, verb: str) -> None:
    text = changed("size: 16M", f"size: 16M\n        journaled: {says}", TEXT)
    (finding,) = found(healthy(journaled={"data": has}), text)
    assert finding.remedy == (
        f"correct the file on both nodes, or, unmounted: tunefs -j {verb} /dev/mirror/data"
    )


def about_peer_images(**changes: object) -> list[str]:
    configuration = read(TEXT)
    findings = judge(configuration, configuration.settings("a"), healthy(**changes)).findings
    return [f"{each.severity.value}: {each.what}" for each in findings if each.where == "nodes.b"]


def test_the_peers_image_is_compared_when_both_agents_run() -> None:
    size = 16 << 20
    assert about_peer_images(is_agent_running=True, peer_image_bytes={"data": size}) == []
    assert about_peer_images(is_agent_running=True, peer_image_bytes={"data": size + 512}) == [
        f"error: the image of data on b has {size + 512} bytes, this one is to have {size}"
    ]
    told_nothing = about_peer_images(is_agent_running=True)
    assert told_nothing == [
        "note: the images of the two nodes were not compared (data): b has not told its size"
    ]
    assert about_peer_images() == [
        "note: the images of the two nodes were not compared (data): the agent is not running"
    ]
