"""A real web server that takes what is posted, and can be told to fail or to hang."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hafailover.override import override


class Web:
    """What was asked of it, and how it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.location = ""
        self.hangs = threading.Event()
        self.posted: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.got: list[str] = []
        self.url = ""

    @property
    def texts(self) -> list[str]:
        return [each["text"] for each in self.posted]


@contextmanager
def web_server(web: Web, port: int = 0) -> Iterator[Web]:
    """Serve on loopback."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if web.hangs.is_set():
                web.hangs.wait(0)
                threading.Event().wait(3)
                return
            if web.status < 300:
                web.posted.append(json.loads(body))
                web.headers.append(dict(self.headers))
            self._answer()

        def do_GET(self) -> None:
            web.got.append(self.path)
            self._answer()

        def _answer(self) -> None:
            self.send_response(web.status)
            if web.location:
                self.send_header("Location", web.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
