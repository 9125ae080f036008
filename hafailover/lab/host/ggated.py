"""ggated(8): serves image files over ggate's own protocol, with its ways of failing.

The parent locks its pid file, forks into the background, binds, and matches pairs of connections by
their token; each pair gets a child with a receiving, a disk and a sending thread. Children inherit
the listening socket and the lock.
"""

import errno
import fcntl
import os
import signal
import socket
import sys
import syslog
import time
from dataclasses import dataclass

from hafailover.lab.host import tool, wire
from hafailover.lab.host.exports import Export, ExportsError, find, read_exports
from hafailover.lab.host.ggated_child import serve

_USAGE = """usage: ggated [-hnv] [-a address] [-F pidfile] [-p port] [-R rcvbuf] [-S sndbuf] \
[exports file]
"""
_UNMATCHED_SECONDS = 10


@dataclass(slots=True)
class Settings:
    """The command line."""

    address: str = "0.0.0.0"
    pidfile: str = "/var/run/ggated.pid"
    port: int = wire.PORT
    exports: str = "/etc/gg.exports"
    verbose: bool = False


@dataclass(slots=True)
class Half:
    """The first connection of a pair, waiting for the second."""

    path: str
    image: int
    born: float
    sender: socket.socket | None = None
    receiver: socket.socket | None = None


def main(root: str, argv: list[str]) -> None:
    """Be ggated."""
    settings = _read(argv[1:])
    tool.ask(root, argv)
    syslog.openlog("ggated", syslog.LOG_PID, syslog.LOG_USER)
    server = Server(root, settings)
    server.start()


def _read(arguments: list[str]) -> Settings:
    """Read the options as getopt(3) would; leaves with the usage on any other."""
    settings = Settings()
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        letter, value = word[1:2], word[2:]
        if letter in "aFpRS" and letter:
            value = value or (rest.pop(0) if rest else "")
            if letter == "a":
                settings.address = value
            elif letter == "F":
                settings.pidfile = value
            elif letter == "p":
                settings.port = int(value)
        elif letter == "v":
            settings.verbose = True
        elif letter != "n":
            sys.stderr.write(_USAGE)
            sys.exit(1)
    if rest:
        settings.exports = rest[0]
    return settings


class Server:
    """The parent process."""

    def __init__(self, root: str, settings: Settings) -> None:
        self._root = root
        self._settings = settings
        self._exports: list[Export] = []
        self._halves: dict[int, Half] = {}
        self._hup = False

    def start(self) -> None:
        """Go into the background and serve until killed; errors after that only reach syslog."""
        self._load()
        self._lock_pidfile()
        if not self._settings.verbose and os.fork():
            os._exit(0)
        if not self._settings.verbose:
            _detach()
        os.ftruncate(self._pidfile, 0)
        os.pwrite(self._pidfile, str(os.getpid()).encode(), 0)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._settings.address, self._settings.port))
            listener.listen(5)
        except OSError as error:
            self._give_up(f"bind(): {error.strerror}.")
        signal.signal(signal.SIGHUP, self._note_hup)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self._listener = listener
        while True:
            connection, (client, _) = listener.accept()
            if self._hup:
                self._hup = False
                self._load()
            self._greet(connection, client)

    def _load(self) -> None:
        try:
            self._exports = read_exports(self._settings.exports)
        except ExportsError as error:
            self._give_up(str(error))

    def _lock_pidfile(self) -> None:
        descriptor = os.open(self._settings.pidfile, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            other = os.pread(descriptor, 20, 0).decode()
            sys.stderr.write(f"ggated: Daemon already running, pid: {other}.\n")
            sys.exit(1)
        self._pidfile = descriptor

    def _give_up(self, text: str) -> None:
        if self._settings.verbose:
            sys.stdout.write(f"error: {text}\nerror: Exiting.\n")
            sys.stdout.flush()
        syslog.syslog(syslog.LOG_ERR, text)
        os._exit(1)

    def _note_hup(self, _number: int, _frame: object) -> None:
        self._hup = True

    def _greet(self, connection: socket.socket, client: str) -> None:
        """Do the handshake of one connection, and launch a child when its pair is whole.

        Without end: the real one gives its sockets eight seconds, and goes on when they are over (ggate.c).
        """
        try:
            kept = self._handshake(connection, client)
        except wire.LostError:
            kept = False
        if not kept:
            connection.close()

    def _handshake(self, connection: socket.socket, client: str) -> bool:
        magic, version, _ = wire.VERSION.unpack(wire.receive(connection, wire.VERSION.size))
        if magic != wire.MAGIC or version != 0:
            syslog.syslog(syslog.LOG_WARNING, "Invalid magic field or version.")
            return False
        wire.send(connection, wire.VERSION.pack(wire.MAGIC, 0, 0))
        raw = wire.receive(connection, wire.CLIENT.size)
        padded, flags, _, token = wire.CLIENT.unpack(raw)
        path = padded.split(b"\0", 1)[0].decode("utf-8", "replace")
        half = self._halves.get(token)
        if half is None:
            half = self._admit(connection, client, path, flags)
            if half is None:
                return False
            self._halves[token] = half
        if flags & wire.SENDS:
            half.sender = connection
        else:
            half.receiver = connection
        size = os.fstat(half.image).st_size
        wire.send(connection, wire.SERVER.pack(0, size, 512, 0))
        if half.sender is not None and half.receiver is not None:
            del self._halves[token]
            self._launch(half, half.sender, half.receiver)
        return True

    def _admit(self, connection: socket.socket, client: str, path: str, flags: int) -> Half | None:
        now = time.monotonic()
        for token, half in tuple(self._halves.items()):
            if now - half.born > _UNMATCHED_SECONDS:
                del self._halves[token]
                os.close(half.image)
        export = find(self._exports, client, path, flags)
        if isinstance(export, str):
            syslog.syslog(syslog.LOG_WARNING, export)
            wire.send(connection, wire.SERVER.pack(0, 0, 0, errno.EPERM))
            return None
        mode = os.O_RDWR
        if flags & wire.READ_ONLY:
            mode = os.O_RDONLY
        elif flags & wire.WRITE_ONLY:
            mode = os.O_WRONLY
        try:
            image = os.open(path, mode | os.O_CLOEXEC)
        except OSError as error:
            syslog.syslog(syslog.LOG_ERR, f"Cannot open {path}: {error.strerror}.")
            wire.send(connection, wire.SERVER.pack(0, 0, 0, error.errno or errno.EIO))
            return None
        return Half(path=path, image=image, born=now)

    def _launch(self, half: Half, sender: socket.socket, receiver: socket.socket) -> None:
        if os.fork():
            os.close(half.image)
            sender.close()
            receiver.close()
            return
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        for connection in (sender, receiver):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve(self._root, half.path, half.image, sender, receiver)


def _detach() -> None:
    """Leave session and terminal, as daemon(3) does."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
