"""The process that answers over HTTP. Run by the agent as ``python -m hafailover.web.server``.

It subscribes to the agent's control socket, gives its privileges up, and answers from memory: whoever asks, and however
often, nothing of it reaches the agent. It ends with its standard input, so it does not outlive the agent.
"""

import contextlib
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Final

from hafailover.errors import HaFailoverError
from hafailover.override import override
from hafailover.runtime.chronicle import tell
from hafailover.system.control_client import ControlClient
from hafailover.web.answers import answer
from hafailover.web.snapshot import NOTES, Listener, Moment

REQUESTS_MAX: Final = 16
"""So many are answered at once; who comes beyond that is hung up on."""
_PATIENCE_S: Final = 5.0
_NOBODY: Final = 65_534
"""User and group nobody, on FreeBSD as elsewhere."""
_TAIL_BYTES: Final = 1 << 20
_NICENESS: Final = 10
_FOREVER_S: Final = 1e6


class _Server(ThreadingHTTPServer):
    """Bounded in threads and time."""

    daemon_threads = True
    request_queue_size = REQUESTS_MAX

    def __init__(self, address: str, port: int, listener: Listener) -> None:
        version = ipaddress.ip_address(address).version
        self.address_family = socket.AF_INET6 if version == 6 else socket.AF_INET
        self.listener = listener
        self._seats = threading.Semaphore(REQUESTS_MAX)
        super().__init__((address, port), _Request)

    @override
    def server_bind(self) -> None:
        """Bind, and do not ask the DNS what this host is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._seats.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever asked has gone away."""


class _Request(BaseHTTPRequestHandler):
    """GET and HEAD; anything else is refused by the base."""

    server: _Server
    timeout = _PATIENCE_S
    server_version = "hafailover"
    sys_version = ""

    def do_GET(self) -> None:
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        self._reply(with_body=False)

    def _reply(self, *, with_body: bool) -> None:
        reply = answer(self.path, self.server.listener.heard())
        self.send_response(reply.status)
        for name, value in (
            ("Content-Type", reply.kind),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(reply.body)

    @override
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: a load balancer asks every second."""


def main() -> int:
    """Serve: arguments are control socket, journal, address and port."""
    control, journal, address, port = sys.argv[1:]
    _schedule_ordinarily()
    listener = Listener(list(_earlier(Path(journal))))
    try:
        client = ControlClient(Path(control))
        server = _Server(address, int(port), listener)
    except (OSError, HaFailoverError) as error:
        print(f"status over HTTP at {address} port {port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    _give_privileges_up()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    threading.Thread(target=_end_with_the_agent, name="leash", daemon=True).start()
    # One that hears nothing any more would call a healthy agent silent for ever: it ends, and is started again.
    try:
        for message in client.subscribe(None, patience_s=_FOREVER_S):
            listener.take(message)
    except HaFailoverError as error:
        print(f"status over HTTP hears nothing of the agent: {error}", file=sys.stderr)  # noqa: T201
    return 1


def _end_with_the_agent() -> None:
    """End the process at the end of its input: nothing ever comes, and the end does however the agent ends."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def _earlier(journal: Path) -> Iterator[Moment]:
    """Yield the last events before this process began, from the end of the journal."""
    try:
        with journal.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return
    found = [each for each in tell(lines) if each.at_ns is not None]
    for each in found[-NOTES:]:
        text = f"{each.name}: {each.text}" if each.name else each.text
        yield Moment(at=(each.at_ns or 0) / 1e9, group=each.group, text=text)


def _give_privileges_up() -> None:
    """Become nobody: everything that needs more is open."""
    if os.getuid() != 0:
        return
    try:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    except OSError as error:
        # In a namespace that knows no such user; it reads nothing and writes nothing either way.
        print(f"status over HTTP keeps its privileges: {error}", file=sys.stderr)  # noqa: T201


def _schedule_ordinarily() -> None:
    """Give up a real-time priority of the agent's, which a child inherits, and stand back further."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.nice(_NICENESS)


if __name__ == "__main__":
    sys.exit(main())
