"""What does ggated's child do for one client?

One thread receives, one works, one sends.
"""

import os
import socket
import syslog
import threading
from queue import SimpleQueue

from hafailover.lab.host import wire
from hafailover.lab.host.disk_faults import DiskFaults
from hafailover.lab.host.undo import UndoJournal

Request = tuple[int, int, int, int, bytes]
"""Command, offset, length, sequence number, data."""
Answer = tuple[int, int, int, int, int, bytes]
"""The same with the error before the data."""


def serve(root: str, path: str, image: int, sender: socket.socket, receiver: socket.socket) -> None:
    """Serve one client until it hangs up; never returns."""
    requests: SimpleQueue[Request] = SimpleQueue()
    answers: SimpleQueue[Answer] = SimpleQueue()
    threading.Thread(target=_receive, args=(receiver, requests), daemon=True).start()
    threading.Thread(target=_send, args=(sender, answers), daemon=True).start()
    disk = Disk(root, path, image)
    for name in ("disk_thread", "send_thread", "recv_thread"):
        syslog.syslog(syslog.LOG_NOTICE, f"{name}: started [{path}]!")
    while True:
        command, offset, length, sequence, data = requests.get()
        error, content = disk.do(command, offset, length, data)
        answers.put((command, offset, length, sequence, error, content))


def _receive(receiver: socket.socket, requests: SimpleQueue[Request]) -> None:
    try:
        while True:
            header = wire.receive(receiver, wire.HEADER.size)
            command, offset, length, sequence, _ = wire.HEADER.unpack(header)
            if length > wire.LIMIT:
                syslog.syslog(syslog.LOG_ERR, "Malformed hdr packet received.")
                os._exit(1)
            data = wire.receive(receiver, length) if command == wire.WRITE else b""
            requests.put((command, offset, length, sequence, data))
    except wire.LostError:
        os._exit(0)


def _send(sender: socket.socket, answers: SimpleQueue[Answer]) -> None:
    try:
        while True:
            command, offset, length, sequence, error, data = answers.get()
            header = wire.HEADER.pack(command, offset, length, sequence, error)
            wire.send(sender, header + data)
    except wire.LostError:
        os._exit(1)


class Disk:
    """The image file, whose writes are in memory only until a flush."""

    def __init__(self, root: str, path: str, image: int) -> None:
        self._path = path
        self._real = os.path.realpath(path)
        self._image = image
        self._faults = DiskFaults(root)
        self._undo = UndoJournal(root, path)

    def do(self, command: int, offset: int, length: int, data: bytes) -> tuple[int, bytes]:
        """Do one request; errno (0 for none) and what was read."""
        error = self._faults.error(self._real) or self._faults.error(self._path)
        if error:
            return error, b""
        try:
            if command == wire.READ:
                content = os.pread(self._image, length, offset)
                return 0, content + bytes(length - len(content))
            if command == wire.WRITE:
                self._undo.before_write(self._image, offset, length)
                os.pwrite(self._image, data, offset)
            elif command == wire.FLUSH:
                self._undo.clear()
        except OSError as failure:
            syslog.syslog(syslog.LOG_ERR, f"Disk error: {failure.strerror}")
            return failure.errno or 5, b""
        return 0, b""
