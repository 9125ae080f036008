"""Where contract scripts run: this FreeBSD, as root, or the emulated one on Linux."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.freebsd.contract import Answer

LIMIT_S = 120
SEARCH_PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
MODULES = ("geom_mirror", "geom_gate")
OWN_MD_UNITS = range(810, 813)
OWN_GGATE_UNITS = range(200, 202)
"""Below kern.geom.gate.maxunits, which is 256."""
OWN_MIRROR = "hfconf"


def is_freebsd() -> bool:
    """Whether the real one is here."""
    return sys.platform.startswith("freebsd")


def signal_group(word: str, pidfile: Path) -> None:
    """Send a signal to a process group; after TERM wait until it is gone."""
    group = int(pidfile.read_text())
    os.killpg(group, signal.Signals[f"SIG{word}"])
    end = time.monotonic() + LIMIT_S
    with contextlib.suppress(ProcessLookupError):
        while word == "TERM" and time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.05)


class RealHost:
    """The FreeBSD that this runs on; what is left of its own units and its mirror is removed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "data").mkdir()

    def run(self, argv: list[str]) -> Answer:
        """Run a command; daemons keep no pipe of ours open, since output goes to files."""
        out, err = self.directory / ".out", self.directory / ".err"
        with out.open("w") as stdout, err.open("w") as stderr:
            done = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={"PATH": SEARCH_PATH, "LC_ALL": "C"},
                timeout=LIMIT_S,
                check=False,
            )
        return Answer(stdout=out.read_text(), stderr=err.read_text(), status=done.returncode)

    def signal_group(self, word: str, pidfile: Path) -> None:
        """Send a signal to a process group."""
        signal_group(word, pidfile)

    def load_modules(self) -> None:
        """Load what the contracts need, if it is not there."""
        for module in MODULES:
            subprocess.run(["/sbin/kldload", "-n", module], check=True)

    def clean_up(self) -> None:
        """Take down what a failed run left: the gates first, since everything else waits for them."""
        for unit in OWN_GGATE_UNITS:
            self.run(["ggatec", "destroy", "-f", "-u", str(unit)])
        for pidfile in self.directory.glob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                os.killpg(int(pidfile.read_text()), signal.SIGCONT)
                os.killpg(int(pidfile.read_text()), signal.SIGKILL)
        self.run(["umount", "-f", str(self.directory / "data")])
        self.run(["gmirror", "destroy", "-f", OWN_MIRROR])
        for unit in OWN_MD_UNITS:
            self.run(["mdconfig", "-d", "-u", str(unit)])


@contextlib.contextmanager
def real_host(directory: Path) -> Iterator[RealHost]:
    """Provide this host, and leave it as it was."""
    host = RealHost(directory)
    host.load_modules()
    try:
        yield host
    finally:
        host.clean_up()


@contextlib.contextmanager
def emulated_host(directory: Path) -> Iterator["EmulatedHost"]:
    """Provide an emulated host, and end it."""
    host = EmulatedHost(directory)
    try:
        yield host
    finally:
        host.end()


class EmulatedHost:
    """A kernel process of the lab, with its tools; Linux only."""

    def __init__(self, directory: Path) -> None:
        # Imported here: nothing of the emulation is looked for on a real host.
        from tests.lab_host.live import LiveHost  # noqa: PLC0415

        self._live = LiveHost(directory / "host", "conformance")
        self.directory = self._live.root
        self._live.boot()
        for module in MODULES:
            self._live.run(f"kldload -n {module}")

    def run(self, argv: list[str]) -> Answer:
        """Run an emulated command."""
        assert not any(re.search(r"\s", word) for word in argv), argv
        done = self._live.run(" ".join(argv))
        return Answer(stdout=done.stdout, stderr=done.stderr, status=done.returncode)

    def signal_group(self, word: str, pidfile: Path) -> None:
        """Send a signal to a process group."""
        signal_group(word, pidfile)

    def end(self) -> None:
        """Switch it off."""
        self._live.power_off()
