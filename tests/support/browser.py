"""Real headless Chromium, people who sign in with it, pictures of pages, and axe-core's opinion of them.

Chromium is the one on the PATH (`make tools` finds it or says what to install); Playwright only drives it.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from app_platform.local.paths import workspace_root
from support.dashboard import PASSWORD, Dashboard

CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES: Final = workspace_root() / ".local" / "screenshots"
WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
NARROW: Final[ViewportSize] = {"width": 390, "height": 844}
_RULES: Final = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}


@dataclass
class Visitor:
    """Somebody in front of a browser.

    Attributes:
        page: What they look at.
        name: Who they are; empty before they sign in.
        complaints: What the browser had to say: errors of scripts, and what the content policy stopped.
    """

    page: Page
    dashboard: Dashboard
    name: str = ""
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the dashboard."""
        self.page.goto(self.dashboard.url + path)
        return self.page

    def sign_in(self, name: str) -> Page:
        """From the page that asks for it, through the identity provider, and back."""
        self.page.get_by_role("link", name=re.compile("Sign in")).click()
        if self.page.locator("#username").count():
            self.page.locator("#username").fill(name)
            self.page.locator("#password").fill(PASSWORD)
            self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.dashboard.url}/**")
        self.name = name
        return self.page

    def path(self) -> str:
        """Where they are."""
        return self.page.url.removeprefix(self.dashboard.url)

    def check(self) -> None:
        """The page is accessible to all, by axe-core's rules for WCAG 2.2 AA, and nothing was stopped or went wrong in it."""
        results = Axe().run(self.page, options=_RULES)
        assert results.violations_count == 0, results.generate_report()
        assert self.complaints == []

    def picture(self, name: str) -> None:
        """Pictures of the page, light and dark, wide and narrow; checks each."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            self.page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                self.check()
                assert self._fits(), f"{name}, {width}: the page is wider than the screen"
                self.page.screenshot(path=PICTURES / f"{name}-{width}-{scheme}.png", full_page=True)
        self.page.set_viewport_size(WIDE)

    def _fits(self) -> bool:
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        )


def find_chromium() -> str:
    """Where Chromium is; fails with what to install."""
    for name in CHROMIUM:
        if found := shutil.which(name):
            return found
    pytest.fail("no Chromium on the PATH: on Debian, apt-get install chromium")


@pytest.fixture(scope="module")
def chromium(dashboard: Dashboard) -> Iterator[Browser]:
    """One browser per module, after the platform is up: an event loop of Playwright's own runs in this thread as long as it is there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


NewVisitor = Callable[..., Visitor]


@pytest.fixture
def visitor(chromium: Browser, dashboard: Dashboard) -> Iterator[NewVisitor]:
    """Brings somebody: `visitor("ada")` is signed in, `visitor()` is not; each has a browser profile of their own."""
    opened: list[BrowserContext] = []

    def bring(name: str = "", *, scripts: bool = True) -> Visitor:
        context = chromium.new_context(viewport=WIDE, java_script_enabled=scripts)
        context.set_default_timeout(20_000)
        opened.append(context)
        somebody = Visitor(context.new_page(), dashboard)
        somebody.page.on("pageerror", lambda error: somebody.complaints.append(str(error)))
        somebody.page.on(
            "console",
            lambda message: (
                somebody.complaints.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text
                else None
            ),
        )
        if name:
            somebody.open("/me")
            somebody.sign_in(name)
        return somebody

    yield bring
    for context in opened:
        context.close()


__all__ = ["NewVisitor", "Visitor"]
