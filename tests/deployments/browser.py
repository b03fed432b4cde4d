"""Headless Chromium, as far as tests need it: open a page, wait for words in it, take its picture."""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
from websockets.sync.client import connect

from tests.command import environment
from tests.deployments.needs import program
from tests.prefect_server import started
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.connection import Connection

WIDTH = 1440  # pixels of the window
# No sandbox: in containers and for root there is none to have. The window is high enough for a whole page.
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={WIDTH},1900"]


@dataclass(frozen=True)
class Browser:
    """One tab, driven by the DevTools protocol."""

    tab: Connection
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def open(self, url: str) -> None:
        """Go to a page; what it loads later is for ``wait_for``."""
        self.call("Page.navigate", url=url)

    def wait_for(self, *words: str) -> None:
        """Wait until the page shows all of these."""

        def missing() -> list[str]:
            text = self.evaluate("document.body.innerText")
            return [word for word in words if word not in text]

        wait_until(lambda: not missing(), timeout=60, what=f"{', '.join(words)} in the page")

    def image_sizes(self) -> list[list[int]]:
        """Width and height in pixels of each image that the page has drawn; 0 for one that it could not."""
        script = "JSON.stringify([...document.images].map(i => [i.naturalWidth, i.naturalHeight]))"
        sizes: list[list[int]] = json.loads(self.evaluate(script))
        return sizes

    def right_edge(self, words: str) -> float:
        """How far to the right, in pixels, the first heading of a table with these words reaches."""
        script = (
            f"String([...document.querySelectorAll('th')].find(e => e.innerText.trim().toLowerCase() == '{words}')"
            ".getBoundingClientRect().right)"
        )
        return float(self.evaluate(script))

    def screenshot(self, path: Path) -> None:
        """Write the page as a PNG."""
        path.write_bytes(b64decode(self.call("Page.captureScreenshot")["data"]))

    def evaluate(self, script: str) -> str:
        """What an expression that gives text is in the page."""
        value: str = self.call("Runtime.evaluate", expression=script)["result"].get("value", "")
        return value

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """A command of the DevTools protocol, and its result."""
        number = next(self._numbers)
        self.tab.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self.tab.recv(timeout=60))).get("id") != number:
            pass  # an unrequested event
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium with a new profile, in a folder with a short name: the path of its socket may have 107 characters."""
    chromium = program("chromium", "chromium")
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        command = [chromium, *OPTIONS, f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
        with started(command, Path(folder, "log"), environment(TMPDIR=folder)):
            ready = Path(folder, "DevToolsActivePort")
            (port, *_) = wait_until(
                lambda: ready.read_text().split() if ready.exists() else [], timeout=60, what="Chromium"
            )
            tab = httpx.put(f"http://127.0.0.1:{port}/json/new").raise_for_status().json()["webSocketDebuggerUrl"]
            with connect(tab, max_size=None) as connection:
                yield Browser(connection)
