"""Takes numbers over TCP, appends each to a file on the volume, and acknowledges it when it is durable.

HAFAILOVER_WRITER_FILE and HAFAILOVER_WRITER_PORT change where; a line is ``n``, its answer ``ok n``.
"""

import os
import socketserver

PLACE = os.environ.get("HAFAILOVER_WRITER_FILE", "/data/records")
PORT = int(os.environ.get("HAFAILOVER_WRITER_PORT", "7777"))


class Records(socketserver.StreamRequestHandler):
    def handle(self):
        descriptor = os.open(PLACE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            for line in self.rfile:
                number = int(line)
                os.write(descriptor, b"%d\n" % number)
                os.fsync(descriptor)
                self.wfile.write(b"ok %d\n" % number)
        finally:
            os.close(descriptor)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    with Server(("", PORT), Records) as server:
        server.serve_forever()
