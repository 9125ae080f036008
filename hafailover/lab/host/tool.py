"""How does a program that is a process of its own, ggatec or ggated, get the emulated kernel's leave to begin?

It sends its arguments to the kernel process and waits; told no, it prints what comes back and exits with the
status. While the command sleeps in the kernel, a signal only asks: what sleeps uninterruptibly goes on.
The other programs (``install``) do the same in fewer words.
"""

import json
import os
import signal
import socket
import sys
from typing import Any, Final, NoReturn

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def door(root: str) -> str:
    """Return the kernel's socket."""
    return f"{root}/var/run/kernel.sock"


class Call:
    """One conversation with the kernel: JSON objects, one a line."""

    def __init__(self, root: str) -> None:
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.connect(door(root))

    def say(self, **words: Any) -> None:
        """Send one object."""
        self.connection.sendall(json.dumps(words).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """Wait for one object; empty when the kernel is gone.

        Takes nothing beyond the object's line: requests for a ggatec may follow at its heels.
        """
        line = b""
        while not line.endswith(b"\n"):
            ahead = self.connection.recv(65536, socket.MSG_PEEK)
            if not ahead:
                return {}
            line += self.connection.recv(ahead.find(b"\n") + 1 or len(ahead))
        answer: dict[str, Any] = json.loads(line)
        return answer


def ask(root: str, argv: list[str]) -> dict[str, Any]:
    """Run a command in the kernel and return its answer, or leave as it demands.

    Returns only ``{"proceed": ...}``: the program is a process of its own and may begin.
    """
    try:
        call = Call(root)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: no kernel: {error}\n")
        os._exit(70)

    def pass_on(number: int, _frame: object) -> None:
        call.say(signal=number)

    for number in _SIGNALS:
        signal.signal(number, pass_on)
    call.say(run=argv)
    answer = call.hear()
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if "proceed" in answer:
        call.connection.close()
        return answer
    return leave(answer)


def leave(answer: dict[str, Any]) -> NoReturn:
    """Print the answer and exit as it says; a command ended by a signal ends this process so."""
    sys.stdout.write(answer.get("stdout", ""))
    sys.stderr.write(answer.get("stderr", ""))
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        os._exit(1)
    status = answer.get("status", 70)
    if status < 0:
        os.kill(os.getpid(), -status)
        status = 128 - status
    os._exit(status)
