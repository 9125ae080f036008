"""Does the emulated host answer as the observed one did?"""

import pytest

from tests.emulation.hosts import Host, pair
from tests.emulation.replay import replay

_DIRECTORIES = ("/", "/mnt/data", "/mnt/two", "/mnt/g", "/var/ha")


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("mdconfig.txt", 40),
        ("ggatec.txt", 15),
        ("fsck_mount.txt", 50),
        ("gmirror.txt", 100),
        ("stop_retaste.txt", 90),
    ],
)
def test_answers_as_observed(name: str, answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(modules=("geom_gate",) if name != "stop_retaste.txt" else ("geom_mirror",))
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
