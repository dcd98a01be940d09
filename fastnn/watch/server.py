"""The server of the page: two addresses, ``/`` (the page) and ``/events`` (the board, as server-sent events).

It listens on 127.0.0.1 and answers requests that name it so: another site's page whose name was made to point here
(DNS rebinding) sends its own name as Host and is refused. Nothing but those two addresses is ever read or told.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import re
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any, cast

from fastnn.watch.board import Board

PORT, PORTS = 8470, 20  # the first port that is tried, as the command line names it too, and how many
PATIENCE = 5.0  # seconds that a whole request, however it drips, or a write to a page may take
QUIET = 5.0  # seconds after which a page that has no news is written to, to see if it is still there
LOADING = 1.0  # seconds after which a page that was asked for should have asked for the events
TAKEN = (errno.EADDRINUSE, errno.EACCES)  # EACCES: the system keeps the port for itself


class Server(ThreadingHTTPServer):
    """Serves the page and a board on 127.0.0.1, in threads that do not hold up the end of the program.

    Parameters
    ----------
    board : what ``/events`` tells.
    port : the first that is tried; up to 19 more follow when it is busy. 0 takes any that is free.

    Raises
    ------
    OSError
        none of the ports is free.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, board: Board, port: int = PORT):
        self.board = board
        self.page = resources.files("fastnn.watch").joinpath("page.html").read_bytes()
        self.policy = policy(self.page.decode())
        self._take_port(port)
        self.hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        if self.port == 80:
            self.hosts |= {"127.0.0.1", "localhost"}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="fastnn-watch-server", daemon=True)
        self._thread.start()

    def _take_port(self, first: int) -> None:
        ports = range(first, min(first + PORTS, 65536)) if first else range(1)
        for port in ports:
            try:
                super().__init__(("127.0.0.1", port), Handler)
                return
            except OSError as error:
                if error.errno not in TAKEN:
                    raise
        raise OSError(f"all ports from {first} to {ports[-1]} are busy; name another one")

    def server_bind(self) -> None:
        """Bind, without asking for this machine's name as the base class does: that can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    @property
    def port(self) -> int:
        """The port that was free."""
        return self.server_port

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A page that went away, or does not read, is none of our errors."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # typeshed has one kind of request

    def stop(self, patience: float = 0.3) -> None:
        """Let the pages have the last messages, at most for ``patience`` seconds, and give the port back."""
        self.board.close(patience)
        self.shutdown()
        self.server_close()
        self._thread.join()


class Request(io.RawIOBase):
    """What a connection sends, until ``seconds`` after it was opened; then reading is a ``TimeoutError``."""

    def __init__(self, connection: socket.socket, seconds: float):
        self.connection, self.deadline = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Take what has come, and wait for it no longer than the time that is left."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self.connection.settimeout(left)
        return self.connection.recv_into(buffer)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = PATIENCE

    def setup(self) -> None:
        """Read the request against one clock: a timeout a byte (the base class) lets it drip for ever."""
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(Request(self.connection, self.timeout))

    def parse_request(self) -> bool:
        """Read the header; from then on each write has its own time."""
        parsed = super().parse_request()
        self.connection.settimeout(self.timeout)
        return parsed

    def do_GET(self) -> None:
        """Serve one of the two addresses."""
        server = cast(Server, self.server)
        origin = self.headers.get("Origin", "").removeprefix("http://")
        if self.headers.get_all("Host", []) not in [[host] for host in server.hosts] or (
            origin and origin not in server.hosts
        ):
            self._answer(403, "text/plain", f"this server is reached as {server.address}\n".encode())
        elif self.path == "/":
            server.board.expect(LOADING)
            self._answer(200, "text/html", server.page)
        elif self.path == "/events":
            self._stream(server.board)
        else:
            self._answer(404, "text/plain", b"there is nothing here; the page is at /\n")

    def _refuse(self) -> None:
        self._answer(405, "text/plain", b"this server answers GET only\n")

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse

    def _stream(self, board: Board) -> None:
        self._head(200, "text/event-stream")
        with board.reading():
            seen, last = 0, False
            while not last:
                seen, frames, last = board.newer(seen, QUIET)
                self.wfile.write(frames or b": still here\n\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self._head(status, kind, len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, kind: str, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        if length is not None:
            self.send_header("Content-Length", str(length))
        if status == 405:
            self.send_header("Allow", "GET")
        self.end_headers()

    def end_headers(self) -> None:
        """Close the header; every answer carries what browsers should refuse to do with it."""
        self.send_header("Content-Security-Policy", cast(Server, self.server).policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def version_string(self) -> str:
        """The name of the server; its version is nobody's business."""
        return "fastnn"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the training."""


def policy(page: str) -> str:
    """The Content-Security-Policy of the page: its own script and style by their hashes, its own events, no more."""

    def allowed(tag: str) -> str:
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in texts)

    return (
        f"default-src 'none'; script-src {allowed('script')}; style-src {allowed('style')}; connect-src 'self'; "
        f"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
