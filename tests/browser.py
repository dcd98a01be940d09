"""Headless Chromium for the tests: a page is opened, asked and pointed at over the DevTools protocol.

Design: the protocol over a pipe, which Chromium offers as messages of JSON with a zero byte between. A driver of
another package (rejected) would have to be installed and to fit the browser's version.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "win32":
    import fcntl

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--remote-debugging-pipe", "--hide-scrollbars", "--disable-extensions"),
)
READS = "willReadFrequently"  # Chromium's advice on reading pixels back, which only tests do
PATIENCE = 60.0  # seconds for anything that must happen


class Browser:
    """One browser with one page; ``requests`` and ``faults`` (console errors, exceptions) are what it noted."""

    def __init__(self, folder: Path):
        if sys.platform == "win32":
            pytest.skip("this driver of Chromium needs file descriptors as POSIX has them")
        program = next((found for found in map(shutil.which, NAMES) if found), None)
        if program is None:
            pytest.skip("Chromium is not installed (Debian: apt install chromium-headless-shell)")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        far = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]  # so that 3 and 4 hit neither
        files = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
        files += [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in zip((3, 4), far, strict=True)]
        command = [program, *OPTIONS, f"--user-data-dir={folder}", "about:blank"]
        self._process = os.posix_spawn(program, command, os.environ, file_actions=files, setsid=True)
        for fd in (theirs_in, theirs_out, *far):
            os.close(fd)
        self._rest, self._number, self._session = b"", 0, None
        self.requests: list[str] = []
        self.faults: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of one command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            came = self._receive(deadline)
            if came.get("id") == self._number:
                assert "error" not in came, came
                return came["result"]

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._in], [], [], deadline - time.monotonic())[0], "Chromium does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "Chromium has ended"
            self._rest += part
        text, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and READS not in told["entry"]["text"]:
            self.faults.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif event == "Runtime.consoleAPICalled" and READS not in json.dumps(told["args"]):
            self.faults.append(json.dumps(told["args"]))

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str) -> Any:
        """The value of an expression when it becomes true."""
        deadline = time.monotonic() + PATIENCE
        while not (value := self.ask(expression)):
            assert time.monotonic() < deadline, f"{expression} does not become true; {self.faults}"
            time.sleep(0.05)
        return value

    def text(self, selector: str) -> str:
        """What is written in the first element that a selector finds."""
        return self.ask(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def point(self, x: float, y: float) -> None:
        """Move the mouse there."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector: str) -> None:
        """Click on the first element that a selector finds."""
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")

    def place(self, selector: str) -> dict[str, float]:
        """x, y, width and height of an element in the window, which is scrolled to it."""
        found = f"document.querySelector({json.dumps(selector)})"
        return self.ask(f"{found}.scrollIntoView({{block: 'center'}}), {found}.getBoundingClientRect().toJSON()")

    def look(self, width: int, height: int, *, dark: bool = False, scale: float = 1.0) -> None:
        """Set the window's size, and the scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Write the whole page to a PNG file."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End the browser and the processes it started."""
        os.close(self._out)
        os.close(self._in)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


@contextlib.contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A block with a browser whose profile is in a folder."""
    browser = Browser(folder)
    try:
        yield browser
    finally:
        browser.close()
