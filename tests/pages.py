"""What a page sees, without a browser: requests to the server of fastnn.watch, and readers of its events."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE = 60.0  # seconds for anything that must happen


def until(condition: Callable[[], Any]) -> Any:
    """What the condition returns when it becomes true."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, "what was waited for has not happened"
        time.sleep(0.005)
    return value


def get(port: int, path: str = "/", method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """The answer to one request, read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    response.text = response.read().decode()
    connection.close()
    return response


def raw(port: int, text: str) -> bytes:
    """The bytes that come back for these, until the server closes."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(text.encode())
        came = b""
        while part := connection.recv(65536):
            came += part
        return came


class Reader:
    """A page that is connected to the events."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connection.request("GET", "/events")
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        assert self.response.getheader("Content-Type") == "text/event-stream; charset=utf-8"

    def events(self) -> Iterator[tuple[str, Any]]:
        """Name and message of each event, until the server closes."""
        name, deadline = "", time.monotonic() + PATIENCE
        while line := self.response.readline():
            assert time.monotonic() < deadline, "there is no end to the events"
            key, _, text = line.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = text
            elif key == "data":
                yield name, json.loads(text, parse_constant=_no_constant)

    def events_now(self) -> list[tuple[str, Any]]:
        """The events up to the first state, which is the last of those on the board."""
        found = []
        for event in self.events():
            found.append(event)
            if event[0] == "state":
                break
        return found

    def states(self) -> Iterator[Any]:
        """The messages named state."""
        return (message for name, message in self.events() if name == "state")

    def close(self) -> None:
        """Go away, as a page that is closed does."""
        self.response.close()
        self.connection.close()

    __del__ = close


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


class Stuck:
    """A page that connects and never reads."""

    def __init__(self, port: int, host: str | None = None):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(f"GET /events HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\n\r\n".encode())

    def close(self) -> None:
        """Go away."""
        self.socket.close()

    __del__ = close
