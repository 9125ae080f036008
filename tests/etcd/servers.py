"""Real etcd servers on loopback: started, killed, stopped like a machine that hangs, cut off."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PATIENCE_S = 30.0
HEARTBEAT_MS = 50
ELECTION_MS = 250
"""Short, so that a test does not wait for an election; the least lease is two seconds all the same."""


def needs_etcd() -> None:
    for program in ("etcd", "etcdctl", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is missing")


def _found(program: str) -> str:
    path = shutil.which(program)
    assert path is not None
    return path


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


@dataclass
class Certificates:
    """A small authority, a certificate for the members, and one for a client."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def pair(self, name: str) -> tuple[Path, Path]:
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def make(self) -> None:
        self._openssl("req", "-x509", "-subj", "/CN=test authority", *self._new("ca"))
        for name in ("member", "client"):
            certificate, _ = self.pair(name)
            request = self.directory / f"{name}.csr"
            self._openssl("req", "-subj", f"/CN={name}", *self._new(name, request))
            names = self.directory / "names"
            names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
            self._openssl("x509", "-req", "-in", str(request), "-CA", str(self.ca), "-CAkey",
                          str(self.pair("ca")[1]), "-CAcreateserial", "-extfile", str(names),
                          "-out", str(certificate))  # fmt: skip

    def _new(self, name: str, out: Path | None = None) -> list[str]:
        certificate, key = self.pair(name)
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                str(key), "-out", str(out or certificate)]  # fmt: skip

    @staticmethod
    def _openssl(*words: str) -> None:
        subprocess.run([_found("openssl"), *words], check=True, capture_output=True)


@dataclass
class Cluster:
    """One member or several."""

    directory: Path
    size: int = 1
    certificates: Certificates | None = None
    ports: list[int] = field(default_factory=list)
    _processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = free_ports(2 * self.size)

    @property
    def urls(self) -> tuple[str, ...]:
        scheme = "http" if self.certificates is None else "https"
        return tuple(f"{scheme}://127.0.0.1:{port}" for port in self.ports[: self.size])

    def start(self, *members: int) -> None:
        for member in members or range(self.size):
            self._start(member)
        for member in members or range(self.size):
            self._wait(member)

    def _start(self, member: int) -> None:
        peers = [f"http://127.0.0.1:{port}" for port in self.ports[self.size :]]
        words = [
            _found("etcd"),
            f"--name=m{member}",
            f"--data-dir={self.directory / f'm{member}'}",
            f"--listen-client-urls={self.urls[member]}",
            f"--advertise-client-urls={self.urls[member]}",
            f"--listen-peer-urls={peers[member]}",
            f"--initial-advertise-peer-urls={peers[member]}",
            "--initial-cluster=" + ",".join(f"m{n}={url}" for n, url in enumerate(peers)),
            f"--heartbeat-interval={HEARTBEAT_MS}",
            f"--election-timeout={ELECTION_MS}",
            "--unsafe-no-fsync",
        ]
        if self.certificates is not None:
            certificate, key = self.certificates.pair("member")
            words += [f"--cert-file={certificate}", f"--key-file={key}", "--client-cert-auth",
                      f"--trusted-ca-file={self.certificates.ca}"]  # fmt: skip
        with (self.directory / f"m{member}.log").open("ab") as log:
            self._processes[member] = subprocess.Popen(words, stdout=log, stderr=log)

    def start_listening(self, member: int) -> None:
        """Start a member that answers only to whom it knows."""
        self._start(member)
        self._wait(member, only_listening=True)

    def _wait(self, member: int, *, only_listening: bool = False) -> None:
        """Wait until the member serves."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                if only_listening or self.certificates is not None:
                    socket.create_connection(("127.0.0.1", self.ports[member]), 1).close()
                    return
                way = http.client.HTTPConnection("127.0.0.1", self.ports[member], timeout=1)
                with contextlib.closing(way):
                    way.request("POST", "/v3/kv/range", b'{"key":"AA=="}')
                    if "header" in json.load(way.getresponse()):
                        return
            time.sleep(0.02)
        raise AssertionError((self.directory / f"m{member}.log").read_text()[-2000:])

    def kill(self, *members: int) -> None:
        """End members at once, as a power failure does."""
        for member in members:
            process = self._processes.pop(member)
            process.kill()
            process.wait()

    def freeze(self, *members: int) -> None:
        """Let members stand still: they take connections and answer nothing."""
        for member in members:
            os.kill(self._processes[member].pid, signal.SIGSTOP)

    def thaw(self, *members: int) -> None:
        for member in members:
            os.kill(self._processes[member].pid, signal.SIGCONT)

    def stop(self) -> None:
        self.kill(*list(self._processes))

    def etcdctl(self, *words: str, user: str = "") -> str:
        options = [f"--endpoints={','.join(self.urls)}", *([f"--user={user}"] if user else [])]
        done = subprocess.run(
            [_found("etcdctl"), *options, *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout
