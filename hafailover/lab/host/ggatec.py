"""ggatec(8): connects a ggate device to a peer's export, and stays to carry its requests.

Create makes both connections in the foreground, then the device, then goes into the background.
There it carries requests from the kernel to the peer and answers back. When the peer hangs up it
reconnects every two seconds, for ever, and has the kernel hand out again what was not answered.
While it does that it does not notice that its device has been destroyed.
"""

import os
import select
import socket
import sys
import syslog
import time
from typing import Any

from hafailover.lab.host import tool, wire

_RETRY_SECONDS = 2
_FLAGS = {"rw": 0, "ro": wire.READ_ONLY, "wo": wire.WRITE_ONLY}


def main(root: str, argv: list[str]) -> None:
    """Be ggatec: ask the kernel first; only create and rescue come back here."""
    options = tool.ask(root, argv)["proceed"]
    syslog.openlog("ggatec", syslog.LOG_PID, syslog.LOG_USER)
    Client(root, options).start()


class RefusedError(Exception):
    """The peer answered the handshake with an error."""


class Client:
    """One ggatec; ``options`` as the kernel read them from the command line."""

    def __init__(self, root: str, options: dict[str, Any]) -> None:
        self._options = options
        self._host: str = options["host"]
        self._path: str = options["path"]
        self._port: int = options["port"]
        self._unit: int | None = options["unit"]
        self._verbose: bool = options["verbose"]
        self._flags = _FLAGS[options["access"]]
        self._size = 0
        self._kernel = tool.Call(root)
        self._sender: socket.socket | None = None
        self._receiver: socket.socket | None = None

    def start(self) -> None:
        """Connect, have the device made, and carry requests until it ends."""
        problem = self._connect()
        if problem:
            self._log(syslog.LOG_ERR, f"Cannot connect: {problem}.")
            self._exit(1)
        if self._options["rescue"]:
            self._kernel.say(gate="rescue", unit=self._unit)
        else:
            info = f"{self._host}:{self._port} {self._path}"
            self._kernel.say(
                gate="create",
                unit=self._unit,
                mediasize=self._size,
                timeout=self._options["timeout"],
                queue_size=self._options["queue_size"],
                access=self._options["access"],
                info=info,
            )
        answer = self._kernel.hear()
        if answer.get("error", "gone"):
            self._log(syslog.LOG_ERR, f"ggatec: ioctl(/dev/ggctl): {answer.get('text', '')}.")
            self._exit(1)
        if self._unit is None:
            sys.stdout.write(f"ggate{answer['unit']}\n")
            sys.stdout.flush()
        self._unit = answer["unit"]
        if not self._verbose:
            self._daemonise()
        self._log(syslog.LOG_NOTICE, "send_thread: started!")
        self._log(syslog.LOG_NOTICE, "recv_thread: started!")
        while True:
            self._carry()
            self._reconnect()

    def _connect(self) -> str:
        """Make both connections; the reason if that fails."""
        self._hang_up()
        token = int.from_bytes(os.urandom(4))
        try:
            self._receiver = self._handshake(token, wire.SENDS)
            self._sender = self._handshake(token, wire.RECEIVES)
        except RefusedError as error:
            self._log(syslog.LOG_DEBUG, f"Error from server: {error}.")
            self._hang_up()
            return "No error: 0"
        except (OSError, wire.LostError) as error:
            text = getattr(error, "strerror", None) or str(error)
            self._log(syslog.LOG_DEBUG, f"Cannot connect to server: {text}.")
            self._hang_up()
            return str(text)
        return ""

    def _hang_up(self) -> None:
        for connection in (self._sender, self._receiver):
            if connection is not None:
                connection.close()
        self._sender = self._receiver = None

    def _handshake(self, token: int, direction: int) -> socket.socket:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect((self._host, self._port))
            self._log(syslog.LOG_INFO, f"Connected to the server: {self._host}:{self._port}.")
            self._log(syslog.LOG_DEBUG, "Sending version packet.")
            wire.send(connection, wire.VERSION.pack(wire.MAGIC, 0, 0))
            wire.receive(connection, wire.VERSION.size)
            self._log(syslog.LOG_DEBUG, "Sending initial packet.")
            path = self._path.encode()
            wire.send(connection, wire.CLIENT.pack(path, self._flags | direction, 2, token))
            self._log(syslog.LOG_DEBUG, "Receiving initial packet.")
            raw = wire.receive(connection, wire.SERVER.size)
            _, size, _, error = wire.SERVER.unpack(raw)
        except BaseException:
            connection.close()
            raise
        if error:
            connection.close()
            raise RefusedError(os.strerror(error))
        self._size = size
        return connection

    def _carry(self) -> None:
        """Carry requests and answers until the connection is lost."""
        sender, receiver, kernel = self._sender, self._receiver, self._kernel.connection
        if sender is None or receiver is None:
            return
        poll = select.poll()
        poll.register(receiver, select.POLLIN)
        poll.register(kernel, select.POLLIN)
        try:
            while True:
                ready = {descriptor for descriptor, _ in poll.poll()}
                if kernel.fileno() in ready:
                    self._pass_request(sender)
                if receiver.fileno() in ready:
                    self._pass_answer(receiver)
        except wire.LostError:
            self._log(syslog.LOG_ERR, "Lost connection 3.")

    def _pass_request(self, sender: socket.socket) -> None:
        """Take one request from the kernel and send it to the peer."""
        header, data = self._from_kernel()
        wire.send(sender, header + data)

    def _from_kernel(self) -> tuple[bytes, bytes]:
        """Read one frame; leaves when the device, or the kernel, is gone."""
        connection = self._kernel.connection
        try:
            header = wire.receive(connection, wire.HEADER.size)
            command, _, length, _, _ = wire.HEADER.unpack(header)
            data = wire.receive(connection, length) if command == wire.WRITE else b""
        except wire.LostError:
            os._exit(1)
        if command == wire.ENDED:
            os._exit(0)
        return header, data

    def _pass_answer(self, receiver: socket.socket) -> None:
        """Take one answer from the peer and hand it to the kernel."""
        header = wire.receive(receiver, wire.HEADER.size)
        command, _, length, _, error = wire.HEADER.unpack(header)
        data = b""
        if command == wire.READ and not error:
            if length > wire.LIMIT:
                raise wire.LostError("malformed")
            data = wire.receive(receiver, length)
        try:
            wire.send(self._kernel.connection, header + data)
        except wire.LostError:
            os._exit(1)

    def _reconnect(self) -> None:
        """Try until the peer is there again; then start over with what was not answered."""
        where = f"[{self._host} {self._path}]"
        self._log(syslog.LOG_NOTICE, f"Disconnected {where}. Connecting...")
        while self._connect():
            time.sleep(_RETRY_SECONDS)
            self._log(syslog.LOG_NOTICE, f"Connecting {where}...")
        try:
            wire.send(self._kernel.connection, wire.HEADER.pack(wire.CANCEL, 0, 0, 0, 0))
        except wire.LostError:
            os._exit(1)
        # What was fetched before the cancel is void: it comes again.
        while self._from_kernel()[0][0] != wire.CANCEL:
            continue

    def _daemonise(self) -> None:
        if os.fork():
            os._exit(0)
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.close(null)

    def _log(self, level: int, text: str) -> None:
        if self._verbose:
            words = {
                syslog.LOG_ERR: "error",
                syslog.LOG_NOTICE: "notice",
                syslog.LOG_INFO: "info",
                syslog.LOG_DEBUG: "debug",
            }
            sys.stdout.write(f"{words[level]}: {text}\n")
            sys.stdout.flush()
        elif level != syslog.LOG_DEBUG:
            syslog.syslog(level, text)

    def _exit(self, status: int) -> None:
        self._log(syslog.LOG_ERR, "Exiting.")
        sys.stdout.flush()
        os._exit(status)
