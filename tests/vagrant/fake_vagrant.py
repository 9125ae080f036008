"""Stands for vagrant(1): ``fake_vagrant.py SOCKET WORDS...`` asks who holds the machines, and answers as that says."""

import json
import socket
import sys


def main() -> None:
    """Ask, and end as the command did."""
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(sys.argv[1])
        door.sendall(json.dumps(sys.argv[2:]).encode() + b"\n")
        with door.makefile() as answer:
            status, out, err = json.loads(answer.readline())
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.exit(status)


if __name__ == "__main__":
    main()
