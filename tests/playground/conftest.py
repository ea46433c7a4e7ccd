# SPDX-License-Identifier: Apache-2.0
"""The page, played in a real browser: Debian's Chromium, driven by Playwright, which downloads nothing.

Where there is no Chromium these tests are skipped, and say so; with KNEIGHBORS_REQUIRE_CHROMIUM=1, as in
continuous integration, that is a failure. KNEIGHBORS_CHROMIUM names another executable.
"""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

import pytest

from kneighbors.playground.app import playground_app
from kneighbors.serve import running

REQUIRED = os.environ.get("KNEIGHBORS_REQUIRE_CHROMIUM") == "1"


def chromium() -> str | None:
    names = (os.environ.get("KNEIGHBORS_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for found in map(shutil.which, filter(None, names)) if found), None)


@pytest.fixture(scope="module")  # Playwright has an event loop in this thread until it stops
def browser():
    executable = chromium()
    if executable is None:
        reason = "no Chromium: apt-get install chromium, or set KNEIGHBORS_CHROMIUM"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    with playwright() as play:
        launched = play.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def site():
    with running(playground_app()) as url:
        yield url


class Played:
    """One page, and what went wrong on it."""

    def __init__(self, browser, site, **options) -> None:
        options = {"viewport": {"width": 1100, "height": 700}, "reduced_motion": "reduce"} | options
        self.context = browser.new_context(accept_downloads=True, **options)
        self.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.site = site
        self.troubles: list[str] = []
        self.expected: list[str] = []
        host = urlsplit(site).netloc
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on(
            "request",
            lambda request: (
                None
                if urlsplit(request.url).netloc == host or request.url.startswith(("blob:", "data:"))
                else self.troubles.append(f"request off the origin: {request.url}")
            ),
        )

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console: {message.text}")

    def open(self, address: str = "") -> Played:
        self.page.goto("about:blank")
        self.page.goto(f"{self.site}/" + (f"#{address}" if address else ""))
        self.page.wait_for_selector("#playground[data-ready=yes]")
        return self.settle()

    def settle(self) -> Played:
        """Until nothing is asked and nothing waits to be asked."""
        self.page.evaluate(
            """async () => {
              let quiet = 0;
              while (quiet < 3) {
                await new Promise((next) => setTimeout(next, 12));
                quiet = window.playground.busy() ? 0 : quiet + 1;
              }
            }"""
        )
        return self

    def part(self, name: str):
        return self.page.locator(f'[data-part="{name}"]')

    @property
    def state(self) -> dict:
        return self.page.evaluate("window.playground.store.state")

    @property
    def grid(self) -> dict:
        """What the plane shows: size, labels and shade as lists."""
        return self.page.evaluate(
            """() => {
              const { columns, rows, labels, shade, ties } = window.playground.plane.grid;
              return { columns, rows, labels: [...labels], shade: [...shade], ties: [...ties] };
            }"""
        )

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the plane lies on the screen."""
        box = self.page.locator("#plane canvas").last.bounding_box()
        px, py = self.page.evaluate("(place) => window.playground.plane.toPixel(place)", [x, y])
        return box["x"] + px, box["y"] + py


@pytest.fixture
def play(browser, site):
    """A function that opens a page; when the test ends, nothing may have gone wrong on any."""
    opened: list[Played] = []

    def begin(address: str = "", **options) -> Played:
        played = Played(browser, site, **options)
        opened.append(played)
        return played.open(address)

    yield begin
    for played in opened:
        played.context.close()
        troubles = [
            trouble for trouble in played.troubles if not any(words in trouble for words in played.expected)
        ]
        assert not troubles, troubles
