"""A web server on this machine that treats its clients badly."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: answers one request instead of the server; gives the handler and the contents of the file
Fault = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Serves files, ranges of them too."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        owner: Any = self.server
        owner.asked.append((self.path, self.headers.get("Range")))
        file = owner.root / self.path.lstrip("/")
        content = file.read_bytes() if file.is_file() else b""
        if owner.faults:
            owner.faults.pop(0)(self, content)
        elif not file.is_file():
            status(404)(self, content)
        else:
            self.serve(content)

    def serve(
        self, content: bytes, *, ranges: bool = True, length: int | None = None, first: int | None = None
    ) -> None:
        """The file, or the range that was asked for."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and ranges else 0
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(body if first is None else body[:first])
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


def drops(after: int, ranges: bool = True) -> Fault:
    """The line goes dead in the middle of the answer."""
    return lambda handler, content: handler.serve(content, first=after, ranges=ranges)


def status(code: int) -> Fault:
    def refuse(handler: Handler, _: bytes) -> None:
        handler.send_response(code)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return refuse


def redirects(path: str) -> Fault:
    def send(handler: Handler, _: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", path)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return send


def sends(body: bytes, kind: str = "application/octet-stream") -> Fault:
    """Something else, and calls it a success."""

    def send(handler: Handler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def lies(by: int) -> Fault:
    """Says another length than it sends."""
    return lambda handler, content: handler.serve(content, length=len(content) + by)


def no_ranges(handler: Handler, content: bytes) -> None:
    handler.serve(content, ranges=False)


def wrong_range(handler: Handler, content: bytes) -> None:
    """Answers with a range that nobody asked for."""
    handler.send_response(206)
    handler.send_header("Content-Length", "3")
    handler.send_header("Content-Range", f"bytes 1-3/{len(content)}")
    handler.end_headers()
    handler.wfile.write(content[1:4])


class Server(ThreadingHTTPServer):
    """What it serves, what it was asked for, and the faults of the next requests."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.asked: list[tuple[str, str | None]] = []
        self.faults: list[Fault] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    with Server(root) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
