"""A headless Chromium that tests can ask: a few words of its DevTools protocol over two pipes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Browser:
    """One page of a headless Chromium; use it in a ``with`` statement.

    Attributes:
        problems: Errors and warnings that the page gave so far.
        requests: What it asked the network for: everything but the file itself and data URIs.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._session = ""
        self._loaded = False
        self._held = b""

    def __enter__(self) -> Browser:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def place_pipes() -> None:
            # Chromium reads from 3 and writes to 4; the numbers may be in use for one another.
            copies = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(copies[0], 3)
            os.dup2(copies[1], 4)

        self._profile = tempfile.mkdtemp()
        words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        words += ["--no-first-run", "--hide-scrollbars", f"--user-data-dir={self._profile}"]
        self._process = subprocess.Popen(
            [str(CHROMIUM), *words, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=place_pipes,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._send(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def open(self, file: Path, fragment: str = "", width: int = 1280, height: int = 900) -> None:
        """Load a file in a window of a size and wait until it is there."""
        self.resize(width, height)
        self._go("about:blank")  # a new fragment alone would not load the file again
        self._go(f"file://{file}" + (f"#{fragment}" if fragment else ""))

    def _go(self, url: str) -> None:
        self._loaded = False
        self._send("Page.navigate", url=url)
        while not self._loaded:
            self._read()

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window another size."""
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def prefer(self, scheme: str) -> None:
        """Make the system prefer "dark" or "light"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._send("Emulation.setEmulatedMedia", features=[feature])

    def media(self, kind: str) -> None:
        """Show the page as on "screen" or in "print"."""
        self._send("Emulation.setEmulatedMedia", media=kind)

    def js(self, expression: str) -> Any:
        """Return what an expression gives; promises are waited for."""
        result = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key ("Tab", "Enter", "Escape")."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        key_is = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self._send("Input.dispatchKeyEvent", type="keyDown", **key_is, **text)
        self._send("Input.dispatchKeyEvent", type="keyUp", **key_is)

    def screenshot(self, file: Path, *, full: bool = False) -> None:
        """Save what is seen, or the whole page, as PNG."""
        shot = self._send("Page.captureScreenshot", captureBeyondViewport=full)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        """Read one message; note what it tells of the page."""
        while b"\0" not in self._held:
            more = os.read(self._in, 1 << 20)
            if not more:
                raise AssertionError("Chromium is gone")
            self._held += more
        text, _, self._held = self._held.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        params = message.get("params") or {}
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:", "about:", "blob:")):
                    self.requests.append(url)
            case "Runtime.exceptionThrown":
                self.problems.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.problems.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                self.problems.append(str(params["args"]))
        return message
