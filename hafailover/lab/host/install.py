"""How do the emulated programs get into a host's bin directory?"""

import sys
from pathlib import Path
from typing import Final

from hafailover.emulation.commands.programs import PROGRAMS
from hafailover.lab.host.tool import door

_PROCESSES: Final = {"ggated": "ggated", "ggatec": "ggatec"}
_PROCESS: Final = """#!{python} -IS
import sys
sys.path.insert(0, {package!r})
from hafailover.lab.host.{module} import main
main({root!r}, [{name!r}, *sys.argv[1:]])
"""
_TOOL: Final = """#!{python} -IS
import marshal, posix, sys
from _signal import signal
from _socket import AF_UNIX, SOCK_STREAM, socket

def write(where, text):
    data = text.encode()
    while data:
        data = data[posix.write(where, data):]

door = socket(AF_UNIX, SOCK_STREAM)
try:
    door.connect({door!r})
except OSError as error:
    write(2, "{name}: no kernel: %s\\n" % error)
    posix._exit(70)
for number in (1, 2, 15):
    signal(number, lambda *_: door.send(b"signal\\n"))
words = marshal.dumps([{name!r}, *sys.argv[1:]])
door.sendall(b"run " + words.hex().encode() + b"\\n")
answer = b""
while part := door.recv(65536):
    answer += part
if not answer:
    posix._exit(70)
status, out, err = marshal.loads(answer)
write(1, out)
write(2, err)
if status < 0:
    for number in (1, 2, 15):
        signal(number, 0)
    posix.kill(posix.getpid(), -status)
posix._exit(status & 255)
"""
"""A program that only asks: it is started many times in a takeover, so nothing but built-in modules is loaded."""


def install(root: Path) -> None:
    """Write every program into ``root/bin``."""
    package = str(Path(__file__).resolve().parents[3])
    (root / "bin").mkdir(parents=True, exist_ok=True)
    for name in (*PROGRAMS, *_PROCESSES, "ps"):
        program = root / "bin" / name
        text = (_PROCESS if name in _PROCESSES else _TOOL).format(
            python=sys.executable,
            package=package,
            module=_PROCESSES.get(name),
            root=str(root),
            name=name,
            door=door(str(root)),
        )
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
