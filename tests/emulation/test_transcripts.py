"""Does the emulated host answer as the observed one did?"""

import pytest

from tests.emulation.hosts import Host
from tests.emulation.replay import replay

_DIRECTORIES = ("/", "/mnt/data", "/mnt/two", "/mnt/g", "/var/ha")


@pytest.mark.parametrize(
    ("name", "answers"),
    [("mdconfig.txt", 40), ("fsck_mount.txt", 50), ("gmirror.txt", 100), ("stop_retaste.txt", 90)],
)
def test_answers_as_observed(name: str, answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(modules=("geom_gate",) if name != "stop_retaste.txt" else ("geom_mirror",))
    for number in (0, 1):
        host.files.create(f"/var/ha/m{number}.img", 64 << 20)
    monkeypatch.setattr(host.files, "directory", lambda path: path in _DIRECTORIES)
    assert replay(host, name) >= answers
