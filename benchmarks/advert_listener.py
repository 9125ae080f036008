"""Notes the kernel's time stamp of every advertisement seen on an interface; runs inside a namespace.

python -m benchmarks.advert_listener IFACE SECONDS

Says ``listening``, and prints what it heard at its end, which SIGTERM brings sooner.
"""

import json
import signal
import sys
import time

from benchmarks.client_probe import Listener


def main(interface: str, seconds: float) -> None:
    """Listen, then print [[time, priority], ...] as JSON."""
    listener = Listener(interface)
    end = time.time() + seconds

    def stop(*_: object) -> None:
        nonlocal end
        end = 0.0

    signal.signal(signal.SIGTERM, stop)
    print("listening", flush=True)
    seen = []
    while time.time() < end:
        seen += [
            (frame.at, frame.priority) for frame in listener.frames(0.1) if frame.is_advertisement
        ]
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
