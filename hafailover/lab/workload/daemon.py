"""The service of the lab: appends fsynced records to the volume, and answers with the last one.

It is started and stopped by the group's own service commands, ``lab-workload start`` and ``stop``.
Only the standard library is imported, and little of it: starting is part of the outage.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

from hafailover.lab.workload.records import RECORD_SIZE, Acknowledgement, Record, last_number

_STOP_SECONDS = 20.0
_POLL_SECONDS = 0.005


class Settings:
    """What the program's text says about its place."""

    def __init__(self, place: dict[str, str]) -> None:
        """Take the paths from ``place``."""
        self.records = place["records"]
        """The file on the volume."""
        self.log_directory = place["log_directory"]
        """Where the acknowledgements go, outside the node."""
        self.pid_file = place["pid_file"]
        self.address = place["address"]
        """The floating address."""
        self.port = int(place["port"])
        self.interval = float(place["interval_s"])
        """Seconds between the end of one write and the next."""


class _Service:
    """The running daemon."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._file = os.open(settings.records, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        self._next = last_number(content) + 1
        self._stopping = False
        log = os.path.join(settings.log_directory, f"acknowledged-{self._name}")  # noqa: PTH118
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def run(self, door: socket.socket) -> None:
        """Write until told to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        threading.Thread(target=self._answer, args=(door,), daemon=True).start()
        while not self._stopping:
            self._write_one()
            time.sleep(self._settings.interval)
        os.close(self._file)

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _write_one(self) -> None:
        begun = time.monotonic_ns()
        record = Record(number=self._next, writer=self._name, written_ns=begun)
        try:
            os.pwrite(self._file, record.encode(), self._next * RECORD_SIZE)
            os.fsync(self._file)
        except OSError as problem:
            # Not acknowledged: the same number is tried again, as a database would.
            sys.stderr.write(f"record {self._next}: {problem}\n")
            return
        promise = Acknowledgement(
            number=self._next,
            writer=self._name,
            begun_ns=begun,
            acknowledged_ns=time.monotonic_ns(),
        )
        os.write(self._log, promise.encode())
        self._next += 1

    def _answer(self, door: socket.socket) -> None:
        """Serve the last record, read through the mount, over HTTP."""
        while True:
            visitor, _ = door.accept()
            with visitor:
                try:
                    visitor.settimeout(1.0)
                    visitor.recv(4096)
                    at = max(0, self._next - 1) * RECORD_SIZE
                    body = os.pread(self._file, RECORD_SIZE, at)
                    head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n"
                    head += f"X-Node: {socket.gethostname()}\r\n\r\n"
                    visitor.sendall(head.encode() + body)
                except OSError as problem:
                    sys.stderr.write(f"a visitor: {problem}\n")


def _door(settings: Settings) -> socket.socket:
    """Listen on the floating address, which comes up only after this service."""
    door = socket.socket(socket.AF_INET6 if ":" in settings.address else socket.AF_INET)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND, as IP_BINDANY on FreeBSD
    door.bind((settings.address, settings.port))
    door.listen(256)
    return door


def _running(settings: Settings) -> int | None:
    """Return the process id of the running daemon."""
    try:
        with open(settings.pid_file, encoding="ascii") as file:  # noqa: PTH123
            pid = int(file.read())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def _start(settings: Settings) -> int:
    if _running(settings) is not None:
        return 0
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        return 0 if os.read(ready, 1) == b"+" else 1
    os.setsid()
    door = _door(settings)
    service = _Service(settings)
    with open(settings.pid_file, "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(str(os.getpid()))
    os.write(told, b"+")
    os.close(told)
    # The starter's pipes would otherwise stay open as long as the daemon lives.
    null = os.open(os.devnull, os.O_RDWR)
    errors = os.open(settings.pid_file + ".log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, target in ((0, null), (1, null), (2, errors)):
        os.dup2(target, number)
    service.run(door)
    return 0


def _stop(settings: Settings) -> int:
    pid = _running(settings)
    if pid is None:
        return 0
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while _running(settings) is not None:
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            return 1
        time.sleep(_POLL_SECONDS)
    return 0


def main(place: dict[str, str]) -> None:
    """Do what the command line says and exit."""
    settings = Settings(place)
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb == "start":
        status = _start(settings)
    elif verb == "stop":
        status = _stop(settings)
    elif verb == "check":
        status = 0 if _running(settings) is not None else 1
    else:
        sys.stderr.write("usage: lab-workload start | stop | check\n")
        status = 64
    # Nothing is buffered, and the interpreter's own farewell would cost milliseconds of the outage.
    os._exit(status)
