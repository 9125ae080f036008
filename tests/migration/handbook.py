"""Old set-ups to import: the hosting shop's as it stands, and others made from the same mould."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from hafailover.migration.conversion import Converted, Given, convert
from hafailover.migration.new_file import Hints
from hafailover.migration.pair import Source

DATA = Path(__file__).parents[1] / "data" / "handbook"
NODES = ("server-a", "server-b")


def files(kind: str, *names: str) -> list[Source]:
    return [
        Source(path=str(path.relative_to(DATA)), text=path.read_text())
        for node in NODES
        for name in names
        if (path := DATA / node / name).exists() or kind
    ]


def handbook(*, hosts: bool = True) -> Given:
    """Return the hosting shop's files."""
    return Given(
        routers=files("routers", "freevrrpd.conf"),
        exports=files("exports", "gg.exports"),
        scripts=files("scripts", "become_master.sh", "become_backup.sh"),
        hosts=files("hosts", "rc.conf") if hosts else (),
        hints=Hints(),
    )


def done(given: Given) -> Converted:
    converted = convert(given)
    assert isinstance(converted, Converted), converted
    return converted


def rules(converted: Converted) -> set[str]:
    return {finding.rule for finding in converted.findings}


@dataclass(frozen=True, kw_only=True)
class Mould:
    """A pair of hosts whose files have exactly the mistakes that are asked for."""

    hosts: tuple[str, str] = ("north", "south")
    lan: tuple[str, str] = ("203.0.113.11", "203.0.113.12")
    link: tuple[str, str] = ("10.7.0.1", "10.7.0.2")
    virtual: str = "203.0.113.10"
    vrid: int = 77
    interface: str = "igb0"
    images: tuple[str, str] = ("/store/one.img", "/store/two.img")
    mirror: str = "gm0"
    mount_point: str = "/srv/mail"
    service: str = "dovecot"
    seconds: int = 4
    letter: str = "d"
    """An option that ggatec create does not have."""
    mistakes: frozenset[str] = field(default_factory=frozenset)

    def given(self) -> Given:
        """Return the files of both hosts."""
        each = range(2)
        return Given(
            routers=[Source(path=f"{self.hosts[n]}/vrrp.conf", text=self.router(n)) for n in each],
            exports=[Source(path=f"{self.hosts[n]}/exports", text=self.exported(n)) for n in each],
            scripts=[
                Source(path=f"{self.hosts[n]}/{name}", text=text)
                for n in each
                for name, text in (("up.sh", self.master(n)), ("down.sh", self.backup()))
            ],
            hosts=[Source(path=f"{self.hosts[n]}/rc.conf", text=self.host(n)) for n in each],
            hints=Hints(size=64 << 20),
        )

    def has(self, mistake: str) -> bool:
        return mistake in self.mistakes

    def router(self, number: int) -> str:
        vrid = self.vrid + (number if self.has("vrid-differs") else 0)
        priority = (255 if self.has("priority-of-the-owner") else 180) - 70 * number
        password = "p" * (12 if self.has("password-cut") else 8)
        head = "" if self.has("section-missing") and number else "[VRID]\n"
        return (
            f"{head}serverid = {vrid}\ninterface = {self.interface}\npriority = {priority}\n"
            f"addr = {self.virtual}/32\npassword = {password}\n"
            "masterscript = /opt/ha/up.sh\nbackupscript = /opt/ha/down.sh\n"
        )

    def exported(self, number: int) -> str:
        wrong = self.has("floating-address-as-host") and number == 1
        return f"{self.virtual if wrong else self.link[1 - number]} rw {self.images[number]}\n"

    def host(self, number: int) -> str:
        return (
            f'hostname="{self.hosts[number]}"\n'
            f'ifconfig_{self.interface}="inet {self.lan[number]}/24"\n'
            f'ifconfig_lnk0="inet {self.link[number]}/24"\ndefaultrouter="203.0.113.1"\n'
        )

    def master(self, number: int) -> str:
        device = f"/dev/mirror/{self.mirror}"
        theirs = self.images[1 - number]
        if self.has("image-spelt-differently") and number == 0:
            theirs = theirs.replace(".img", "x.img")
        bad = f"-{self.letter} 5 " if self.has("gate-option-unknown") else ""
        lines = ["#!/bin/sh", f"image={self.images[number]}"]
        if self.has("advertisements-blocked"):
            lines.append(f"sleep {self.seconds}")
        lines.append('mdconfig -a -t vnode -f "$image" -u 3 || exit 1')
        if not self.has("newer-copy-unknown"):
            lines.append(f"test {self.mirror}.stamp -nt peer.stamp || exit 1")
        lines += [
            f"ggatec create {bad}-t 20 -u 3 {self.link[1 - number]} {theirs} || exit 1",
            f"gmirror insert {self.mirror} ggate3 || exit 1",
        ]
        if self.has("waits-for-the-rebuild"):
            lines += [
                f"until gmirror status -s {self.mirror} | grep -q COMPLETE",
                "do :",
                "done",
            ]
        if self.has("check-result-ignored"):
            lines.append(f"fsck_ffs -p {device}")
        else:
            lines += [f"fsck_ffs -p {device}", 'if [ "$?" -ne 0 ]; then exit 1; fi']
        lines += [
            f"mount {device} {self.mount_point} || exit 1",
            f"service {self.service} onestart",
        ]
        return "\n".join(lines) + "\n"

    def backup(self) -> str:
        return (
            f"#!/bin/sh\nservice {self.service} onestop\numount {self.mount_point} || exit 1\n"
            f"gmirror destroy {self.mirror}\nggatec destroy -f -u 3\nmdconfig -d -u 3\n"
            "ggated\n"
        )

    def but(self, **changes: object) -> "Mould":
        return replace(self, **changes)  # type: ignore[arg-type]
