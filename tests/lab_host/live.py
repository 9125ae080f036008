"""One emulated host as real processes, for the tests."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIMIT = 60.0
"""Seconds that anything may take on a busy machine."""


def wait_for(condition: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"{what}: not in {limit} s"
        time.sleep(0.02)


class LiveHost:
    """A kernel process, its tools and the daemons started through them."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        (root / "var" / "run").mkdir(parents=True)
        self.image = root / "disk.img"
        self.mount_point = root / "data"
        self.mount_point.mkdir()
        self.kernel: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []

    def boot(self, *, mounting: bool = False) -> None:
        """Start the kernel; with ``mounting`` its mounts are real, in a name space of its own."""
        door = self.root / "var" / "run" / "kernel.sock"
        door.unlink(missing_ok=True)
        with (self.root / "kernel.log").open("ab") as log:
            command = [sys.executable, "-m", "hafailover.lab.host.kerneld"]
            if mounting:
                command = ["unshare", "--mount", "--propagation", "private", *command]
            self.kernel = subprocess.Popen(
                [*command, str(self.root), self.name, *([] if mounting else ["--bare"])],
                stdout=log,
                stderr=log,
            )
        wait_for(door.exists, "the kernel's door")

    @property
    def mounted(self) -> Path:
        """The mount point as the kernel process sees it."""
        assert self.kernel is not None
        return Path(f"/proc/{self.kernel.pid}/root{self.mount_point}")

    def command(self, line: str) -> list[str]:
        program, *arguments = line.split()
        return [str(self.root / "bin" / program), *arguments]

    def start(self, line: str) -> subprocess.Popen[bytes]:
        """Start a command that may take its time; it is killed with the host."""
        process = subprocess.Popen(
            self.command(line), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._started.append(process)
        return process

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        # Daemons keep no pipe open: their output goes to files.
        out, err = self.root / "out", self.root / "err"
        with out.open("w") as stdout, err.open("w") as stderr:
            done = subprocess.run(
                self.command(line), stdout=stdout, stderr=stderr, timeout=LIMIT, check=False
            )
        return subprocess.CompletedProcess(
            done.args, done.returncode, out.read_text(), err.read_text()
        )

    def ok(self, line: str) -> str:
        done = self.run(line)
        assert done.returncode == 0, (line, done)
        return done.stdout

    def processes(self, program: str) -> list[int]:
        """Return the processes of this host that run ``program``."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if len(words) > 2 and words[2] == str(self.root / "bin" / program).encode():
                    found.append(int(entry.name))
        return sorted(found)

    def end(self, program: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill all processes of ``program`` and see them gone."""
        for pid in self.processes(program):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        wait_for(lambda: not self.processes(program), f"the end of {program}")

    def power_off(self) -> None:
        """Kill everything of this host."""
        if self.kernel is not None:
            self.kernel.kill()
            self.kernel.wait()
            self.kernel = None
        for program in ("ggated", "ggatec"):
            self.end(program)
        for process in self._started:
            process.kill()
            process.wait()
        self._started.clear()

    def make_image(self, size: int, fill: bytes = b"\0") -> None:
        self.image.write_bytes(fill * (size // len(fill)))

    def clear_tail(self) -> None:
        with self.image.open("r+b") as file:
            file.seek(-512, os.SEEK_END)
            file.write(bytes(512))

    def wait_status(self, *words: str) -> str:
        said = ""

        def seen() -> bool:
            nonlocal said
            said = self.ok("gmirror status -s")
            return all(word in said for word in words)

        wait_for(seen, f"gmirror status with {words}")
        return said
