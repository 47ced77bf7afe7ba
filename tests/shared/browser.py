"""A real browser over its DevTools pipe: opens a page, clicks, reads, takes pictures.

Chromium's --remote-debugging-pipe speaks JSON messages that end with a zero byte, on descriptors 3 (to the
browser) and 4 (from it): no port, no further package.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ANSWER_SECONDS = 30.0
WIDTH, HEIGHT = 1100, 1400
CHUNK = 1 << 16
TO_BROWSER, FROM_BROWSER = 3, 4
FAR = 100  # the least of descriptors that lie away from these


def find_browser() -> str | None:
    """CHROMIUM, or the first of the usual names on the PATH."""
    names = (os.environ.get("CHROMIUM", ""), *NAMES)
    return next((path for path in map(shutil.which, names) if path), None)


class Browser:
    """One headless browser with one tab. complaints: what the console was told of as wrong."""

    def __init__(self, executable: str, profile: Path) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self._read, self._write = ours_in, ours_out
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]
        size = [f"--window-size={WIDTH},{HEIGHT}", f"--user-data-dir={profile}", "--hide-scrollbars"]

        def own_ends() -> None:  # by way of descriptors out of reach: ours may be 3 and 4 themselves
            ends = [fcntl.fcntl(end, fcntl.F_DUPFD, FAR) for end in (theirs_in, theirs_out)]
            os.dup2(ends[0], TO_BROWSER)
            os.dup2(ends[1], FROM_BROWSER)

        self._process = subprocess.Popen(
            [executable, *flags, *size, "--remote-debugging-pipe", "about:blank"],
            preexec_fn=own_ends,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._number, self._rest, self._session = 0, b"", ""
        self.complaints: list[str] = []
        tabs = self.ask("Target.getTargets")["targetInfos"]
        tab = next(item["targetId"] for item in tabs if item["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """A command's result; complaints that arrive meanwhile are kept."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self._read, CHUNK) if ready else b""
            assert chunk, "the browser does not answer"
            self._rest += chunk
        first, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(first)
        self._listen(message.get("method", ""), message.get("params", {}))
        return message

    def _listen(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.complaints.append(told["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(told["args"]))

    def open(self, page: Path, scheme: str = "light", width: int = WIDTH) -> None:
        """Loads a file, as a reader who prefers "light" or "dark" sees it in a window of `width` pixels."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=HEIGHT,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=page.resolve().as_uri())
        deadline = time.monotonic() + ANSWER_SECONDS
        while self.value("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < deadline, f"{page} does not load"
            time.sleep(0.02)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def awaited(self, expression: str) -> Any:
        """What a JavaScript expression comes to once that is neither 0 nor empty."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression} stays {found!r}"
            time.sleep(0.05)
        return found

    def click(self, selector: str) -> None:
        """A press of the mouse in the middle of the first element that matches, scrolled to."""
        place = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{place}.scrollIntoView({{block: 'center'}})")
        box = self.value(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({place}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def picture(self, path: Path) -> None:
        """A PNG of the whole page."""
        data = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """Ends the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)
