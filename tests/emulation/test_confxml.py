"""Is the tree written as the kernel writes it? Thirteen observed states, each brought about here.

Compared byte for byte but for addresses, ids and the progress of the moment; the boot disk's geoms
are another machine's and left out.
"""

import re
from collections.abc import Callable
from itertools import count
from xml.etree import ElementTree as ET

import pytest

from hafailover.units import SECOND
from tests.emulation.hosts import MEGABYTE, Host, Link, wait_status
from tests.emulation.replay import DATA

SIZE = 256 * MEGABYTE
_GEOM = re.compile(r"    <geom id=.*?</geom>\n", re.DOTALL)
_BOOT = re.compile(r"<name>(vtbd0|cd0|gpt|ffs\.gpt)")
_ADDRESS = re.compile(r"0xfffff8[0-9a-f]+")
_MOMENT = re.compile(
    r"<(ID|Synchronized|BytesSynced|queue_count|ref|ident|info)>[^<]*</"
    r"|(ufsid/)[0-9a-f]+"
)


def comparable(document: str) -> str:
    """Take out the boot disk and what is the moment's; number the addresses as they appear."""
    document = _GEOM.sub(lambda match: "" if _BOOT.search(match[0]) else match[0], document)
    document = _MOMENT.sub(lambda match: f"<{match[1] or match[2]}>...</", document)
    numbers: dict[str, int] = {}
    counter = count(1)

    def number(match: re.Match[str]) -> str:
        if match[0] not in numbers:
            numbers[match[0]] = next(counter)
        return f"#{numbers[match[0]]}"

    return _ADDRESS.sub(number, document)


def both(host: Host) -> Link:
    peer = Host("peer", 2)
    peer.files.create("/var/ha/r.img", SIZE)
    link = host.connect(peer, "/var/ha/r.img", 10)
    host.advance(SECOND)
    return link


def attached(host: Host) -> None:
    host.ok("mdconfig -a -t vnode -f /var/ha/l.img -u 10")


def alone(host: Host) -> None:
    attached(host)
    host.ok(
        "gmirror label -b prefer loop md10",
        "newfs -U /dev/mirror/loop",
        "mount /dev/mirror/loop /mnt/data",
        "gmirror configure -p 100 loop md10",
    )


def busy(host: Host) -> None:
    """Keep the mirror from falling idle."""
    host.write("mirror/loop", MEGABYTE, bytes(4096))


def created(host: Host) -> None:
    alone(host)
    both(host)
    busy(host)


def complete(host: Host) -> Link:
    alone(host)
    link = both(host)
    host.ok("gmirror insert -p 0 loop ggate10")
    wait_status(host, "COMPLETE", "ggate10 (ACTIVE)")
    return link


def synchronizing(host: Host) -> None:
    alone(host)
    both(host)
    host.kernel.machine.settings.sync_rate = 10 * MEGABYTE
    host.ok("gmirror insert -p 0 loop ggate10")
    host.advance(9 * SECOND)


def idle(host: Host) -> None:
    complete(host)
    host.advance(10 * SECOND)


def dirty(host: Host) -> None:
    complete(host)
    busy(host)


def stuck(host: Host) -> None:
    link = complete(host)
    busy(host)
    link.frozen = True
    host.write("mirror/loop", MEGABYTE, bytes(4096))
    host.advance(SECOND)


def dropped(host: Host) -> None:
    stuck(host)
    host.ok("ggatec destroy -f -u 10")
    busy(host)


def forgotten(host: Host) -> None:
    dropped(host)
    host.ok("gmirror forget loop")


def half(host: Host) -> None:
    """Bring up one component of an old mirror that was dirty when its host died."""
    peer = Host("peer", 3)
    for path in ("/var/ha/l.img", "/var/ha/r.img"):
        peer.files.create(path, SIZE)
    alone(peer)
    peer.connect(peer, "/var/ha/r.img", 10)
    peer.ok("gmirror insert -p 0 loop ggate10")
    wait_status(peer, "COMPLETE", "ggate10 (ACTIVE)")
    busy(peer)
    content = peer.files.pread("/var/ha/r.img", 0, SIZE)
    host.files.create("/var/ha/r.img", SIZE)
    host.files.pwrite("/var/ha/r.img", 0, content)
    host.ok("mdconfig -a -t vnode -f /var/ha/r.img -u 10")


def half_degraded(host: Host) -> None:
    half(host)
    host.advance(5 * SECOND)


def readonly(host: Host) -> None:
    alone(host)
    host.ok("umount /mnt/data", "gmirror destroy loop", "mdconfig -d -u 10")
    host.ok("mdconfig -a -t vnode -o readonly -f /var/ha/l.img -u 10")


STATES: dict[str, Callable[[Host], object]] = {
    "01-nothing": lambda _host: None,
    "02-md-attached": attached,
    "03-mirror-alone-mounted": alone,
    "04-ggate-created": created,
    "05-synchronizing": synchronizing,
    "06-complete-idle": idle,
    "07-complete-dirty": dirty,
    "08-peer-stuck": stuck,
    "09-dropped-degraded": dropped,
    "10-forgotten": forgotten,
    "11-half-of-old-mirror-starting": half,
    "12-half-of-old-mirror-degraded": half_degraded,
    "13-md-readonly": readonly,
}


@pytest.mark.parametrize("state", STATES)
def test_tree_as_observed(state: str) -> None:
    host = Host()
    host.files.create("/var/ha/l.img", SIZE)
    STATES[state](host)
    ours = host.run("sysctl -n kern.geom.confxml").stdout
    real = (DATA / "confxml" / f"{state}.confxml").read_text(encoding="utf-8")
    assert comparable(ours) == comparable(real)
    ET.fromstring(ours)  # noqa: S314 - our own document
