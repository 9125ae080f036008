"""Does the emulated host answer as the observed one did?"""

import pytest

from tests.emulation.hosts import Host, pair
from tests.emulation.replay import replay

_BOTH = ("geom_gate", "geom_mirror")
_MODULES = {
    "stop_retaste.txt": ("geom_mirror",),
    "misc.txt": _BOTH,
    "remote_mirror.txt": _BOTH,
    "races.txt": _BOTH,
    "frozen_peer.txt": _BOTH,
    "returning.txt": _BOTH,
    "status_hang.txt": _BOTH,
    "design_sequence.txt": _BOTH,
}
_RATE = dict.fromkeys(("misc.txt", "remote_mirror.txt", "races.txt", "frozen_peer.txt"), 14 << 20)
_RATE |= dict.fromkeys(("status_hang.txt", "design_sequence.txt"), 14 << 20)
"""Of a rebuild over the observed wire, in bytes per second; None = at once."""
_DIRECTORIES = ("/", "/mnt/data", "/mnt/two", "/mnt/g", "/var/ha")


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("mdconfig.txt", 40),
        ("ggatec.txt", 15),
        ("fsck_mount.txt", 50),
        ("gmirror.txt", 100),
        ("stop_retaste.txt", 90),
        ("misc.txt", 13),
        ("remote_mirror.txt", 33),
        ("races.txt", 5),
        ("frozen_peer.txt", 7),
        ("dirtyfs.txt", 15),
        ("mount_more.txt", 4),
        ("status_hang.txt", 14),
        ("failover.txt", 30),
        ("returning.txt", 10),
        ("design_sequence.txt", 30),
    ],
)
def test_answers_as_observed(name: str, answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(modules=_MODULES.get(name, ("geom_gate",)), sync_rate=_RATE.get(name))
    for number in (0, 1):
        host.files.create(f"/var/ha/m{number}.img", 64 << 20)
    monkeypatch.setattr(host.files, "directory", lambda path: path in _DIRECTORIES)
    assert replay(host, name) >= answers


def test_a_gate_is_busy_while_it_is_tasted() -> None:
    """Seen: destroy straight after create says busy, a moment later it works."""
    one, two = pair()
    link = one.connect(two, "/img/b", 5, frozen=True)
    busy = one.run("ggatec destroy -u 5")
    assert busy.stdout == "error: ggatec: ioctl(/dev/ggctl): Device busy.\nerror: Exiting.\n"
    assert busy.status == 1
    insert = one.start("gmirror insert data ggate5")
    assert insert not in one.done
    link.frozen = False
    link.serve()
    one.ok("ggatec destroy -u 5")
    assert insert in one.done
