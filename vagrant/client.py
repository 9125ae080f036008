"""Writes numbers to the floating address until it is told to end; says what was acknowledged, and when.

usage: client.py ADDRESS PORT LOG; each line of LOG: seconds (monotonic), the number, seconds that it took.
"""

import signal
import socket
import sys
import time


def main():
    address, port, log = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    number = 0
    with open(log, "w", buffering=1) as file:
        while True:
            try:
                with socket.create_connection((address, port), timeout=1) as link:
                    stream = link.makefile("rwb")
                    while True:
                        number += 1
                        began = time.monotonic()
                        stream.write(b"%d\n" % number)
                        stream.flush()
                        if stream.readline() != b"ok %d\n" % number:
                            break
                        now = time.monotonic()
                        file.write(f"{now:.3f} {number} {now - began:.3f}\n")
                        time.sleep(0.05)
            except OSError:
                time.sleep(0.05)


if __name__ == "__main__":
    main()
