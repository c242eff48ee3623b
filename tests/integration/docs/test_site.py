"""The documentation site, as MkDocs builds it."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.documents import ROOT, pages

_FETCHES = {
    "href": ("link",),
    "src": ("script", "img", "iframe", "source", "video", "audio", "embed"),
    "data": ("object",),
}
_NO_FETCH = ("canonical", "prev", "next", "generator")
_NOT_ON_THE_SITE = {"README.md"}
"""The front page of the repository; the site has its own."""


class _Fetches(HTMLParser):
    """Collects what a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if attributes.get("rel") in _NO_FETCH:
            return
        self.found += [
            value
            for name, value in attrs
            if value and tag in _FETCHES.get(name, ()) and urlsplit(value).netloc
        ]


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    assert len(list(site.rglob("index.html"))) == len(pages().keys() - _NOT_ON_THE_SITE)


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        parser = _Fetches()
        parser.feed(page.read_text())
        assert parser.found == [], page.relative_to(site)


def test_styles_fetch_nothing_from_elsewhere(site: Path) -> None:
    for sheet in site.rglob("*.css"):
        text = sheet.read_text()
        assert "url(http" not in text, sheet.name
        assert "url(//" not in text, sheet.name
        assert "@import" not in text, sheet.name
